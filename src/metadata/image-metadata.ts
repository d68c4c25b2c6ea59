import { formatTagReference, type Repository, type TagReference } from '../registry/reference.ts'
import {
  overlayAnnotations,
  parseAnnotationEntries,
  parseAnnotations,
  parseLevels,
  type Annotation,
} from './annotations.ts'
import type { Event } from '../forge/event.ts'
import { parseFlavor, type Flavor } from './flavor.ts'
import type { VersionTags } from './highest.ts'
import type { Env } from '../lib/lists.ts'
import { metadataVariables } from './outputs.ts'
import type { IssueSink } from '../lib/issues.ts'
import { metadataContext, type MetadataContext, type NamedText } from './context.ts'
import { generateLabels, overlayLabels } from './labels.ts'
import { applyTags, imageVersion, parseTags, type TagPlan } from './tags.ts'
import { expand } from './template.ts'
import { parseSemver } from './versions.ts'

interface MetadataOptions {
  readonly env: Env
  readonly event: Event
  readonly tags: NamedText
  readonly flavor: NamedText
  readonly annotations: NamedText
  /** Annotations of exporters; those of `annotations` win. */
  readonly exporterAnnotations: { readonly input: string; readonly entries: readonly string[] }
  /** The name of the variant that the step builds; empty if it has none, or builds several. */
  readonly variant: string
  /** Whether the image needs tags: they are updated, or were requested. */
  readonly tagged: boolean
  readonly report: IssueSink
}

type Labels = Readonly<Record<string, string>>

/** Tags, labels and annotations of the step's images; those of a variant by its tag suffix. */
interface ImageMetadata {
  /** Without tags if none need be updated. */
  readonly plan: TagPlan
  /** Remarks on rules without a tag, and on expressions; complete when everything else has been called. */
  readonly warnings: () => readonly string[]
  readonly tags: (images: readonly Repository[], suffix: string) => readonly TagReference[]
  readonly version: (suffix: string) => string
  /** With `flavor: latest=highest`. */
  readonly highest: (suffix: string) => VersionTags | undefined
  readonly labels: (requested: Labels, suffix: string) => Labels
  readonly annotations: (suffix: string) => readonly Annotation[]
  /** Values of build arguments without one, in addition to the variables of the job. */
  readonly variables: (images: readonly Repository[], labels: Labels) => Env
}

/** PURE: parses tags, flavor and annotations. */
export function parseImageMetadata(options: MetadataOptions): ImageMetadata {
  const { env, event, tags, variant, tagged, report } = options
  const notes = new Set<string>()
  const context = metadataContext(
    event,
    env,
    (expected) => report({ input: tags.input, expected }),
    (text) => notes.add(text),
  )
  const flavor = parseFlavor(options.flavor, report)
  const plan = parseTags(tags, { event, context, flavor, variant }, tagged ? report : () => undefined)
  const applied = tagged ? plan : { ...plan, names: [], references: [], notes: [] }
  const generated = (suffix: string) => generateLabels(event, context, imageVersion(plan, suffix), env)
  const annotations = requestedAnnotations(options, context)
  const metadata = {
    version: (suffix: string) => imageVersion(plan, suffix),
    highest: (suffix: string) => versionTags(flavor, context, suffix),
    labels: (requested: Labels, suffix: string) => overlayLabels(generated(suffix), requested, context),
    annotations: (suffix: string) => overlayAnnotations(generated(suffix), annotations.levels, annotations.requested),
  }
  return {
    ...metadata,
    plan: applied,
    warnings: () => [...applied.notes, ...notes],
    tags: (images, suffix) =>
      applyTags(applied, images, suffix, (given, expected) => report({ input: tags.input, given, expected })),
    variables: (images, labels) =>
      metadataVariables({
        version: metadata.version(''),
        tags: applyTags(plan, images, '', () => undefined).map(formatTagReference),
        labels: metadata.labels(labels, ''),
        annotations: metadata.annotations(''),
      }),
  }
}

function versionTags(
  { latest, prefix, suffix }: Flavor,
  { expressions, tag }: MetadataContext,
  variantSuffix: string,
): VersionTags | undefined {
  if (latest !== 'highest') return undefined
  // Problems in them were reported for the tags.
  const [before, after] = [prefix, suffix].map((template) => expand(template, expressions, () => undefined))
  const version = parseSemver(tag)
  return {
    prefix: before ?? '',
    suffix: after ?? '',
    variantSuffix,
    gitVersion: version && !version.preRelease ? version.version : '',
  }
}

function requestedAnnotations(
  { env, annotations, exporterAnnotations, report }: MetadataOptions,
  context: ReturnType<typeof metadataContext>,
): { readonly levels: ReturnType<typeof parseLevels>; readonly requested: readonly Annotation[] } {
  const variable = 'DOCKER_METADATA_ANNOTATIONS_LEVELS'
  const given = env[variable] ?? ''
  const levels = parseLevels(given, (expected) =>
    report({ input: annotations.input, given, expected: `in the variable ${variable} ${expected}` }),
  )
  const options = { defaultLevels: levels, context, report }
  const entries = exporterAnnotations.entries.map((text) => ({ text }))
  const ofExporters = parseAnnotationEntries(exporterAnnotations.input, entries, options)
  return { levels, requested: [...ofExporters, ...parseAnnotations(annotations, options)] }
}
