import type { Journal } from '../../run/journal.ts'
import { explainNoEngine, findEngineScript, forbidsForwarding, readEngineSearch } from './diagnose.ts'
import { askEngine, type EngineInfo } from '../engine/client.ts'
import { relayedSocket } from './forwarder.ts'
import { describeTarget, type SshTarget } from './config.ts'
import { askShell, forward, type Tunnel } from './tunnel.ts'
import { connectionPaths } from '../../run/run-dir.ts'

/** Where an engine listens on most machines. */
export const usual = '/var/run/docker.sock'

interface Found {
  /** The local socket that leads to it. */
  readonly socket: string
  readonly engine: EngineInfo
}

/**
 * The engine in its usual place, which needs no question to the shell; else wherever the login user has one, by
 * forwarding or, where the server forbids that, through sessions. @throws UserError that says why there is none
 */
export async function findEngine(tunnel: Tunnel, target: SshTarget, journal: Journal): Promise<Found> {
  try {
    return { socket: tunnel.socket, engine: await askEngine(tunnel.socket) }
  } catch (first) {
    const { stdout, stderr } = await askShell(tunnel, findEngineScript)
    const search = readEngineSearch(stdout)
    // What has been asked already would answer no better the second time.
    const other = search.usable.find((path) => path !== usual)
    const words = () => `${stderr}\n${tunnel.words()}`.trim() || String(first)
    const [usable] = search.usable
    const forwarded = other === undefined ? undefined : await tryForward(tunnel, { target, remote: other }, journal)
    if (forwarded) return forwarded
    const relayed =
      usable !== undefined && forbidsForwarding(search, words())
        ? await tryRelay(tunnel, { target, remote: usable }, journal)
        : undefined
    if (relayed) return relayed
    throw explainNoEngine(target, search, words())
  }
}

interface Way {
  readonly target: SshTarget
  readonly remote: string
}

async function tryForward(tunnel: Tunnel, { target, remote }: Way, journal: Journal): Promise<Found | undefined> {
  const { engineSocket: local } = connectionPaths(tunnel.config)
  // Noted as a connection of its own, which post can make again without the first.
  journal.note({ kind: 'tunnel', node: describeTarget(target), config: tunnel.config, local, remote })
  return (await forward(tunnel, local, remote)) ? await tryAsk(local) : undefined
}

async function tryRelay(tunnel: Tunnel, way: Way, journal: Journal): Promise<Found | undefined> {
  const socket = await relayedSocket(tunnel, way, journal)
  return socket === undefined ? undefined : await tryAsk(socket)
}

async function tryAsk(socket: string): Promise<Found | undefined> {
  return await askEngine(socket).then(
    (engine) => ({ socket, engine }),
    () => undefined,
  )
}
