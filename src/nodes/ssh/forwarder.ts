import { rmSync } from 'node:fs'
import { entryPath, startProcess, waitForExit } from '../../lib/exec.ts'
import { tryReadTail } from '../../lib/files.ts'
import { waitForFile } from '../../lib/time.ts'
import type { Journal } from '../../run/journal.ts'
import { connectionPaths, sessionLogOf } from '../../run/run-dir.ts'
import { describeTarget, type SshTarget } from './config.ts'
import { isSessionRefused } from './sessions.ts'
import type { Tunnel } from './tunnel.ts'

/** A Unix socket of this machine that leads to one of the node. */
interface Forward {
  /** The ssh_config of the connection to use. */
  readonly config: string
  /** The socket to listen on here. */
  readonly local: string
  /** The socket on the node. */
  readonly remote: string
}

/** A path that every remote shell reads as it is. */
const plainPath = /^\/[A-Za-z0-9._@+/-]+$/

/** Commands that connect their standard input and output with a socket, by the program that must exist. */
const dialers: readonly (readonly [program: string, command: (path: string) => string])[] = [
  ['buildctl', (path) => `buildctl --addr unix://${path} dial-stdio`],
  ['docker', (path) => `docker -H unix://${path} system dial-stdio`],
  ['socat', (path) => `socat - UNIX-CONNECT:${path}`],
  ['nc', (path) => `nc -U ${path}`],
]

/**
 * Connects a local socket with one of the node through exec sessions of the SSH connection instead of its forwarding,
 * which some servers forbid. The forwarder is a process of its own, since later steps of the job and the post step use
 * it too.
 *
 * @returns whether it listens
 */
export async function startSessionForwarder({ config, local, remote }: Forward): Promise<boolean> {
  return plainPath.test(remote) && (await startForwarder('ssh', config, local, dialCommand(remote)))
}

/**
 * Connects a local socket with the BuildKit inside the Docker Engine at the socket `engine`.
 *
 * @param guard a file of the run directory: the forwarder ends when it is removed
 * @returns whether it listens
 */
export async function startBuiltInForwarder(guard: string, local: string, engine: string): Promise<boolean> {
  return await startForwarder('engine', guard, local, engine)
}

/** How a BuildKit is reached: arguments of the forwarder (bin/dial.ts). */
export type BuildkitRoute =
  | readonly ['container', engine: string, container: string]
  | readonly ['socket', path: string]
  | readonly ['tls', host: string, port: string, servername: string, cacert: string, cert: string, key: string]

/**
 * Connects a local socket with a BuildKit over a single connection, which the forwarder opens before it listens: the
 * sockets and keys on the route may be removed afterwards.
 *
 * @param guard a file of the run directory: the forwarder ends when it is removed
 * @returns whether it listens
 */
export async function startSharedForwarder(guard: string, local: string, route: BuildkitRoute): Promise<boolean> {
  return await startForwarder('share', guard, local, ...route)
}

/** Milliseconds until a forwarder listens, with the time that a node needs to answer. */
const forwarderDeadline = 10_000

async function startForwarder(
  mode: 'ssh' | 'engine' | 'share',
  guard: string,
  local: string,
  ...target: readonly string[]
): Promise<boolean> {
  rmSync(local, { force: true })
  const args = [entryPath('forward'), mode, guard, local, ...target]
  const forwarder = startProcess(process.execPath, args, { detached: true })
  forwarder.unref()
  const ended = waitForExit(forwarder).then(
    () => false,
    () => false,
  )
  const listens = waitForFile(local, forwarderDeadline).then(
    () => true,
    () => {
      forwarder.kill()
      return false
    },
  )
  return await Promise.race([listens, ended])
}

/**
 * Connects to a socket of the node through exec sessions. The journal entry allows the post step to do it again.
 *
 * @returns the local socket; undefined if the forwarder did not start
 */
export async function connectThroughSessions(
  { config }: Pick<Tunnel, 'config'>,
  { target, remote }: { readonly target: SshTarget; readonly remote: string },
  journal: Journal,
): Promise<string | undefined> {
  const { sessionSocket: local } = connectionPaths(config)
  journal.note({ kind: 'forwarder', node: describeTarget(target), config, local, remote })
  return (await startSessionForwarder({ config, local, remote })) ? local : undefined
}

/** Bytes of the messages about sessions that are read. */
const longestLog = 64 * 1024

/** Whether the server refused a session that a connection to this socket needed. */
export function lacksSessions(socket: string): boolean {
  const log = sessionLogOf(socket)
  return log !== undefined && isSessionRefused(tryReadTail(log, longestLog))
}

/** Runs the first dialer that exists on the node, under a login shell of any kind. */
function dialCommand(path: string): string {
  const programs = dialers.map(([program]) => program).join(' ')
  const find = `for way in ${programs}; do command -v $way >/dev/null 2>&1 && break; done`
  const cases = dialers.map(([program, command]) => `${program}) exec ${command(path)};;`)
  return `sh -c '${find}; case $way in ${cases.join(' ')} esac'`
}
