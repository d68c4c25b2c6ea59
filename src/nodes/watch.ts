import { sleep } from '../sys/time.ts'
import type { Node } from './node.ts'

/** Milliseconds between two pings, for each, and of silence after which a node counts as lost. */
const pace = { interval: 2000, deadline: 7000, patience: 9000 }

/** What the reason begins with where the node is silent, not cut off. */
export const silence = 'nothing has answered behind the connection'

/**
 * Settles when the node can no longer be counted on, with the reason in words: its connection has ended, or what should
 * answer behind it has been silent for too long, as a frozen daemon is. Never settles where neither happens before `stop`.
 */
export function watchNode(node: Node, stop: AbortSignal, { interval, deadline, patience } = pace): Promise<string> {
  return new Promise((resolve) => {
    let over = false
    const lose = (why: string) => {
      over = true
      resolve(why)
    }
    void node.lost?.then(lose)
    void ping()

    async function ping(): Promise<void> {
      let answered = performance.now()
      while (node.ping && !over && !stop.aborted) {
        const began = performance.now()
        try {
          await node.ping(deadline)
          answered = performance.now()
        } catch {
          const silent = performance.now() - answered
          if (silent >= patience) lose(`${silence} for ${Math.round(silent / 1000)} s`)
        }
        await sleep(Math.max(0, began + interval - performance.now()))
      }
    }
  })
}
