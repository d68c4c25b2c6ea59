import { rmSync } from 'node:fs'
import type { Journal } from '../../run/journal.ts'
import { entryOf } from '../../lib/entry.ts'
import { start } from '../../lib/exec.ts'
import { waitForFile } from '../../lib/wait.ts'
import { describeTarget, type SshTarget } from './config.ts'
import type { Tunnel } from './tunnel.ts'
import { connectionPaths } from '../../run/run-dir.ts'

interface Relay {
  /** The ssh_config of the connection to go through. */
  readonly config: string
  /** The Unix socket to listen on here. */
  readonly local: string
  /** The socket on the node. */
  readonly remote: string
}

/** What may stand in a path that a remote shell reads. */
const plain = /^\/[A-Za-z0-9._@+/-]+$/

/**
 * Leads a local socket to one on the node through sessions of the SSH connection instead of its forwarding, which some
 * servers forbid. The relay is a process of its own, since later steps of the job and the post step use it too.
 */
export async function startRelay({ config, local, remote }: Relay): Promise<boolean> {
  return plain.test(remote) && (await launch('ssh', config, local, dialCommand(remote)))
}

/**
 * Leads a local socket to the BuildKit inside the Docker Engine behind `engine`. `guard`: a file of the run's
 * directory.
 *
 * @returns whether it listens
 */
export async function startEngineRelay(guard: string, local: string, engine: string): Promise<boolean> {
  return await launch('engine', guard, local, engine)
}

async function launch(way: 'ssh' | 'engine', guard: string, local: string, target: string): Promise<boolean> {
  rmSync(local, { force: true })
  const relay = start(process.execPath, [entryOf('forward'), way, guard, local, target], { detached: true })
  relay.on('error', () => undefined)
  relay.unref()
  return await waitForFile(local, 5000).then(
    () => true,
    () => false,
  )
}

/**
 * The socket of a relay to the node's; undefined where it did not start. It is noted, so that post can start it again.
 */
export async function relayedSocket(
  tunnel: Tunnel,
  { target, remote }: { readonly target: SshTarget; readonly remote: string },
  journal: Journal,
): Promise<string | undefined> {
  const { sessionSocket: local } = connectionPaths(tunnel.config)
  journal.note({ kind: 'relay', node: describeTarget(target), config: tunnel.config, local, remote })
  return (await startRelay({ config: tunnel.config, local, remote })) ? local : undefined
}

/**
 * Whatever on the node can connect its standard input and output with a socket; a login shell of any kind reads this.
 */
function dialCommand(path: string): string {
  const ways = [
    ['buildctl', `buildctl --addr unix://${path} dial-stdio`],
    ['docker', `docker -H unix://${path} system dial-stdio`],
    ['socat', `socat - UNIX-CONNECT:${path}`],
    ['nc', `nc -U ${path}`],
  ] as const
  return `sh -c 'for way in ${ways.map(([name]) => name).join(' ')}; do command -v $way >/dev/null 2>&1 && break; done; case $way in ${ways.map(([name, line]) => `${name}) exec ${line};;`).join(' ')} esac'`
}
