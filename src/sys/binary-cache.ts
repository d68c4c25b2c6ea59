import type * as Cache from '@actions/cache'
import { asRecord, tryParseJson } from '../plan/json.ts'
import { messageOf } from '../report/message.ts'
import type { Log } from './log.ts'
import { makePrivateDir, removeDir } from './private-dir.ts'

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

/** Whether the directory came out of the cache service. What is in it may be anybody's who could write there. `temp` is made, and gone afterwards. Never throws. */
export async function restoreDir({ path, key }: CachedDir, temp: string, log: Pick<Log, 'debug'>): Promise<boolean> {
  try {
    return await withCache(temp, async (cache) => (await cache.restoreCache([path], key)) === key)
  } catch (error) {
    log.debug(`The cache service gives nothing: ${messageOf(error)}`)
    return false
  }
}

/** Never throws: without the cache, the next job downloads again. `temp` is made, and gone afterwards. */
export async function saveDir({ path, key }: CachedDir, temp: string, log: Pick<Log, 'debug'>): Promise<void> {
  try {
    await withCache(temp, async (cache) => (await cache.saveCache([path], key)) >= 0)
  } catch (error) {
    log.debug(`The cache service takes nothing: ${messageOf(error)}`)
  }
}

/** It leaves its archives in RUNNER_TEMP, which not every runner empties. */
async function withCache(temp: string, work: (cache: typeof Cache) => Promise<boolean>): Promise<boolean> {
  // Large, and only for those who want it.
  const cache = await import('@actions/cache')
  if (!cache.isFeatureAvailable()) return false
  const { RUNNER_TEMP: before } = process.env
  makePrivateDir(temp)
  process.env['RUNNER_TEMP'] = temp
  try {
    return await work(cache)
  } finally {
    if (before === undefined) delete process.env['RUNNER_TEMP']
    else process.env['RUNNER_TEMP'] = before
    removeDir(temp)
  }
}
