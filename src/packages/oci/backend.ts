import type { RegistryClient } from '../../registry/client.ts'
import type { RegistryError } from '../../registry/error.ts'
import {
  NotDeletedError,
  type BackendCapabilities,
  type BackendDefinition,
  type PackageBackend,
  type PackageVersion,
} from '../backend.ts'
import { movedTag, unlessNotFound } from '../repository.ts'
import { createDeletion, isForbidden, isUnsupported, type Deletion } from './delete.ts'
import { createHarborApi, type HarborApi, type HarborOptions } from './harbor.ts'
import { createRestoreCache, type RestoreCache } from './restore.ts'
import { toSkipReason, toUnsupportedReason } from './skip-reasons.ts'
import { createTagIndex, type TagIndex } from './tags.ts'

/** Any registry: its own DELETE. */
export const ociBackend: BackendDefinition = {
  endpoint: (registry) => registry,
  create: async (_, { registries }, { repository, client, signal }) => {
    const credentials = await registries.credentials(repository)
    return createOciBackend({
      client,
      repository: repository.path,
      ...(credentials && { harbor: { credentials, fetch: registries.fetch, signal } }),
    })
  },
}

interface OciOptions {
  readonly client: RegistryClient
  /** `acme/app` */
  readonly repository: string
  /** To use Harbor's own API if the registry itself does not delete tags. */
  readonly harbor?: Pick<HarborOptions, 'credentials' | 'fetch' | 'signal' | 'clock'> | undefined
  readonly now?: () => number
}

interface Context {
  readonly client: RegistryClient
  readonly repository: string
  readonly tags: TagIndex
  readonly deletion: Deletion
  readonly harbor: HarborApi | undefined
  readonly restoreCache: RestoreCache
}

const capabilities: BackendCapabilities = {
  listsById: false,
  listsUntagged: false,
  resolvesEachTag: true,
  deletesReferenced: false,
  deletesConcurrently: true,
  lowercasesTags: false,
}

const doesNotDelete = 'the registry does not delete it'

/**
 * Any registry with the DELETE of the distribution API, whose meaning differs: some do not delete tags; a DELETE of a
 * digest also deletes all its tags, or is refused while it has any. Untagged manifests cannot be listed.
 */
export function createOciBackend({ client, repository, harbor, now }: OciOptions): PackageBackend {
  const { registry } = client
  const context: Context = {
    client,
    repository,
    tags: createTagIndex(client, repository, now),
    deletion: createDeletion(client, repository),
    harbor: harbor && createHarborApi({ ...harbor, registry, repository }),
    restoreCache: createRestoreCache(client, repository),
  }
  const withSkipReason = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw toSkipReason(error, registry)
    }
  }
  return {
    title: "the registry's own DELETE",
    capabilities,
    list: () => list(context),
    read: (version) => withSkipReason(read(context, version)),
    remove: (version) => withSkipReason(remove(context, version)),
    untag: (version, tag) => withSkipReason(untag(context, version, tag)),
    restore: ({ digest }) => context.restoreCache.restore(digest),
    probeDeletion: () => probeDeletion(context),
  }
}

async function probeDeletion({ client, deletion, harbor }: Context): Promise<NotDeletedError | undefined> {
  const refused = await deletion.probe()
  if (!refused || (await harbor?.isHarbor())) return undefined
  const reason = isUnsupported(refused)
    ? toUnsupportedReason(doesNotDelete, refused, client.registry)
    : toSkipReason(refused, client.registry)
  // The digest of the probe means nothing to the user.
  return reason instanceof NotDeletedError
    ? new NotDeletedError(reason.message.replace(/@sha256:0{32}[0-9a-f]{32}/, ''), refused, reason.isUnsupported)
    : undefined
}

/** If a later tag points at a digest again, the digest is repeated with all its tags so far. */
async function* list({ client, tags }: Context): AsyncIterable<readonly PackageVersion[]> {
  const tagsByDigest = new Map<string, readonly string[]>()
  try {
    for await (const entries of tags.entries()) {
      for (const { tag, digest } of entries) tagsByDigest.set(digest, [...(tagsByDigest.get(digest) ?? []), tag])
      yield [...new Set(entries.map(({ digest }) => digest))].map((digest) => ({
        id: digest,
        digest,
        tags: tagsByDigest.get(digest) ?? [],
      }))
    }
  } catch (error) {
    throw toSkipReason(error, client.registry)
  }
}

