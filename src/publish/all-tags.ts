import { errorMessage, UserError } from '../lib/errors.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import type { Log } from '../lib/log.ts'
import type { RegistryClient } from '../registry/client.ts'
import type { Manifest } from '../registry/manifest.ts'
import { formatTagReference, isSameRepository, type Repository } from '../registry/reference.ts'
import type { Journal } from '../run/journal.ts'
import { isFixedTag, isImmutable, updateTags, type TagUpdates } from './tags.ts'

interface TagContext {
  readonly journal: Journal
  readonly log: Pick<Log, 'debug'>
  readonly isEphemeral: (tag: string) => boolean
}

/** An image in a repository, with the tags that are to name it there. */
interface Destination {
  readonly variant: Pick<VariantSpec, 'tags'>
  readonly repository: Repository
  readonly client: RegistryClient
  readonly index: Manifest
}

/** The digest of each tag before the update; undefined if it did not exist. */
type Digests = ReadonlyMap<string, string | undefined>

interface AllTagUpdates extends TagUpdates {
  /** What happened to tags that were updated before one turned out to be immutable; undefined if none is. */
  readonly restored?: readonly RestoredTag[]
}

interface RestoredTag {
  readonly tag: string
  /** Undefined if it names its earlier image again. */
  readonly failure: string | undefined
}

/**
 * Updates the tags in all repositories.
 *
 * @throws UserError with what was and what was not updated
 */
export async function updateAllTags(destinations: readonly Destination[], context: TagContext): Promise<void> {
  const { updated, failed, restored } = await tryUpdateAllTags(destinations, context)
  if (restored) throw immutableTags({ updated, failed }, restored)
  updated.forEach((tag) => context.log.debug(`Updated ${tag}`))
  if (failed.length > 0) throw tagsNotUpdated({ updated, failed })
}

/**
 * Updates the tags in all repositories. Those that a registry may protect come first: tags that name another image, and
 * tags whose name stands for one build. If one is immutable, the others of them name their earlier image again, and no
 * other tag is updated.
 */
export async function tryUpdateAllTags(
  destinations: readonly Destination[],
  context: Omit<TagContext, 'log'>,
): Promise<AllTagUpdates> {
  const known = await Promise.all(destinations.map(readTags))
  const updateThose = async (isWanted: (tag: string, before: string | undefined) => boolean) =>
    await Promise.all(
      destinations.map((destination, at) => {
        const before = known[at] ?? new Map<string, string>()
        return updateTagsOf(
          destination,
          [...before.keys()].filter((tag) => isWanted(tag, before.get(tag))),
          context,
        )
      }),
    )
  const isProtectable = (tag: string, before: string | undefined) => before !== undefined || isFixedTag(tag)
  const first = await updateThose(isProtectable)
  const refused = first.flatMap(({ failed }) => failed).filter(({ reason }) => isImmutable(reason))
  if (refused.length > 0) {
    const restored = (
      await Promise.all(destinations.map((destination, at) => restoreTags(destination, known[at])))
    ).flat()
    const isRestored = (tag: string) => restored.some((one) => one.tag === tag && one.failure === undefined)
    const updated = first.flatMap((outcome) => outcome.updated).filter((tag) => !isRestored(tag))
    return { updated, failed: refused, restored }
  }
  const outcomes = [...first, ...(await updateThose((tag, before) => !isProtectable(tag, before)))]
  return {
    updated: outcomes.flatMap((outcome) => outcome.updated),
    failed: outcomes.flatMap((outcome) => outcome.failed),
  }
}

/** A tag that cannot be read counts as one that exists. */
async function readTags({ variant, repository, client }: Destination): Promise<Digests> {
  const tags = variant.tags.filter((tag) => isSameRepository(tag, repository)).map(({ tag }) => tag)
  const digests = await Promise.all(tags.map((tag) => client.headManifest(repository.path, tag).catch(() => '')))
  return new Map(tags.map((tag, at) => [tag, digests[at]]))
}

/** Points tags that existed at their earlier image again. */
async function restoreTags(
  { repository, client, index }: Destination,
  before: Digests = new Map(),
): Promise<RestoredTag[]> {
  const restore = async ([name, digest]: readonly [string, string | undefined]): Promise<RestoredTag[]> => {
    const tag = formatTagReference({ ...repository, tag: name })
    try {
      const current = await client.headManifest(repository.path, name)
      if (!digest || digest === index.digest || current !== index.digest) return []
      const { bytes, mediaType } = await client.getManifest(repository.path, digest)
      await client.putManifest(repository.path, name, Buffer.from(bytes), mediaType)
      return [{ tag, failure: undefined }]
    } catch (error) {
      return [{ tag, failure: errorMessage(error) }]
    }
  }
  return (await Promise.all([...before].map(restore))).flat()
}

/** The error for a cancellation before the first tag is updated. */
export function cancelledBeforeTags(hint: string, cause: unknown): UserError {
  return new UserError({ code: 'cancelled', message: 'Cancelled: no tag was updated', hint, cause })
}

/** The error for tags of which at least one was not updated. */
export function tagsNotUpdated({ updated, failed }: TagUpdates): UserError {
  return new UserError({
    code: 'registry',
    message: `${failed.length} of ${updated.length + failed.length} tags could not be updated`,
    hint: 'The image itself is in the registry, complete and verified: run the job again to update all tags.',
    details: [
      ...updated.map((tag) => `updated:     ${tag}`),
      ...failed.map(({ tag, reason }) => `not updated: ${tag} (${reason})`),
    ],
    cause: failed[0]?.error,
  })
}

function immutableTags({ updated, failed }: TagUpdates, restored: readonly RestoredTag[]): UserError {
  const [{ tag, error } = { tag: '', error: undefined }] = failed
  const isListed = (one: string) => restored.some((each) => each.tag === one)
  return new UserError({
    code: 'registry',
    message: `The tag ${tag} is immutable and names another image`,
    hint:
      'Use a new tag, or delete the old one in the registry.' +
      (restored.length === 0 ? '' : ' Tags in the list with `restored` name their earlier image again.'),
    details: [
      // Tags without an earlier image stay.
      ...updated.filter((one) => !isListed(one)).map((one) => `updated:     ${one}`),
      ...failed.map((failure) => `not updated: ${failure.tag} (${failure.reason})`),
      ...restored.map((one) =>
        one.failure === undefined ? `restored:    ${one.tag}` : `not restored: ${one.tag} (${one.failure})`,
      ),
    ],
    cause: error,
  })
}

/** Updates tags in one repository, after a note of each. @returns the tags with their repository */
export async function updateTagsOf(
  { repository, client, index }: Omit<Destination, 'variant'>,
  tags: readonly string[],
  { journal, isEphemeral }: Pick<TagContext, 'journal' | 'isEphemeral'>,
): Promise<TagUpdates> {
  for (const tag of tags)
    journal.note({ kind: 'tag', ...repository, tag, digest: index.digest, ephemeral: isEphemeral(tag) })
  const { updated, failed } = await updateTags(client, { repository: repository.path, tags, index })
  const reference = (tag: string) => formatTagReference({ ...repository, tag })
  return {
    updated: updated.map(reference),
    failed: failed.map((failure) => ({ ...failure, tag: reference(failure.tag) })),
  }
}
