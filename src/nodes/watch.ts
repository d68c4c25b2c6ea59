import { sleep } from '../lib/time.ts'
import type { Node } from './node.ts'

/** Milliseconds: between two pings, until one fails, and of silence after which the node counts as lost. */
interface Pace {
  readonly interval: number
  readonly deadline: number
  readonly patience: number
}

const enginePace: Pace = { interval: 2000, deadline: 7000, patience: 8500 }
/** A command in a container takes long on a loaded machine: two in a row must fail. */
const daemonPace: Pace = { interval: 3000, deadline: 7000, patience: 13_000 }

/** The same command under QEMU takes several times as long. */
const emulatedDaemonPace: Pace = { interval: 3000, deadline: 28_000, patience: 52_000 }

/** How the reason begins if the node is silent, but still connected. */
export const silence = 'no response over the open connection'

interface Watched {
  /** Rejects unless it answers within `deadline` milliseconds. */
  readonly ping: (deadline: number) => Promise<unknown>
  /** When it last made progress (`performance.now()`): a ping is not needed shortly after that. */
  readonly lastProgress?: () => number
}

interface Daemon extends Watched {
  /** Whether it may be a program of another architecture, which QEMU runs. */
  readonly emulated?: boolean
}

interface WatchRequest {
  readonly node: Pick<Node, 'lost' | 'ping'>
  /** The buildkitd in a container of the engine: it may hang while the engine answers. */
  readonly daemon?: Daemon
  readonly stop: AbortSignal
  readonly paces?: { readonly engine: Pace; readonly daemon: Pace; readonly emulatedDaemon: Pace }
}

/**
 * Resolves with the reason when the node is lost: its connection has ended, or the engine or buildkitd has been silent
 * for too long, as if frozen. Does not resolve if neither happens before `stop`.
 */
export function watchNode({
  node,
  daemon,
  stop,
  paces = { engine: enginePace, daemon: daemonPace, emulatedDaemon: emulatedDaemonPace },
}: WatchRequest): Promise<string> {
  return new Promise((resolve) => {
    const lost = new AbortController()
    const ended = AbortSignal.any([stop, lost.signal])
    const markLost = (reason: string) => {
      lost.abort()
      resolve(reason)
    }
    void node.lost?.then(markLost)
    const { ping } = node
    if (ping)
      void waitForSilence({ ping }, paces.engine, ended).then(
        (silent) => silent > 0 && markLost(`${silence} for ${seconds(silent)}`),
      )
    if (daemon)
      void waitForSilence(daemon, daemon.emulated ? paces.emulatedDaemon : paces.daemon, ended).then(
        (silent) =>
          silent > 0 && markLost(`${silence} from buildkitd for ${seconds(silent)}; the Docker Engine responds`),
      )
  })
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

/**
 * The milliseconds of a silence that lasts too long; 0 if there is none before `ended`. Time during which this machine
 * itself was stopped does not count: all timers of a runner that continues expire at once.
 */
async function waitForSilence(
  { ping, lastProgress }: Watched,
  { interval, deadline, patience }: Pace,
  ended: AbortSignal,
): Promise<number> {
  let silent = 0
  const sinceProgress = () => performance.now() - (lastProgress?.() ?? -Infinity)
  while (!ended.aborted) {
    const began = performance.now()
    const took = () => performance.now() - began
    if (sinceProgress() < interval) silent = 0
    else {
      try {
        await ping(deadline)
        silent = 0
      } catch {
        silent = Math.min(silent + Math.min(took(), deadline), sinceProgress())
        if (silent >= patience) return silent
      }
    }
    const rest = Math.max(0, interval - took())
    await sleep(rest)
    silent += rest
  }
  return 0
}
