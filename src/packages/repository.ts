import { isNotFound } from '../lib/errors.ts'
import { type RegistryClient } from '../registry/client.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import { NotDeletedError, type Clock, type PackageBackend, type PackageVersion } from './backend.ts'
import { parseBlobSizes, parseManifestInfo, type ManifestInfo } from './manifest-info.ts'

/** What cleanup needs from a registry: the current tags and manifests. */
export type ManifestStore = Pick<
  RegistryClient,
  'getManifest' | 'headManifest' | 'putManifest' | 'listTags' | 'getBlob'
> &
  Partial<Pick<RegistryClient, 'listReferrers'>>

/** One repository to clean up: its registry, and the API that deletes in it. */
export interface PackageRepository {
  readonly backend: PackageBackend
  readonly registry: ManifestStore
  /** `acme/app` */
  readonly repository: string
  /** `ghcr.io/acme/app`, for the user. */
  readonly name: string
  readonly clock: Clock
  /** When to give up, by the clock. */
  readonly deadline: number
  /** Reads each manifest once, since the content of a digest never changes; undefined if it does not exist. */
  readonly manifest: (digest: string) => Promise<ManifestInfo | undefined>
}

export function createPackageRepository(options: Omit<PackageRepository, 'manifest'>): PackageRepository {
  const { registry, repository } = options
  const cache = new Map<string, ManifestInfo>()
  const read = async (digest: string): Promise<ManifestInfo> => {
    const { bytes, mediaType } = await registry.getManifest(repository, digest)
    const info = parseManifestInfo(digest, bytes, mediaType)
    cache.set(digest, info)
    return info
  }
  return { ...options, manifest: async (digest) => cache.get(digest) ?? (await unlessNotFound(read(digest))) }
}

/** The manifests that exist, by digest. */
export async function readManifests(
  { manifest }: Pick<PackageRepository, 'manifest'>,
  digests: Iterable<string>,
): Promise<Map<string, ManifestInfo>> {
  const found = await mapConcurrent([...new Set(digests)], manifest)
  return new Map(found.flatMap((info) => (info ? [[info.digest, info]] : [])))
}

/** The digest of every tag in the registry at this moment: a list of the API may be stale, this is not. */
export async function resolveTags(
  { registry, repository }: PackageRepository,
  tags: Iterable<string>,
): Promise<Map<string, string>> {
  const found = await mapConcurrent([...tags], async (tag) => ({
    tag,
    digest: await registry.headManifest(repository, tag),
  }))
  return new Map(found.flatMap(({ tag, digest }) => (digest === undefined ? [] : [[tag, digest]])))
}

/** All tags. Some registries answer 404 for a repository without tags. */
export async function listTagNames(
  { listTags }: Pick<RegistryClient, 'listTags'>,
  repository: string,
): Promise<readonly string[]> {
  return (await unlessNotFound(listTags(repository))) ?? []
}

/** The manifests whose `subject` is one of the images; none if the registry has no API for them. */
export async function listReferrers(
  { registry, repository }: PackageRepository,
  images: Iterable<string>,
): Promise<readonly string[]> {
  const found: string[] = []
  for (const image of new Set(images)) {
    const digests = await registry.listReferrers?.(repository, image)
    if (!digests) return found
    found.push(...digests)
  }
  return found
}

/** Digest → bytes of everything that is stored for the manifest; empty if it does not exist. */
export async function readBlobSizes(
  { registry, repository }: PackageRepository,
  digest: string,
): Promise<ReadonlyMap<string, number>> {
  const manifest = await unlessNotFound(registry.getManifest(repository, digest))
  return manifest ? parseBlobSizes(digest, manifest.bytes) : new Map()
}

export const exists = async ({ registry, repository }: PackageRepository, reference: string): Promise<boolean> =>
  (await registry.headManifest(repository, reference)) !== undefined

/** The version as the API returns it now. @throws NotDeletedError if only the registry still has it */
export async function refreshVersion(
  repository: PackageRepository,
  version: PackageVersion,
): Promise<PackageVersion | undefined> {
  const now = await repository.backend.read(version)
  if (!now && (await exists(repository, version.digest))) throw new NotDeletedError(notListedYet)
  return now
}

export const notListedYet = 'the API does not list it yet. A later cleanup deletes it.'

export const deadlinePassed = 'the time limit of the cleanup was reached. A later cleanup deletes it.'

export const movedTag = 'the tag was moved to another image, so it is kept.'

/** @throws NotDeletedError after the deadline */
export function requireTime({ clock, deadline }: PackageRepository): void {
  if (clock.now() > deadline) throw new NotDeletedError(deadlinePassed)
}

/** Undefined instead of a registry's 404. */
export async function unlessNotFound<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
