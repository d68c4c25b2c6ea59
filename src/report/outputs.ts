import { annotationsAt } from '../metadata/annotations.ts'
import { metadataVariables, renderMetadata, type Metadata } from '../metadata/outputs.ts'
import { formatTagReference } from '../registry/reference.ts'
import type { Published } from '../publish/variants.ts'
import type { GroupResult } from '../buildx/run.ts'
import { renderBuilder } from './builder.ts'
import type { PlatformReport, RunReport, VariantReport } from './summary.ts'
import type { RunResult } from './run-result.ts'

/**
 * PURE: the step's outputs, by name, as action.yml lists them. `digest`, `image` and `digests` speak of the first
 * variant.
 */
export function renderOutputs(result: RunResult): Record<string, string> {
  const [first] = result.published
  const metadata = result.published.map(
    (published) => [published.variant.name, imageMetadata(published, result.groups)] as const,
  )
  const [only] = metadata
  const described = describeFirst(result)
  return {
    digest: first?.digest ?? '',
    image: first?.images[0] ?? '',
    tags: result.published.flatMap(({ tags }) => tags.map(formatTagReference)).join('\n'),
    digests: JSON.stringify(
      Object.fromEntries(first?.platforms.map(({ platform, digest }) => [platform, digest]) ?? []),
    ),
    results: JSON.stringify(result.published.map(describeVariant)),
    metadata: JSON.stringify(metadata.length === 1 && only ? only[1] : Object.fromEntries(metadata)),
    ...described,
    builder: result.builder,
    'buildx-config': result.buildxConfig,
    ...renderBuilder(result.builder, result.nodes),
  }
}

/** As docker/metadata-action would have said before the build. */
function describeFirst(result: RunResult): Record<string, string> {
  const metadata = metadataOf(result)
  return metadata ? renderMetadata(metadata) : {}
}

/** PURE: the variables that docker/metadata-action sets for later steps. */
export function renderVariables(result: RunResult): Record<string, string> {
  const metadata = metadataOf(result)
  return metadata ? metadataVariables(metadata) : {}
}

function metadataOf({ plan }: RunResult): Metadata | undefined {
  const variant = plan.targets[0]?.variant
  return variant && { ...variant, tags: variant.tags.map(formatTagReference) }
}

function describeVariant({ variant, images, digest, tags, platforms }: Published): Record<string, unknown> {
  return {
    variant: variant.name,
    image: images[0] ?? '',
    digest,
    tags: tags.map(formatTagReference),
    platforms: Object.fromEntries(platforms.map((platform) => [platform.platform, platform.digest])),
  }
}

/** The keys of build-push-action's metadata, of the joined index; `platforms` adds what bake said of each target. */
function imageMetadata(
  { variant, digest, size, mediaType, tags }: Published,
  lanes: readonly GroupResult[],
): Record<string, unknown> {
  const built = lanes.flatMap((lane) => lane.built).filter(({ target }) => target.variant === variant)
  const annotations = annotationsAt(variant.annotations, 'index-descriptor')
  return {
    'buildx.build.ref': built[0]?.metadata['buildx.build.ref'] ?? '',
    'containerimage.digest': digest,
    'containerimage.descriptor': {
      mediaType,
      digest,
      size,
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    'image.name': tags.map(formatTagReference).join(','),
    platforms: Object.fromEntries(built.map(({ target, metadata }) => [target.platform, metadata])),
  }
}

/** PURE: what the summary and the log tell at the end. */
export function reportRun(result: RunResult, took: number): RunReport {
  const variants = [...new Set(result.plan.targets.map(({ variant }) => variant))].map((variant): VariantReport => {
    const published = result.published.find((one) => one.variant === variant)
    return {
      name: variant.name,
      images: published?.images ?? [],
      digest: published?.digest ?? '',
      tags: published?.tags.map(formatTagReference) ?? [],
      platforms: result.groups.flatMap((lane) => platformReports(lane, variant.name, published)),
    }
  })
  return { variants, took, notes: result.notes }
}

function platformReports(
  { lane, built, took }: GroupResult,
  variant: string,
  published: Published | undefined,
): PlatformReport[] {
  const { spec, engine, native } = lane.node
  return built
    .filter(({ target }) => target.variant.name === variant)
    .map(({ target, steps }) => ({
      platform: target.platform,
      node: spec.name,
      about: engine ? `${engine.arch}, ${engine.cpus} CPUs, Docker ${engine.version}` : '',
      emulated: native.length > 0 && !native.includes(target.platform),
      took,
      steps,
      size: published?.platforms.find(({ platform }) => platform === target.platform)?.size ?? 0,
    }))
}
