import { cacheErrorPattern } from '../inputs/cache/backends.ts'
import { targetLabel } from '../plan/target.ts'
import type { GroupResult } from './run.ts'

/** One warning for each cache that could not be exported. */
export function formatLostCaches({ group, lostCaches }: GroupResult): string[] {
  const { targets } = group
  return lostCaches.map((lost) => {
    const target = targets.find(({ id }) => id === lost.target) ?? (targets.length === 1 ? targets[0] : undefined)
    return `Cache export failed for ${target ? targetLabel(target) : 'a target'}: ${explainLostCache(lost.error)}`
  })
}

/** PURE: BuildKit's error for a cache that could not be exported, with a reason where it only lists key sources. */
export function explainLostCache(error: string): string {
  return cacheErrorPattern('noCredentials').test(error) ? `${noCacheKeys}: ${error}` : error
}

const noCacheKeys =
  'no credentials for S3 (set `access_key_id` and `secret_access_key` in `cache`, set `AWS_ACCESS_KEY_ID` and ' +
  '`AWS_SECRET_ACCESS_KEY` in the `env` of the step, or give the node an instance role)'
