import { sleep } from '../lib/time.ts'
import type { Node } from './node.ts'

/** Milliseconds between two pings, for each, and of silence after which the node counts as lost. */
interface Pace {
  readonly interval: number
  readonly deadline: number
  readonly patience: number
}

const enginePace: Pace = { interval: 2000, deadline: 7000, patience: 8500 }
/** A question inside a container takes a loaded machine a while: two in a row must fail. */
const daemonPace: Pace = { interval: 3000, deadline: 7000, patience: 13_000 }

/** What the reason begins with where the node is silent, not cut off. */
export const silence = 'nothing has answered behind the connection'

/** Somebody who can be asked whether he is still there. */
interface Asked {
  /** Rejects unless he answers within `deadline` milliseconds. */
  readonly ping: (deadline: number) => Promise<unknown>
  /** When he last gave a sign of life by himself (`performance.now()`): then he need not be asked. */
  readonly heard?: () => number
}

interface WatchRequest {
  readonly node: Pick<Node, 'lost' | 'ping'>
  /** The buildkitd that an engine runs: it may hang while its engine answers. */
  readonly daemon?: Asked
  readonly stop: AbortSignal
  readonly paces?: { readonly engine: Pace; readonly daemon: Pace }
}

/**
 * Settles when the node can no longer be counted on, with the reason in words: its connection has ended, or what should
 * answer behind it has been silent for too long, as a frozen daemon is. Never settles where neither happens before
 * `stop`.
 */
export function watchNode({
  node: { lost, ping },
  daemon,
  stop,
  paces = { engine: enginePace, daemon: daemonPace },
}: WatchRequest): Promise<string> {
  return new Promise((resolve) => {
    const over = new AbortController()
    const ended = AbortSignal.any([stop, over.signal])
    const lose = (why: string) => {
      over.abort()
      resolve(why)
    }
    void lost?.then(lose)
    if (ping)
      void awaitSilence({ ping }, paces.engine, ended).then(
        (silent) => silent > 0 && lose(`${silence} for ${seconds(silent)}`),
      )
    if (daemon)
      void awaitSilence(daemon, paces.daemon, ended).then(
        (silent) =>
          silent > 0 && lose(`${silence} but the engine: its buildkitd has been silent for ${seconds(silent)}`),
      )
  })
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

/**
 * The milliseconds of a silence that lasts too long; 0 where none comes before `ended`. What this machine itself slept
 * through does not count: a runner that was stopped for a while finds all its timers over at once.
 */
async function awaitSilence(
  { ping, heard }: Asked,
  { interval, deadline, patience }: Pace,
  ended: AbortSignal,
): Promise<number> {
  let silent = 0
  const sinceHeard = () => performance.now() - (heard?.() ?? -Infinity)
  while (!ended.aborted) {
    const began = performance.now()
    const took = () => performance.now() - began
    if (sinceHeard() < interval) silent = 0
    else {
      try {
        await ping(deadline)
        silent = 0
      } catch {
        silent = Math.min(silent + Math.min(took(), deadline), sinceHeard())
        if (silent >= patience) return silent
      }
    }
    const rest = Math.max(0, interval - took())
    await sleep(rest)
    silent += rest
  }
  return 0
}
