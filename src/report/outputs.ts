import { endOfOutput } from '../buildx/output-tail.ts'
import { annotationsAt } from '../metadata/annotations.ts'
import { metadataVariables, renderMetadata, type Metadata } from '../metadata/outputs.ts'
import { formatRepository, formatTagReference, type TagReference } from '../registry/reference.ts'
import type { MirrorOutcome } from '../publish/mirror-outcome.ts'
import type { Published } from '../publish/publish.ts'
import type { PublishedPlatform } from '../publish/verify.ts'
import { renderBuilderOutputs } from './builder-outputs.ts'
import type { TargetEntry, TargetMeasurement } from './measurements.ts'
import type { RunReport, VariantReport } from './run-report.ts'

/** `entry` is absent in a merge, which builds nothing. */
type PlatformMetadata = Pick<TargetMeasurement, 'platform' | 'metadata'> & Partial<Pick<TargetMeasurement, 'entry'>>

/** A variant that was pushed. */
interface PublishedVariant {
  readonly published: Published
  readonly platforms: readonly PlatformMetadata[]
}

/** PURE: the step's outputs by name, as in action.yml. */
export function renderOutputs(report: RunReport): Record<string, string> {
  return {
    ...renderImageOutputs(report.variants, report.isPart),
    builder: report.builder.name,
    'buildx-config': report.buildxConfig,
    ...renderBuilderOutputs(report.builder, report.nodes),
  }
}

/** PURE: the outputs about images. `digest`, `image` and `digests` describe the first variant. */
export function renderImageOutputs(
  variants: readonly VariantReport<PlatformMetadata>[],
  isPart = false,
): Record<string, string> {
  const pushed = variants.flatMap(({ published, platforms }) => (published ? [{ published, platforms }] : []))
  const first = pushed[0]?.published
  return {
    digest: first?.digest ?? '',
    image: first?.images[0] ?? '',
    tags: pushed.flatMap(({ published }) => updatedTags(published).map(formatTagReference)).join('\n'),
    digests: JSON.stringify(first ? platformDigests(first) : {}),
    results: JSON.stringify(shortenTests(pushed.flatMap(variantResults), isPart ? longestOfPart : longestOutput)),
    metadata: JSON.stringify(buildMetadata(pushed)),
    ...metadataOutputs(variants),
  }
}

type Variants = readonly Pick<VariantReport, 'variant'>[]

/** The outputs of docker/metadata-action. */
function metadataOutputs(variants: Variants): Record<string, string> {
  const metadata = firstMetadata(variants)
  return metadata ? renderMetadata(metadata) : {}
}

/** PURE: the variables that docker/metadata-action sets for later steps. */
export function renderVariables(variants: Variants): Record<string, string> {
  const metadata = firstMetadata(variants)
  return metadata ? metadataVariables(metadata) : {}
}

function firstMetadata([first]: Variants): Metadata | undefined {
  return first && { ...first.variant, tags: first.variant.tags.map(formatTagReference) }
}

function platformDigests({ platforms }: Published): Record<string, string> {
  return Object.fromEntries(platforms.map(({ platform, digest }) => [platform, digest]))
}

/** Those of mirrors too. */
function updatedTags({ tags, mirrors = [] }: Published): readonly TagReference[] {
  return [...tags, ...mirrors.flatMap((mirror) => mirror.tags)]
}

type CheckedPlatform = Pick<PublishedPlatform, 'platform'> & PublishedPlatform['content']

/** An entry of the output `results`, as in docs/results.schema.json. */
interface ImageResult {
  readonly variant: string
  readonly image: string
  readonly digest: string
  readonly tags: readonly string[]
  readonly platforms: Readonly<Record<string, string>>
  /** What was checked of each platform; undefined for a mirror, which gets a copy. */
  readonly content?: readonly CheckedPlatform[]
  readonly targets?: readonly TargetEntry[]
  /** `false` for a mirror. */
  readonly required?: false
  /** Why a mirror was not updated. */
  readonly failure?: string
}

/** Bytes of test output in `results`; of a part fewer, since `results` of all build jobs are one input of the merge. */
const longestOutput = 64 * 1024
const longestOfPart = 2 * 1024

/** The tests of all entries share the limit. */
function shortenTests(results: readonly ImageResult[], longest: number): readonly ImageResult[] {
  const count = results.flatMap(({ targets = [] }) => targets.flatMap(({ test }) => test ?? [])).length
  const shorten = ({ output }: { readonly output: string }) => ({
    output: endOfOutput(Buffer.from(output), Math.floor(longest / count)),
  })
  return results.map((result) => ({
    ...result,
    ...(result.targets && {
      targets: result.targets.map((entry) => ({ ...entry, ...(entry.test && { test: shorten(entry.test) }) })),
    }),
  }))
}

/** One entry per repository: first those that were pushed to, then the mirrors. */
function variantResults({ published, platforms }: PublishedVariant): readonly ImageResult[] {
  const { variant, images, digest, tags, mirrors = [] } = published
  const targets = platforms.flatMap(({ entry }) => entry ?? [])
  const entry = (image: string, updated: readonly TagReference[]): ImageResult => ({
    variant: variant.name,
    image,
    digest: /@(.+)$/.exec(image)?.[1] ?? digest,
    tags: updated.map(formatTagReference),
    platforms: platformDigests(published),
    ...(targets.length > 0 && { targets }),
  })
  const inRepository = (image: string) => tags.filter((tag) => image.startsWith(`${formatRepository(tag)}@`))
  const isCopied = ({ tags: updated, failure }: MirrorOutcome) => updated.length > 0 || failure === undefined
  return [
    ...images.map((image) => ({ ...entry(image, inRepository(image)), content: published.platforms.map(checkedOf) })),
    ...mirrors.map((mirror): ImageResult => ({
      ...entry(`${formatRepository(mirror.repository)}${isCopied(mirror) ? `@${digest}` : ''}`, mirror.tags),
      required: false,
      ...(mirror.failure !== undefined && { failure: mirror.failure }),
    })),
  ]
}

function checkedOf({ platform, content }: PublishedPlatform): CheckedPlatform {
  return { platform, ...content }
}

/** The metadata of the only image, or of several by the names of their variants. */
function buildMetadata(pushed: readonly PublishedVariant[]): Record<string, unknown> {
  const [only, ...others] = pushed
  if (only && others.length === 0) return imageMetadata(only)
  return Object.fromEntries(pushed.map((variant) => [variant.published.variant.name, imageMetadata(variant)]))
}

/** The image index with the keys of docker/build-push-action; `platforms` adds bake's metadata of each target. */
function imageMetadata({ published, platforms }: PublishedVariant): Record<string, unknown> {
  const { variant, digest, size, mediaType, tags } = published
  const annotations = annotationsAt(variant.annotations, 'index-descriptor')
  return {
    'buildx.build.ref': platforms[0]?.metadata['buildx.build.ref'] ?? '',
    'containerimage.digest': digest,
    'containerimage.descriptor': {
      mediaType,
      digest,
      size,
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    'image.name': tags.map(formatTagReference).join(','),
    platforms: Object.fromEntries(platforms.map(({ platform, metadata }) => [platform, metadata])),
  }
}
