import { RegistryError, type RegistryClient } from '../registry/client.ts'
import { Kept, type PackageApi, type Version } from './backend.ts'
import { readFacts, type Facts } from './manifest-info.ts'
import { severalAtOnce } from '../lib/concurrency.ts'

/** What cleanup needs of a registry: the truth about tags and manifests. */
export type ManifestStore = Pick<
  RegistryClient,
  'getManifest' | 'headManifest' | 'putManifest' | 'listTags' | 'getBlob'
>

export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<unknown>
}

/** One repository that is to be cleaned up, from both sides. */
export interface Place {
  readonly api: PackageApi
  readonly registry: ManifestStore
  /** `acme/app` */
  readonly repository: string
  /** `ghcr.io/acme/app`, for the user. */
  readonly name: string
  readonly clock: Clock
  /** When to give up, by the clock. */
  readonly until: number
  readonly facts: (digest: string) => Promise<Facts | undefined>
}

export function openPlace(place: Omit<Place, 'facts'>): Place {
  return { ...place, facts: openFacts(place) }
}

/** Reads each manifest once, since a digest never means anything else; undefined where it is not there. */
function openFacts({ registry, repository }: Pick<Place, 'registry' | 'repository'>): Place['facts'] {
  const known = new Map<string, Facts>()
  return async (digest) => {
    const kept = known.get(digest)
    if (kept) return kept
    try {
      const { bytes, mediaType } = await registry.getManifest(repository, digest)
      const facts = readFacts(digest, bytes, mediaType)
      known.set(digest, facts)
      return facts
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }
}

/** What there is of these manifests. */
export async function readAll({ facts }: Pick<Place, 'facts'>, digests: Iterable<string>): Promise<Map<string, Facts>> {
  const found = await severalAtOnce([...new Set(digests)], facts)
  return new Map(found.flatMap((one) => (one ? [[one.digest, one]] : [])))
}

/** Every tag's digest as the registry has it now: lists of the API may be stale, this is not. */
export async function resolveTags(
  { registry, repository }: Place,
  tags: Iterable<string>,
): Promise<Map<string, string>> {
  const found = await severalAtOnce([...tags], async (tag) => ({
    tag,
    digest: await registry.headManifest(repository, tag),
  }))
  return new Map(found.flatMap(({ tag, digest }) => (digest === undefined ? [] : [[tag, digest]])))
}

/** A repository without tags is unknown to some registries. */
export async function tagNames({ registry, repository }: Place): Promise<readonly string[]> {
  try {
    return await registry.listTags(repository)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** The version as the API has it now. @throws where the API says that it is gone and the registry still has it */
export async function readVersion(
  { api, registry, repository }: Place,
  version: Version,
): Promise<Version | undefined> {
  const now = await api.read(version)
  if (!now && (await registry.headManifest(repository, version.digest)) !== undefined) throw new Kept(notYet)
  return now
}

export const notYet = 'the API does not show it yet. A later sweep deletes it.'

export const timeOver = 'the time for it was over. A later sweep deletes it.'

export function checkTime({ clock, until }: Place): void {
  if (clock.now() > until) throw new Kept(timeOver)
}

export function isMissing(error: unknown): boolean {
  return error instanceof RegistryError && error.kind === 'not-found'
}
