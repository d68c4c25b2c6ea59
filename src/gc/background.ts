import { collectNodeGarbage } from './engine.ts'
import type { Reaped } from './result.ts'

/** Milliseconds: what a build loads and pulls in its first moments has the nodes to itself. */
const after = 1000

interface Reaper {
  /** To be called when builds have begun on all nodes. */
  readonly begin: () => void
  /** To be called when they are over: begins at once if it has not yet. */
  readonly end: () => Promise<readonly Reaped[]>
}

/**
 * Removes what dead runs left on these nodes, beside a build that waits for it neither at its start nor while it works.
 */
export function reapBeside(...request: Parameters<typeof collectNodeGarbage>): Reaper {
  let reaping: Promise<readonly Reaped[]> | undefined
  let timer: NodeJS.Timeout | undefined
  const reap = () => (reaping ??= collectNodeGarbage(...request))
  return {
    begin: () => {
      timer = setTimeout(() => void reap(), after)
    },
    end: () => {
      clearTimeout(timer)
      return reap()
    },
  }
}
