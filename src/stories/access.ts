import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { removeDir, writePrivate } from '../lib/files.ts'
import { asRecord } from '../lib/json.ts'
import { killProcessesIn } from '../lib/processes.ts'
import { createDockerConfig } from '../registry/credentials/docker-config.ts'
import type { Run } from './ports.ts'

/**
 * Writes the Docker configuration that later steps use with `login: job`: a copy of the job's, with this step's logins.
 * Everything else of the user's directory, such as plugins and contexts, is linked.
 *
 * @param userDir the user's directory, which is not changed
 * @returns the value for DOCKER_CONFIG
 */
export function writeJobLogins({ inputs, dir, dockerConfig }: Run, userDir: string): string {
  const path = dir.jobDockerConfig
  mkdirSync(path, { mode: 0o700 })
  const names = existsSync(userDir) ? readdirSync(userDir) : []
  names.filter((name) => name !== 'config.json').forEach((name) => symlinkSync(join(userDir, name), join(path, name)))
  const config = { ...asRecord(dockerConfig), ...createDockerConfig(dockerConfig, inputs.logins) }
  writePrivate(join(path, 'config.json'), JSON.stringify(config))
  return path
}

/**
 * Ends the access of this step when main ends, so that no later step of the job can use it: SSH agent with its keys,
 * connections, TLS keys, logins and build secrets. The post step authenticates again if something is left to undo.
 *
 * @param keepsBuilder later steps use the builder: the sockets of its BuildKits stay. Connections stay for them, but
 *   without a socket they accept nothing else.
 */
export async function endAccess({ dir }: Pick<Run, 'dir'>, keepsBuilder: boolean): Promise<void> {
  for (const path of [dirname(dir.dockerConfig), dir.scopedConfigs, dir.secrets, dir.tlsKeys, dir.signing])
    removeDir(path)
  await killProcessesIn(dir.path, keepsBuilder ? dir.agentSocket : '')
  dir.removeSockets(keepsBuilder)
}
