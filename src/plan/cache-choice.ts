import type { TargetCache } from '../inputs/cache/cache.ts'

/** Whether a cache exists; `unknown` if the registry did not report it in time. */
export type CacheState = 'filled' | 'empty' | 'unknown'

/**
 * PURE: the caches that a build can import, the best one first. The cache of proposals is the best one only for the
 * proposal that wrote it last: another one has less in common with this build than accepted code has.
 */
export function byPreference({ from, ofProposals }: TargetCache, isOwn: boolean): readonly string[] {
  const [first, second, ...others] = from
  const comesSecond = !isOwn && first !== undefined && first === ofProposals && second !== undefined
  return comesSecond ? [second, first, ...others] : from
}

/**
 * PURE: the cache with the only one that a build imports, the best one that exists. BuildKit misses steps that two
 * imported caches contain: https://github.com/moby/buildkit/issues/6418. If it is not known whether a better one
 * exists, all that may exist are imported.
 */
export function chooseCache(cache: TargetCache, stateOf: (from: string) => CacheState, isOwn: boolean): TargetCache {
  const possible = byPreference(cache, isOwn).filter((from) => stateOf(from) !== 'empty')
  const [best] = possible
  if (best === undefined) return { ...cache, from: [] }
  return { ...cache, from: stateOf(best) === 'filled' ? [best] : cache.from.filter((from) => possible.includes(from)) }
}
