import type { Trust } from './trust.ts'

export interface ForkFacts {
  readonly trust: Trust
  readonly keepBuilder: boolean
  /** Whether the step would write a cache if it were not for a fork. */
  readonly writesCache: boolean
  /** Names of nodes whose daemon is the user's own and goes on after the run. */
  readonly sharedDaemons: readonly string[]
}

/** PURE: what a build of a fork's code does without, told to its reader. Nothing for other runs. */
export function describeFork({ trust, keepBuilder, writesCache, sharedDaemons }: ForkFacts): { readonly notes: readonly string[]; readonly warnings: readonly string[] } {
  if (trust !== 'fork') return { notes: [], warnings: [] }
  return {
    notes: [
      ...(writesCache ? ['This run builds the code of a fork: it reads the caches and writes none, so that no release takes a step from it.'] : []),
      ...(keepBuilder ? ['`keep-builder` does not hold for the code of a fork: it gets daemons of its own, which go with this run.'] : []),
    ],
    warnings: sharedDaemons.map((name) => `${name} is a buildkitd that goes on after this run, and the code of a fork is built there: it may reach what other builds left in its cache. Give such runs an engine, where each has a daemon of its own.`),
  }
}
