import type { Trust } from '../forge/trust.ts'

/** What a run of a fork would do if it were not for a fork. */
interface Wishes {
  readonly keepBuilder: boolean
  readonly push: boolean
  readonly cache: { readonly kind: string }
  readonly settings: { readonly cacheTo: readonly unknown[] }
}

interface Daemon {
  readonly driver: string
  readonly spec: { readonly name: string; readonly daemon?: string }
}

/** PURE: whether the daemon is not the run's own, and what is built there meets what others build. */
export function goesOn({ driver, spec }: Daemon): boolean {
  return driver === 'remote' || spec.daemon !== undefined
}

/** PURE: what a build of a fork's code does without, told to its reader. Nothing for other runs. */
export function describeFork(
  trust: Trust,
  { keepBuilder, push, cache, settings }: Wishes,
  nodes: readonly Daemon[],
): { readonly notes: readonly string[]; readonly warnings: readonly string[] } {
  if (trust !== 'fork') return { notes: [], warnings: [] }
  const writesCache = (push && cache.kind !== 'off') || settings.cacheTo.length > 0
  return {
    notes: [
      ...(writesCache
        ? [
            'This run builds the code of a fork: it reads the caches and writes none, so that no release takes a step from it.',
          ]
        : []),
      ...(keepBuilder
        ? ['`keep-builder` does not hold for the code of a fork: it gets daemons of its own, which go with this run.']
        : []),
    ],
    // A buildkitd is the user's own, and goes on.
    warnings: nodes
      .filter(goesOn)
      .map(
        ({ spec: { name } }) =>
          `${name} has a BuildKit that goes on after this run, and the code of a fork is built there: it may reach what other builds left in its cache. Give such runs an engine, where each has a daemon of its own.`,
      ),
  }
}
