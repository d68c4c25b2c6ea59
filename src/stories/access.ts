import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { removeDir, writePrivate } from '../lib/files.ts'
import { asRecord } from '../lib/json.ts'
import { killProcessesIn } from '../lib/processes.ts'
import { createDockerConfig } from '../registry/credentials/docker-config.ts'
import { readJournal } from '../run/journal.ts'
import { connectionPaths, type RunDir } from '../run/run-dir.ts'
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
 * @param keepsBuilder later steps use the builder: its sockets and TLS keys stay, SSH keys and control connections do
 *   not
 */
export async function endAccess({ dir, log }: Pick<Run, 'dir' | 'log'>, keepsBuilder: boolean): Promise<void> {
  for (const logins of [dirname(dir.dockerConfig), dir.scopedConfigs, dir.secrets]) removeDir(logins)
  if (!keepsBuilder) {
    await killProcessesIn(dir.path)
    removeDir(dir.tlsKeys)
    removeSockets(dir)
    return
  }
  await killProcessesIn(dir.path, dir.agentSocket)
  rmSync(dir.agentSocket, { force: true })
  const entries = readJournal(dir, log)
  // A forwarder needs sessions, since its server forbids forwarding.
  const forwarders = new Set(entries.flatMap((entry) => (entry.kind === 'forwarder' ? [entry.config] : [])))
  const tunnels = entries.filter((entry) => entry.kind === 'tunnel').filter(({ config }) => !forwarders.has(config))
  // The connection stays for its forwarded sockets; without its control socket no session can be started.
  for (const { config } of tunnels) rmSync(connectionPaths(config).control, { force: true })
}

/** ssh leaves the files of its sockets behind when it is killed. */
function removeSockets({ path }: RunDir): void {
  for (const name of readdirSync(path)) if (/\.(?:sock|ctl)$/.test(name)) rmSync(join(path, name), { force: true })
}
