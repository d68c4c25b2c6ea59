import { Kept, type Version } from '../packages/backend.ts'
import type { Family, Own } from './ownership.ts'
import { neededBy, noLook, type Look } from './snapshot.ts'
import { timeOver, type Place } from '../packages/repository.ts'
import { survey } from './listing.ts'
import { errorMessage } from '../lib/errors.ts'

/** What became of one tag or digest. */
export interface Outcome {
  readonly subject: string
  readonly deleted: boolean
  /** Why it was kept. */
  readonly reason?: string
  /** The registry deletes no such thing, whoever asks. */
  readonly isUnsupported?: true
}

/** PURE: what is said of something that an error kept. */
export function keptBy(error: unknown, subject: string): Outcome {
  return {
    subject,
    deleted: false,
    reason: isTimeout(error) ? timeOver : errorMessage(error),
    ...(error instanceof Kept && error.isUnsupported && { isUnsupported: true }),
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || isTimeout(error.cause))
}

/** Of more tags than this, post asks the registry only for new ones: it should take no longer than a moment. */
export const mostTags = 100

/**
 * Of more tags than this, a registry that tells their digests one by one is not asked for what bears no tag anyway:
 * some ten seconds.
 */
export const tooManyTags = 1000

export interface Work {
  readonly place: Place
  readonly own: Own
  readonly family: Family
  readonly outcomes: Outcome[]
  /** Where the API keeps what was asked for. */
  readonly versions: Map<string, Version>
  readonly removed: Map<string, Version>
  /** What stays because our own index does: that was told of the index. */
  readonly spared: Set<string>
  readonly needed: Set<string>
  look: Look
  /** The last list showed everything up to the deletion of the index. */
  fresh: boolean
}

export function openWork(begin: Pick<Work, 'place' | 'own' | 'family' | 'outcomes'>): Work {
  return {
    ...begin,
    versions: new Map(),
    removed: new Map(),
    spared: new Set(),
    needed: new Set(),
    look: noLook,
    fresh: false,
  }
}

/** Elsewhere the id is the digest, and `read` asks for all tags anyway. */
export async function locate(work: Work, wanted: readonly string[]): Promise<void> {
  const { place, family, versions, removed } = work
  if (place.api.kind !== 'github') {
    for (const digest of wanted) versions.set(digest, { id: digest, digest, tags: [] })
    return
  }
  const { found, others, ghosts } = await survey(place.api, new Set(wanted), removed)
  for (const [digest, version] of found) versions.set(digest, version)
  const own = new Set([...family.indexes.map(({ digest }) => digest), ...family.children, ...family.intermediates])
  await heed(
    work,
    await neededBy(
      place,
      others.filter(({ digest }) => !own.has(digest)).map(({ digest }) => digest),
    ),
  )
  work.fresh = removed.size > 0 && ghosts.length === 0 && wanted.every((digest) => found.has(digest))
}

/** Spares what others need, and what that needs in turn. */
export async function heed(work: Work, needed: ReadonlySet<string>): Promise<void> {
  const below = await neededBy(
    work.place,
    [...needed].filter((digest) => work.versions.has(digest)),
  )
  for (const digest of [...needed, ...below]) work.needed.add(digest)
}

/** An index of ours stays, and so does everything under it. */
export async function spare(work: Work, index: string): Promise<void> {
  for (const digest of await neededBy(work.place, [index])) work.spared.add(digest)
}
