import type { Env } from '../../lib/lists.ts'
import type { Credentials } from '../../registry/auth.ts'
import type { RegistryAccess } from '../../registry/client-factory.ts'
import { dockerConfigKey } from '../../registry/credentials/docker-config.ts'
import type { RegistryHosts } from '../../registry/hosts.ts'
import type { Repository } from '../../registry/reference.ts'
import type { Cosign } from './cosign.ts'

/** How cosign reaches a registry: arguments, and variables for one process. */
export interface RegistryCall {
  readonly args: readonly string[]
  readonly env: Env
}

interface AccessOptions {
  readonly cosign: Cosign
  readonly registries: Pick<RegistryAccess, 'credentials'>
  readonly hosts: RegistryHosts
  /** The name of the directory for cosign's Docker configuration. */
  readonly configDir: string
}

/** With the login for this repository only. */
export async function accessTo(repository: Repository, options: AccessOptions): Promise<RegistryCall> {
  const { cosign, registries, hosts, configDir } = options
  const { ca = '', insecure = false, http = false } = hosts[repository.registry] ?? {}
  const login = (await registries.credentials(repository)) ?? { username: '', password: '' }
  const { file, env } = dockerConfigOf(repository, login)
  const dir = cosign.createDir(configDir)
  // Without this file cosign would look for other configurations.
  cosign.write(`${configDir}/config.json`, JSON.stringify(file))
  return {
    args: [
      ...(http ? ['--allow-http-registry'] : []),
      ...(insecure ? ['--allow-insecure-registry'] : []),
      ...(ca === '' ? [] : ['--registry-cacert', cosign.write(`${configDir}/ca.pem`, ca)]),
    ],
    env: { DOCKER_CONFIG: dir, ...env },
  }
}

/** A password is only in the environment; an identity token cannot be there (docker/cli, configfile.parseEnvConfig). */
function dockerConfigOf(
  { registry }: Repository,
  { username, password, identityToken }: Credentials,
): { readonly file: object; readonly env: Env } {
  const key = dockerConfigKey(registry)
  const auth = Buffer.from(`${username}:${password}`).toString('base64')
  if (identityToken !== undefined)
    return { file: { auths: { [key]: { auth, identitytoken: identityToken } } }, env: {} }
  const env = password === '' ? {} : { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [key]: { auth } } }) }
  return { file: {}, env }
}
