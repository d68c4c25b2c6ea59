import type { BuiltTarget } from '../buildx/run.ts'
import type { BuildSettings } from '../inputs/settings/settings.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { UserError } from '../lib/errors.ts'
import { targetLabel, type Target } from '../plan/target.ts'
import { createClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import type { RegistryClient } from '../registry/client.ts'
import { formatRepository, formatTagReference, type TagReference } from '../registry/reference.ts'
import type { Journal } from '../run/journal.ts'
import { partAnnotations, partTag, type PartEvent, type PartInfo, type PartName } from '../run/parts.ts'
import { expectedContent } from './content.ts'
import { readParts } from './find-parts.ts'
import type { ImageIndex } from './index.ts'
import { tagsNotUpdated, updateTagsOf } from './all-tags.ts'
import { explainStoreError, putIndex, type Published } from './publish.ts'
import type { PublishedPlatform } from './verify.ts'

interface PartsRequest {
  readonly variants: readonly VariantSpec[]
  readonly built: readonly Pick<BuiltTarget, 'target' | 'digest'>[]
  /** Undefined: the images may have any labels, annotations and attestations. */
  readonly settings?: Pick<BuildSettings, 'provenance' | 'attests'>
  readonly event: PartEvent
  /** The name of the run's directory, which no other job has. */
  readonly key: string
  readonly journal: Journal
  readonly signal: AbortSignal
  readonly registries: RegistryAccess
}

interface StoredPart {
  readonly built: PartsRequest['built'][number]
  readonly tag: TagReference
  readonly client: RegistryClient
  readonly index: ImageIndex
  readonly platforms: readonly PublishedPlatform[]
}

/**
 * Publishes what the builds of this job pushed by digest as parts of a split build: each platform of each variant gets
 * an index with its image and attestations, and with annotations that say what it is. All indexes are stored and
 * verified before the first build tag is updated. No other tag is updated.
 *
 * @throws UserError with code `registry`, or `inputs` if another job of this run has pushed the same part
 */
export async function publishParts(request: PartsRequest): Promise<Published[]> {
  const { variants, built, registries, signal, journal } = request
  const createClient = createClientFactory(registries, signal)
  const pairs = built.flatMap((one) => buildTags(one.target, request.event).map((tag) => ({ built: one, tag })))
  const stored = await Promise.all(
    pairs.map(async (pair) => await storePart({ ...pair, client: await createClient(pair.tag) }, request)),
  )
  const context = { journal, isEphemeral: () => true }
  const outcomes = await Promise.all(
    stored.map(({ tag: { tag, ...repository }, ...part }) => updateTagsOf({ repository, ...part }, [tag], context)),
  )
  const failed = outcomes.flatMap((outcome) => outcome.failed)
  if (failed.length > 0) throw tagsNotUpdated({ updated: outcomes.flatMap((outcome) => outcome.updated), failed })
  for (const { tag, index } of stored) journal.note({ kind: 'part', ...tag, digest: index.digest })
  return variants.map((variant) =>
    describeParts(
      variant,
      stored.filter(({ built: { target } }) => target.variant === variant),
    ),
  )
}

/** PURE: the build tags of a target, one in each repository. */
export function buildTags(
  { variant, platform }: Pick<Target, 'variant' | 'platform'>,
  event: PartEvent,
): TagReference[] {
  const tag = partTag(event, { platform, variant: variant.name })
  return variant.images.map((repository) => ({ ...repository, tag }))
}

/** Assembles the index of a part, puts it by its digest and verifies it. */
async function storePart(
  part: Pick<StoredPart, 'built' | 'tag' | 'client'>,
  { event, key, journal, settings }: PartsRequest,
): Promise<StoredPart> {
  const { built, tag, client } = part
  const { platform, variant } = built.target
  const name = { platform, variant: variant.name }
  try {
    const stored = await putIndex(client, tag.path, {
      parts: [{ platform, digest: built.digest, expected: settings && expectedContent(built.target, settings) }],
      annotations: partAnnotations(event, key, { platforms: [platform], variant: variant.name }),
      platforms: [platform],
      onIndex: (digest) => journal.note({ kind: 'manifest', registry: tag.registry, path: tag.path, digest }),
    })
    const other = (await readParts(client, tag))[0]?.info
    if (other && isOtherJob(other, event, name)) throw pushedTwice(tag, built, other)
    return { ...part, ...stored }
  } catch (error) {
    throw explainStoreError(error, `The part ${formatTagReference(tag)} could not be created`)
  }
}

/** Whether another job of this attempt, or one with another part, has the build tag; an earlier attempt is replaced. */
function isOtherJob(other: PartInfo, { runId, runAttempt }: PartEvent, { platform, variant }: PartName) {
  const isSame = other.platform === platform && other.variant === variant
  return other.runId === runId && (!isSame || other.runAttempt === runAttempt)
}

function pushedTwice(tag: TagReference, { target }: StoredPart['built'], { platform, variant }: PartInfo): UserError {
  return new UserError({
    code: 'inputs',
    message: `Another job of this run has pushed ${formatTagReference(tag)}`,
    hint: 'Every job with `partial: true` needs its own platform or its own `variant`: set `variant` in the matrix.',
    details: [`this job: ${targetLabel(target)}`, `the other: ${[platform, variant].join(' ').trim()}`],
  })
}

/** All parts of a variant; several parts have no digest in common. */
function describeParts(variant: VariantSpec, stored: readonly StoredPart[]): Published {
  const digests = new Set(stored.map(({ index }) => index.digest))
  const [first] = stored
  const only = digests.size === 1 ? first?.index : undefined
  const inFirst = stored.filter(({ tag }) => first && formatRepository(tag) === formatRepository(first.tag))
  return {
    variant,
    digest: only?.digest ?? '',
    mediaType: only?.mediaType ?? '',
    size: only?.bytes.length ?? 0,
    images: stored.map(({ tag, index }) => `${formatRepository(tag)}@${index.digest}`),
    tags: stored.map(({ tag }) => tag),
    platforms: inFirst.flatMap((part) => part.platforms),
  }
}
