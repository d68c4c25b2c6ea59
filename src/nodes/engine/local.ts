import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../lib/errors.ts'
import { homeDir } from '../../lib/files.ts'
import { dockerConfigDir } from '../../registry/credentials/docker-config.ts'
import { contextHost, currentContext } from './contexts.ts'

const usual = '/var/run/docker.sock'
const scheme = 'unix://'

/** What of this machine decides where its engine is. */
interface DockerClient {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The directory of Docker's configuration. */
  readonly configDir: string
  readonly home: string
  readonly uid: number | undefined
  readonly exists: (path: string) => boolean
}

/**
 * The socket of this machine's engine, as the Docker CLI finds it: DOCKER_HOST, DOCKER_CONTEXT, the current context
 * (https://docs.docker.com/engine/manage-resources/contexts/). Without any of them: the first usual path that exists,
 * also those of rootless engines and Docker Desktop.
 *
 * @throws UserError if they lead to another machine
 */
export function localEngineSocket(client: DockerClient = thisMachine()): string {
  const { env, configDir } = client
  const { DOCKER_HOST: host = '', DOCKER_CONTEXT: selected = '' } = env
  if (host !== '') return unixSocket(host, 'DOCKER_HOST')
  const source = selected === '' ? 'The current Docker context' : 'DOCKER_CONTEXT'
  const name = selected === '' ? currentContext(configDir) : selected
  if (name === '' || name === 'default') return usualSocket(client)
  const target = contextHost(configDir, name)
  if (target !== undefined) return unixSocket(target, `The host of the Docker context ${name}`)
  throw new UserError({
    code: 'inputs',
    message: `${source} is ${name}, and there is no context of this name in ${configDir}`,
    hint: 'Create it in an earlier step, or select another with `docker context use` or DOCKER_CONTEXT.',
  })
}

function thisMachine(): DockerClient {
  return {
    env: process.env,
    configDir: dockerConfigDir(),
    home: homeDir(),
    uid: process.getuid?.(),
    exists: existsSync,
  }
}

function unixSocket(host: string, source: string): string {
  if (host.startsWith(scheme)) return host.slice(scheme.length)
  throw new UserError({
    code: 'inputs',
    message: `${source} is ${host}, and a local engine is reached by its Unix socket only`,
    hint: 'Mount the Unix socket of the engine into the job, or list the machine in `nodes` as `ssh://user@host`.',
  })
}

function usualSocket({ env: { XDG_RUNTIME_DIR: runtimeDir = '' }, home, uid, exists }: DockerClient): string {
  const paths = [
    usual,
    ...(runtimeDir === '' ? [] : [join(runtimeDir, 'docker.sock')]),
    ...(uid === undefined ? [] : [`/run/user/${uid}/docker.sock`]),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
  ]
  return paths.find(exists) ?? usual
}
