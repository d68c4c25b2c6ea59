import { errorMessage } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { createClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import { formatTagReference, isSameRepository, type Repository } from '../registry/reference.ts'
import type { Journal } from '../run/journal.ts'
import { mergedTag, partAnnotations, type PartEvent } from '../run/parts.ts'
import type { TaggedPart } from './find-parts.ts'
import { assembleIndex, type ImageIndex } from './index.ts'
import type { Published } from './publish.ts'
import type { MergedPart } from './select-parts.ts'

interface MergedParts {
  readonly published: readonly Published[]
  /** One for each platform of each variant. */
  readonly parts: readonly MergedPart[]
  /** The parts in all repositories. */
  readonly all: readonly MergedPart[]
}

interface MergedContext {
  readonly event: PartEvent
  /** The name of the run's directory, which no other job has. */
  readonly key: string
  readonly journal: Journal
  readonly log: Pick<Log, 'debug'>
  readonly registries: RegistryAccess
}

/** The tags are updated by now: nothing may delay the end of the step for long. */
const deadline = 10_000

/** PURE: whether the tag names all parts of a variant together. */
export function isMergedTag({ tag, info }: TaggedPart, event: MergedContext['event']): boolean {
  return info !== undefined && tag.tag === mergedTag(event, info.variant)
}

/**
 * Tags the parts of each variant together, in one index. The post step deletes it after the parts: if that is killed,
 * the next merge of the run finds in it what is deleted already. It is a part like any other: with the annotations of
 * this run, checked as strictly, and deleted by the `cleanup` action if its run ends without a post step. Does not
 * throw, since the image is published.
 */
export async function tagMergedParts(merged: MergedParts, context: MergedContext): Promise<void> {
  const { published, parts, all } = merged
  const tasks = published.flatMap(({ variant: { name, images } }) => {
    const own = parts.filter(({ info }) => info.variant === name)
    const index = assembleMerged(name, own, context)
    const isTagged = (repository: Repository) =>
      own.every(({ info, image }) =>
        all.some(
          (part) =>
            isMergedTag(part, context.event) &&
            isSameRepository(part.tag, repository) &&
            [part.info.variant, part.info.platform, part.image].join() === [name, info.platform, image].join(),
        ),
      )
    return images
      .filter((repository) => !isTagged(repository))
      .map((repository) => putMerged({ ...repository, tag: mergedTag(context.event, name) }, index, context))
  })
  await Promise.all(tasks)
}

function assembleMerged(variant: string, parts: readonly MergedPart[], { event, key }: MergedContext): ImageIndex {
  const platforms = parts.map(({ info }) => info.platform)
  return assembleIndex(
    parts.map(({ info, index }) => ({ platform: info.platform, ...index })),
    partAnnotations(event, key, { platforms, variant }),
  )
}

async function putMerged(
  tag: MergedPart['tag'],
  { digest, bytes, mediaType }: ImageIndex,
  { journal, log, registries }: MergedContext,
): Promise<void> {
  try {
    const client = await createClientFactory(registries, AbortSignal.timeout(deadline))(tag)
    journal.note({ kind: 'tag', ...tag, digest, ephemeral: true })
    await client.putManifest(tag.path, tag.tag, bytes, mediaType)
  } catch (error) {
    log.debug(`${formatTagReference(tag)} was not updated: ${errorMessage(error)}`)
  }
}
