import { RegistryError } from '../registry/error.ts'
import { setTimeout as delay } from 'node:timers/promises'
import type { BuildSettings } from '../inputs/settings/settings.ts'
import type { VariantSpec } from '../inputs/variants.ts'
import { UserError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { annotationsAt } from '../metadata/annotations.ts'
import type { Target } from '../plan/target.ts'
import { createClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import { type RegistryClient } from '../registry/client.ts'
import { formatRepository, formatTagReference, type Repository, type TagReference } from '../registry/reference.ts'
import type { Journal } from '../run/journal.ts'
import { ownershipAnnotations } from '../run/names.ts'
import { ContentError, expectedContent } from './content.ts'
import { assembleImage, IndexError, type Annotations, type ImageIndex } from './index.ts'
import { updateAllTags } from './all-tags.ts'
import type { MirrorOutcome } from './mirror-outcome.ts'
import type { SignImages, Verification } from './sign/verification.ts'
import {
  fetchParts,
  verifyChildren,
  verifyStored,
  withReplicas,
  type PublishedPlatform,
  type PushedPart,
} from './verify.ts'

/** A variant whose verified index is in its repositories, under all its tags. */
export interface Published {
  readonly variant: VariantSpec
  readonly digest: string
  readonly mediaType: string
  readonly size: number
  /** `ghcr.io/acme/app@sha256:…`, one for each repository. */
  readonly images: readonly string[]
  readonly tags: readonly TagReference[]
  readonly platforms: readonly PublishedPlatform[]
  /** Undefined if it is not signed. */
  readonly verification?: Verification
  /** Undefined without any. */
  readonly mirrors?: readonly MirrorOutcome[]
}

type PublishedTarget = Pick<Target, 'variant' | 'platform'>

interface PublishRequest {
  readonly variants: readonly VariantSpec[]
  /** Everything that was planned; the index must have exactly these platforms. */
  readonly targets: readonly PublishedTarget[]
  readonly built: readonly ({ readonly target: PublishedTarget } & Pick<PushedPart, 'digest' | 'manifest'>)[]
  /** Undefined: the images may have any labels, annotations and attestations. */
  readonly settings?: Pick<BuildSettings, 'provenance' | 'attests'>
  readonly nonce: string
  /** The pull request whose images they are; see `pullRequestOf`. */
  readonly pullRequest?: string | undefined
  /** The images belong to this run alone. */
  readonly ephemeral: boolean
  readonly journal: Journal
  readonly log: Log
  readonly signal: AbortSignal
  readonly registries: RegistryAccess
  readonly isEphemeral: (tag: string) => boolean
  /** Undefined: nothing is signed. */
  readonly sign?: SignImages | undefined
}

interface Destination {
  readonly variant: VariantSpec
  readonly repository: Repository
  readonly client: RegistryClient
}

interface StoredIndex extends Destination {
  readonly index: ImageIndex
  readonly platforms: readonly PublishedPlatform[]
}

/**
 * Publishes what the builds pushed by digest, in this order: for each variant and in each of its repositories the
 * platforms are assembled into one index, which is put by its digest and verified. Only when all of them are stored and
 * verified are the tags updated.
 *
 * @throws UserError with code `registry`; its details list what was and what was not updated
 */
export async function publish(request: PublishRequest): Promise<Published[]> {
  const { signal, variants } = request
  const stop = new AbortController()
  const cancel = () => stop.abort(signal.reason)
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const stored = await storeIndexes(request, stop.signal)
    const verification = await request.sign?.(stored.map(({ index, ...image }) => ({ ...image, digest: index.digest })))
    signal.throwIfAborted()
    // From here on a cancellation has no effect: to stop between two tags would leave them at different images.
    signal.removeEventListener('abort', cancel)
    const others = await updateTags(stored, request)
    const published = variants.flatMap((variant) =>
      describePublished(
        stored.filter((index) => index.variant === variant),
        { verification, others },
      ),
    )
    return await withMirrors(published, request)
  } finally {
    // After a failure, ends the requests for the other repositories.
    stop.abort()
  }
}

/** Stores the index of each variant in each of its repositories. */
async function storeIndexes(request: PublishRequest, signal: AbortSignal): Promise<StoredIndex[]> {
  const createClient = createClientFactory(request.registries, signal)
  const pairs = request.variants.flatMap((variant) => variant.images.map((repository) => ({ variant, repository })))
  return await Promise.all(
    pairs.map(async ({ variant, repository }) =>
      storeIndex({ variant, repository, client: await createClient(repository) }, request),
    ),
  )
}

/** Assembles the index of a variant in a repository, puts it by its digest and verifies it. */
async function storeIndex(destination: Destination, request: PublishRequest): Promise<StoredIndex> {
  const { variant, repository } = destination
  const platforms = request.targets.filter((target) => target.variant === variant).map(({ platform }) => platform)
  const ownership = request.ephemeral ? ownershipAnnotations(request.nonce, request.pullRequest) : {}
  try {
    const stored = await putIndex(destination.client, repository.path, {
      parts: pushedParts(variant, request),
      annotations: annotationsAt(variant.annotations, 'index'),
      ownership,
      platforms,
      // No tag names it until every repository has its index.
      onIndex: (digest) => request.journal.note({ kind: 'manifest', ...repository, digest }),
    })
    return { ...destination, ...stored }
  } catch (error) {
    throw explainStoreError(error, `The image index of ${formatRepository(repository)} could not be created`)
  }
}

function pushedParts(variant: VariantSpec, { built, settings }: PublishRequest): readonly PushedPart[] {
  return built
    .filter(({ target }) => target.variant === variant)
    .map(({ target: { platform }, digest, manifest }) => ({
      platform,
      digest,
      manifest,
      annotations: annotationsAt(variant.annotations, 'manifest-descriptor', platform),
      expected: settings && expectedContent({ variant, platform }, settings),
    }))
}

interface IndexRequest {
  readonly parts: readonly PushedPart[]
  readonly annotations: Annotations
  /** Annotations that show that an index belongs to this run. */
  readonly ownership?: Annotations
  /** The platforms that the index must have, in its order. */
  readonly platforms?: readonly PushedPart['platform'][]
  /** Receives the digest before the index is put. */
  readonly onIndex?: (digest: string) => void
  readonly sleep?: (ms: number) => Promise<unknown>
}

/**
 * Assembles an index of what the targets pushed, verifies its content, puts it by its digest and reads it back. An
 * image that needs no index is only verified.
 *
 * @throws IndexError, RegistryError
 */
export async function putIndex(
  registry: RegistryClient,
  repository: string,
  { parts, platforms, onIndex, sleep = delay, ...added }: IndexRequest,
): Promise<Pick<StoredIndex, 'index' | 'platforms'>> {
  const client = withReplicas(registry, sleep)
  const fetched = await fetchParts(client, repository, parts)
  const index = assembleImage(fetched, added, platforms)
  const verified = await verifyChildren(client, repository, index, fetched)
  onIndex?.(index.digest)
  const isStored = fetched.some(({ digest }) => digest === index.digest)
  if (!isStored) await client.putManifest(repository, index.digest, index.bytes, index.mediaType)
  if (!isStored) await verifyStored(client, repository, index)
  return { index, platforms: verified }
}

/** The release is complete by now: a mirror neither delays nor fails it. */
async function withMirrors(published: readonly Published[], request: PublishRequest): Promise<Published[]> {
  if (published.every(({ variant }) => (variant.mirrors ?? []).length === 0)) return [...published]
  const { updateMirrors } = await import('./mirrors.ts')
  const results: Published[] = []
  for (const image of published) {
    const { images, mirrors = [] } = image.variant
    const [from] = images
    // A mirror has the tags that name this image in the first repository.
    const isUpdated = ({ tag }: TagReference) =>
      image.variant.tags.every((one) => one.tag !== tag) || image.tags.some((one) => one.tag === tag)
    const updated = mirrors.map((mirror) => ({ ...mirror, tags: mirror.tags.filter(isUpdated) }))
    const outcomes = from ? await updateMirrors({ from, digest: image.digest, mirrors: updated }, request) : []
    results.push(outcomes.length === 0 ? image : { ...image, mirrors: outcomes })
  }
  return results
}

/** @returns the tags that name another version, with `flavor: latest=highest` */
async function updateTags(stored: readonly StoredIndex[], request: PublishRequest): Promise<ReadonlySet<string>> {
  if (stored.some(({ variant }) => variant.highest))
    return await (await import('./highest.ts')).updateByVersion(stored, request)
  await updateAllTags(stored, request)
  return new Set()
}

interface TagsAndSignatures {
  readonly verification: Verification | undefined
  /** Tags that name another image. */
  readonly others: ReadonlySet<string>
}

function describePublished(stored: readonly StoredIndex[], { verification, others }: TagsAndSignatures): Published[] {
  const [first] = stored
  if (!first) return []
  const { variant, platforms, index } = first
  const { digest, mediaType, bytes } = index
  const images = stored.map(({ repository }) => `${formatRepository(repository)}@${digest}`)
  const tags = variant.tags.filter((tag) => !others.has(formatTagReference(tag)))
  const signed = verification && { verification }
  return [{ variant, digest, mediaType, size: bytes.length, platforms, tags, images, ...signed }]
}

const noTag = 'No tag was updated.'
const storeHints = {
  mismatch: `${noTag} The pushed images do not match the inputs: see the lines above.`,
  denied: `${noTag} Check \`username\` and \`password\`, and that this login has permission to push.`,
  failed: `${noTag} Run the job again; if the error persists, check the registry’s status.`,
}

/** Errors of other kinds are returned as they are. */
export function explainStoreError(error: unknown, message: string): unknown {
  if (!(error instanceof IndexError) && !(error instanceof RegistryError)) return error
  const isContent = error instanceof ContentError
  return new UserError({
    code: 'registry',
    message: isContent ? error.headline : message,
    hint: storeHints[reasonOf(error)],
    details: isContent ? [message, ...error.differences] : [error.message],
    cause: error,
  })
}

function reasonOf(error: IndexError | RegistryError): keyof typeof storeHints {
  if (error instanceof IndexError) return 'mismatch'
  return error.kind === 'denied' || error.kind === 'unauthorized' ? 'denied' : 'failed'
}