async function read(
  { client, repository, tags }: Context,
  { digest }: PackageVersion,
): Promise<PackageVersion | undefined> {
  if ((await client.headManifest(repository, digest)) === undefined) return undefined
  return { id: digest, digest, tags: await tags.tagsOf(digest) }
}

async function remove(context: Context, version: PackageVersion): Promise<void> {
  const { client, repository, restoreCache } = context
  const { digest } = version
  const manifest = await unlessNotFound(client.getManifest(repository, digest))
  if (!manifest) return
  const tags = await context.tags.tagsOf(digest)
  const others = tags.filter((tag) => !version.tags.includes(tag))
  if (others.length > 0) throw new NotDeletedError(`it also has the tag ${others.join(', ')}, so it is kept.`)
  restoreCache.record(manifest, tags)
  const refused = await deleteManifest(context, digest)
  if (!refused) return
  if (!isUnsupported(refused)) throw refused
  if (tags.length === 0) throw toUnsupportedReason(doesNotDelete, refused, client.registry)
  await removeUntagged(context, digest, tags, refused)
}

/** Some registries delete a manifest only if it has no tag. */
async function removeUntagged(
  context: Context,
  digest: string,
  tags: readonly string[],
  refused: RegistryError,
): Promise<void> {
  const { registry } = context.client
  for (const tag of tags) {
    const tagRefused = await deleteTag(context, digest, tag)
    if (tagRefused) throw isUnsupported(tagRefused) ? toUnsupportedReason(doesNotDelete, refused, registry) : tagRefused
  }
  const again = await deleteManifest(context, digest)
  if (again) throw toUnsupportedReason('it has no tag any more, but the registry does not delete it', again, registry)
}

async function untag(context: Context, version: PackageVersion, tag: string): Promise<void> {
  const { client, repository, deletion } = context
  const { digest } = version
  const current = await client.headManifest(repository, tag)
  if (current === undefined) return
  if (current !== digest) throw new NotDeletedError(movedTag)
  await preservingOtherTags(context, version, tag, async () => {
    const refused = await deleteTag(context, digest, tag)
    if (refused && !isUnsupported(refused)) throw refused
    const copyRefused = refused && (await deletion.tagByCopy(tag, digest))
    if (copyRefused)
      throw isUnsupported(copyRefused)
        ? toUnsupportedReason('the registry does not delete tags', copyRefused, client.registry)
        : copyRefused
  })
}

/** Some registries delete the manifest together with its last tag, or even with any tag: then it is pushed again. */
async function preservingOtherTags(
  { client, repository, restoreCache }: Context,
  { digest, tags }: PackageVersion,
  tag: string,
  work: () => Promise<void>,
): Promise<void> {
  const resolve = (references: readonly string[]): Promise<(string | undefined)[]> =>
    Promise.all(references.map((reference) => client.headManifest(repository, reference)))
  const others = tags.filter((other) => other !== tag)
  const before = await resolve(others)
  const current = others.filter((_, at) => before[at] === digest)
  const manifest = await client.getManifest(repository, digest)
  // Forgejo and Gitea keep a manifest for each of its tags, and for its digest if it was pushed by digest: so push it.
  if (current.length === 0) await client.putManifest(repository, digest, manifest.bytes, manifest.mediaType)
  await work()
  const after = await resolve([digest, ...current])
  if (after.every((found) => found !== undefined)) return
  restoreCache.record(manifest, current)
  const restored = await restoreCache.restore(digest)
  if (restored && current.length === 0) return
  const outcome = restored ? 'they were restored' : 'they could not be restored. Run again the job that pushed them'
  throw new NotDeletedError(
    `the registry deleted ${['the image', ...current].join(', ')} together with this tag; ${outcome}.`,
  )
}

/** Deletes one tag by the registry's DELETE or by Harbor's; undefined: it is deleted. */
async function deleteTag(context: Context, digest: string, tag: string): Promise<RegistryError | undefined> {
  return await orByHarbor(context, await context.deletion.tag(tag), (harbor) => harbor.deleteTag(digest, tag))
}

async function deleteManifest(context: Context, digest: string): Promise<RegistryError | undefined> {
  return await orByHarbor(context, await context.deletion.manifest(digest), (harbor) => harbor.deleteArtifact(digest))
}

async function orByHarbor(
  { harbor }: Context,
  refused: RegistryError | undefined,
  work: (harbor: HarborApi) => ReturnType<HarborApi['deleteTag']>,
): Promise<RegistryError | undefined> {
  if (!harbor || !refused || !(isUnsupported(refused) || isForbidden(refused))) return refused
  const answer = await work(harbor)
  return answer === 'not harbor' ? refused : answer
}
