import { logWait } from '../lib/time.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import { loadJobDockerConfig } from '../registry/credentials/docker-config.ts'
import { exchangeHubTokens } from '../registry/credentials/docker-hub-oidc.ts'
import { exchangeEcrKeys } from '../registry/credentials/ecr.ts'
import { dropTokenIfJobHasLogin } from '../registry/credentials/platform-token.ts'
import type { RegistryHosts } from '../registry/hosts.ts'
import type { Repository } from '../registry/reference.ts'
import type { Job } from './job.ts'
import { createRegistryAccess } from './registries.ts'
import type { Login } from '../registry/auth.ts'

interface LoginOptions {
  /** The logins of the step's inputs. */
  readonly logins: readonly Login[]
  readonly images: readonly Repository[]
  /** Repositories that are only read. */
  readonly sources?: readonly Repository[]
  readonly push: boolean
  readonly hosts: RegistryHosts
}

interface ResolvedLogins {
  /** The step's logins that are used: with passwords from AWS, and without the token if the job has a login. */
  readonly logins: readonly Login[]
  /** With these and with the job's own logins. */
  readonly registries: RegistryAccess
  /** The job's own Docker configuration as parsed JSON. */
  readonly dockerConfig: unknown
}

/** Logs in: decides which logins are used, and exchanges AWS keys. */
export async function resolveLogins(job: Job, options: LoginOptions): Promise<ResolvedLogins> {
  const { logins, images, sources = [], push, hosts } = options
  const { env, log } = job
  const dockerConfig = loadJobDockerConfig(env, log.warn)
  const registries = createRegistryAccess([], dockerConfig, hosts)
  const access = { env, fetch: registries.fetch }
  const exchange = async () => await exchangeEcrKeys(await exchangeHubTokens(logins, access), access)
  const exchanged = await logWait('logins', exchange(), log.info)
  const kept = await dropTokenIfJobHasLogin(exchanged, { images, push, registries, log })
  const onlyRead = sources.filter((source) => !images.some(({ registry }) => registry === source.registry))
  const resolved = await dropTokenIfJobHasLogin(kept, { images: onlyRead, push: false, registries, log })
  // Those of AWS are new; others are masked already, unless they were quoted in YAML.
  const lines = resolved.flatMap(({ password }) => password.split(/[\r\n]+/)).map((line) => line.trim())
  job.mask(lines.filter((line) => line.length > 3))
  return { logins: resolved, registries: createRegistryAccess(resolved, dockerConfig, hosts), dockerConfig }
}
