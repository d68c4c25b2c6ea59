import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { homeDir } from '../../lib/files.ts'
import { UserError } from '../../lib/errors.ts'

const usual = '/var/run/docker.sock'

/** Where the engine of this machine listens: DOCKER_HOST, the usual place, a rootless engine, Docker Desktop. */
export function localEngineSocket(): string {
  const { DOCKER_HOST: host, XDG_RUNTIME_DIR: runtime } = process.env
  if (host?.startsWith('unix://')) return host.slice('unix://'.length)
  if (host) {
    throw new UserError({
      code: 'inputs',
      message: `DOCKER_HOST is ${host}, and a local engine is reached by its Unix socket only`,
      hint: 'Give the job that socket, or name the machine in `nodes` as `ssh://user@host`.',
    })
  }
  const places = [usual, ...(runtime ? [join(runtime, 'docker.sock')] : []), join(homeDir(), '.docker/run/docker.sock')]
  return places.find((path) => existsSync(path)) ?? usual
}
