import type { collectNodeGarbage } from './nodes.ts'
import type { NodeGarbage } from './log.ts'

/** Milliseconds: the first moments of a build, in which it loads and pulls images, have the nodes to themselves. */
const startDelay = 1000

interface GarbageCollection {
  /** To be called when builds have begun on all nodes. */
  readonly begin: () => void
  /** To be called when they have ended: begins at once if it has not begun yet. */
  readonly end: () => Promise<readonly NodeGarbage[]>
  /** To be called if the builds could not be run: nothing begins any more. */
  readonly cancel: () => void
}

/** Removes leftovers of finished runs on these nodes, in the background of a build, which never waits for it. */
export function startGarbageCollection(...request: Parameters<typeof collectNodeGarbage>): GarbageCollection {
  let collecting: Promise<readonly NodeGarbage[]> | undefined
  let timer: NodeJS.Timeout | undefined
  const collect = () => (collecting ??= import('./nodes.ts').then((nodes) => nodes.collectNodeGarbage(...request)))
  return {
    begin: () => {
      timer = setTimeout(() => void collect(), startDelay)
    },
    end: () => {
      clearTimeout(timer)
      return collect()
    },
    cancel: () => clearTimeout(timer),
  }
}
