import type { Version } from '../packages/backend.ts'
import type { Facts } from '../packages/manifest-info.ts'
import type { Look } from './snapshot.ts'
import type { Place } from '../packages/repository.ts'
import type { RunBook } from '../forge/runs.ts'

export interface SweepRequest {
  /** Of temporary tags: `pr-*`. */
  readonly tags: readonly string[]
  readonly runId?: string | undefined
  readonly untagged: boolean
  readonly dryRun: boolean
}

/** A sweep at work: digests and numbers only, as there may be a hundred thousand versions. */
export interface Sweeping {
  readonly place: Place
  readonly request: SweepRequest
  readonly runs: RunBook
  readonly facts: Map<string, Facts>
  /** By digest: the last that a list showed, and how many lists did. */
  readonly seen: Map<string, { version: Version; times: number }>
  readonly removed: Map<string, Version>
  readonly spared: Set<string>
  /** What the images that were deleted referred to. */
  readonly claimed: Set<string>
  /** What a version that has just appeared needs. */
  readonly needed: Set<string>
  readonly orphans: Set<string>
  look: Look
  pages: number
}

export function openSweep(begin: Pick<Sweeping, 'place' | 'request' | 'runs'>): Sweeping {
  return {
    ...begin,
    facts: new Map(),
    seen: new Map(),
    removed: new Map(),
    spared: new Set(),
    claimed: new Set(),
    needed: new Set(),
    orphans: new Set(),
    look: { names: new Set(), digests: new Map() },
    pages: 0,
  }
}
