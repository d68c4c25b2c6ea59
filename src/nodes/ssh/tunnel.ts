import { closeSync, openSync, rmSync } from 'node:fs'
import { UserError, errorMessage } from '../../lib/errors.ts'
import { exec, minimalEnv, startProcess, waitForExit, type ExecResult } from '../../lib/exec.ts'
import { tryReadTail, writePrivate } from '../../lib/files.ts'
import { sleep, waitForFile } from '../../lib/time.ts'
import type { Journal } from '../../run/journal.ts'
import { connectionPaths, type RunDir } from '../../run/run-dir.ts'
import { describeTarget, formatSshConfig, type SshTarget } from './config.ts'
import type { KeySource } from './sessions.ts'

/** The SSH connection of a node. */
export interface Tunnel {
  /** Its ssh_config; `connectionPaths` gives its sockets. */
  readonly config: string
  /** Resolves with ssh's last messages when the connection has ended. */
  readonly lost: Promise<string>
  /** The messages of ssh so far. */
  readonly output: () => string
}

interface TunnelRequest {
  readonly dir: RunDir
  /** The short name of the node. */
  readonly key: string
  readonly target: SshTarget
  /** The socket on the node to forward to. */
  readonly remote: string
  readonly agent: string
  readonly keys: KeySource
  readonly journal: Journal
}

/** A connection that is or was there, as the journal records it. */
interface Route {
  /** The node, as messages name it. */
  readonly node: string
  readonly config: string
  readonly local: string
  readonly remote: string
}

const connectDeadline = 18_000
const attempts = 5
/** Bytes of ssh's last messages that are read: a server may send a banner of any length. */
const longestOutput = 64 * 1024

/**
 * Opens the only SSH connection of a node. It carries the forwarded socket and every command that runs on the node.
 * Repeats if the server drops the connection, as an sshd does at random if many come at once (MaxStartups, 10 by
 * default).
 */
export async function openTunnel(request: TunnelRequest): Promise<Tunnel> {
  const { dir, key, target, remote, agent, keys, journal } = request
  const { config, socket: local, control } = dir.connection(key)
  writePrivate(config, formatSshConfig(target, { agent, knownHosts: dir.knownHosts, control }))
  const route = { node: describeTarget(target), config, local, remote }
  journal.note({ kind: 'tunnel', ...route })
  for (let attempt = 1; ; attempt++) {
    try {
      return await connect(route, target, keys, agent)
    } catch (error) {
      const { isDropped } = await import('./errors.ts')
      if (attempt === attempts || !(error instanceof UserError) || !isDropped(error)) throw error
      await sleep(250 * 2 ** attempt * (0.5 + Math.random()))
    }
  }
}

async function connect(route: Route, target: SshTarget, keys: KeySource, agent = ''): Promise<Tunnel> {
  const { config, local, remote } = route
  const { log: path, control } = connectionPaths(config)
  const log = openSync(path, 'w', 0o600)
  // Detached: later steps of the job and the post step use the connection.
  const ssh = startProcess('ssh', ['-F', config, '-M', '-N', '-T', '-L', `${local}:${remote}`, 'node'], {
    detached: true,
    stdio: ['ignore', 'ignore', log],
  })
  closeSync(log)
  ssh.unref()
  const output = () => tryReadTail(path, longestOutput).trim()
  const lost = waitForExit(ssh).then(output, errorMessage)
  const ended = new AbortController()
  void lost.then(() => ended.abort())
  const failure = await Promise.race([lost, waitForSockets(local, control, ended.signal)])
  if (failure === undefined) return { config, lost, output }
  ssh.kill('SIGTERM')
  throw await explainFailure(failure, target, keys, agent)
}

async function explainFailure(failure: string, target: SshTarget, keys: KeySource, agent: string): Promise<UserError> {
  const { failingHost, sshError } = await import('./errors.ts')
  if (keys !== 'user' || !failure.includes('Permission denied')) return sshError(failure, target, keys)
  const { listUserKeys } = await import('./user-keys.ts')
  return sshError(failure, target, keys, await listUserKeys(failingHost(failure, target), agent))
}

/** Waits for the forwarded socket, and for the control socket, which follows at once. Resolves with the problem. */
async function waitForSockets(local: string, control: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    await waitForFile(local, connectDeadline, signal)
  } catch {
    return 'Connection timed out'
  }
  await waitForFile(control, 2000, signal).catch(() => undefined)
  return undefined
}

/** Restores a connection that the journal records, for the post step. The agent still has the keys. */
export async function reconnect(route: Route): Promise<void> {
  rmSync(route.local, { force: true })
  await connect(route, { host: route.node, port: 22 }, 'input')
}

/** Runs a script in the node's shell over the existing connection; without it, fails instead of opening another. */
export function execRemote({ config }: Pick<Tunnel, 'config'>, script: string, deadline = 10_000): Promise<ExecResult> {
  return exec('ssh', ['-F', config, '-o', 'ProxyCommand=false', 'node', 'sh', '-s'], {
    input: script,
    env: minimalEnv(),
    deadline,
  })
}

/** Forwards another socket over the existing connection. @returns whether it does */
export async function forward({ config, local, remote }: Route): Promise<boolean> {
  const args = ['-F', config, '-O', 'forward', '-L', `${local}:${remote}`, 'node']
  const { code } = await exec('ssh', args, { env: minimalEnv(), deadline: 10_000 })
  return code === 0
}
