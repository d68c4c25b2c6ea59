import { setMaxListeners } from 'node:events'

/** As many as registries allow one client, and enough to keep a slow connection busy. */
const defaultLimit = 8

/** Does the work for all items, at most `limit` at a time; the first error ends it. The results are in item order. */
export async function mapConcurrent<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  limit = defaultLimit,
): Promise<R[]> {
  const results: R[] = []
  const queue = items.entries()
  let failed = false
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failed) return
      try {
        results[index] = await work(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return results
}

/**
 * Allows any number of listeners on a signal: one signal ends as many requests and builds as a run has at a time. Node
 * would report more than ten as a leak, in the job's log.
 */
export function allowManyListeners(): void {
  setMaxListeners(0)
}
