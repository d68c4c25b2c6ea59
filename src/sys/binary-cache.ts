import { asRecord, tryParseJson } from '../plan/json.ts'
import { messageOf } from '../report/message.ts'
import type { Log } from './log.ts'

/** A directory in the job's cache service; the key names exactly what is in it. */
export interface CachedDir {
  readonly path: string
  readonly key: string
}

/** PURE: what main left for the post step; undefined where that was nothing. */
export function readCachedDir(state: string): CachedDir | undefined {
  const { path, key } = asRecord(tryParseJson(state))
  return typeof path === 'string' && typeof key === 'string' ? { path, key } : undefined
}

/** Whether the directory came out of the cache service. What is in it may be anybody's who could write there. Never throws. */
export async function restoreDir({ path, key }: CachedDir, log: Pick<Log, 'debug'>): Promise<boolean> {
  try {
    // Large, and only for those who want it.
    const cache = await import('@actions/cache')
    return cache.isFeatureAvailable() && (await cache.restoreCache([path], key)) === key
  } catch (error) {
    log.debug(`The cache service gives nothing: ${messageOf(error)}`)
    return false
  }
}

/** Never throws: without the cache, the next job downloads again. */
export async function saveDir({ path, key }: CachedDir, log: Pick<Log, 'debug'>): Promise<void> {
  try {
    const cache = await import('@actions/cache')
    if (cache.isFeatureAvailable()) await cache.saveCache([path], key)
  } catch (error) {
    log.debug(`The cache service takes nothing: ${messageOf(error)}`)
  }
}
