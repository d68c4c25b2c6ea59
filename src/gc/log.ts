import { errorMessage } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { withTimeout } from '../lib/time.ts'

/** What garbage collection did on a node. */
export interface NodeGarbage {
  readonly node: string
  /** Names of builders, each with its volume, and of containers that buildx left when it created one. */
  readonly removed: readonly string[]
  readonly failed: readonly string[]
}

/** What garbage collection did on the runner. */
export interface RunnerGarbage {
  readonly removed: readonly string[]
  readonly failed: readonly string[]
  /** The number of deleted run directories that processes still used. */
  readonly strays: number
}

/** Milliseconds that a finished build waits for garbage collection. */
const patience = 2000

/** Logs what was removed from the nodes. What is not finished in time is left to the next run. */
export async function logNodeGarbage(
  collecting: Promise<readonly NodeGarbage[]>,
  log: Pick<Log, 'info' | 'debug'>,
): Promise<void> {
  const late = () => new Error(`not finished after ${patience / 1000} s`)
  const collected = await withTimeout(patience, collecting, late).catch((error: unknown) => {
    log.debug(`Garbage collection on the nodes is left to the next run: ${errorMessage(error)}`)
    return []
  })
  for (const { node, removed, failed } of collected) {
    if (removed.length > 0) log.info(`Removed leftovers of finished runs on ${node}: ${removed.join(', ')}.`)
    failed.forEach((reason) => log.info(`Leftovers on ${node} were not removed: ${reason}. The next run removes them.`))
  }
}

export function logRunnerGarbage({ removed, failed, strays }: RunnerGarbage, log: Pick<Log, 'info' | 'debug'>): void {
  if (removed.length > 0) log.info(`Removed leftovers of finished runs on this runner: ${removed.join(', ')}.`)
  const runs = strays === 1 ? '1 finished run' : `${strays} finished runs`
  if (strays > 0) log.info(`Killed stray processes of ${runs} on this runner.`)
  failed.forEach((reason) =>
    log.info(`Leftovers on this runner were not removed: ${reason}. The next run removes them.`),
  )
}
