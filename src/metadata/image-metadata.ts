import { formatTagReference, type Repository } from '../registry/reference.ts'
import { overlayAnnotations, readAnnotations, readEntries, readLevels, type Annotation } from './annotations.ts'
import type { Event } from '../forge/event.ts'
import { readFlavor } from './flavor.ts'
import type { Env } from '../lib/lists.ts'
import { metadataVariables } from './outputs.ts'
import type { IssueSink } from '../lib/issues.ts'
import { readOccasion } from './context.ts'
import { describeImage, overlay } from './labels.ts'
import { applyTags, readTags, versionOf, type TagPlan } from './tags.ts'

interface NamingSource {
  readonly env: Env
  readonly event: Event
  readonly text: (name: string) => string
  readonly report: IssueSink
}

/** What the step says of its images: tags, and by a variant's suffix its labels and annotations. */
interface Naming {
  /** No tags at all where none need be moved. */
  readonly plan: TagPlan
  readonly version: (suffix: string) => string
  readonly labels: (given: Readonly<Record<string, string>>, suffix: string) => Readonly<Record<string, string>>
  readonly annotations: (suffix: string) => readonly Annotation[]
  /** What build arguments without a value may be, besides the job's own variables. */
  readonly variables: (images: readonly Repository[], labels: Readonly<Record<string, string>>) => Env
}

interface NamingWish {
  /** Tags are to be moved, or the author gave some. */
  readonly named: boolean
  /** What `outputs` says of annotations; what `annotations` says counts more. */
  readonly imageAnnotations?: readonly string[]
}

/** PURE: reads `tags`, `flavor` and `annotations`. */
export function readNaming(
  { env, event, text, report }: NamingSource,
  { named, imageAnnotations = [] }: NamingWish,
): Naming {
  const occasion = readOccasion(event, env, (expected) => report({ input: 'tags', expected }))
  const asking = { event, occasion, flavor: readFlavor(text('flavor'), report) }
  const plan = readTags(text('tags'), asking, named ? report : () => undefined)
  const variable = env['DOCKER_METADATA_ANNOTATIONS_LEVELS'] ?? ''
  const places = readLevels(variable, (expected) =>
    report({
      input: 'annotations',
      given: variable,
      expected: `in the variable DOCKER_METADATA_ANNOTATIONS_LEVELS ${expected}`,
    }),
  )
  const ofOutputs = readEntries(
    imageAnnotations.map((text) => ({ text })),
    places,
    occasion,
    (mistake) => report({ ...mistake, input: 'outputs' }),
  )
  const given = [...ofOutputs, ...readAnnotations(text('annotations'), places, occasion, report)]
  const said = (suffix: string) => describeImage(event, occasion, versionOf(plan, suffix), env)
  const naming = {
    version: (suffix: string) => versionOf(plan, suffix),
    labels: (own: Readonly<Record<string, string>>, suffix: string) => overlay(said(suffix), own, occasion),
    annotations: (suffix: string) => overlayAnnotations(said(suffix), places, given),
  }
  return {
    ...naming,
    plan: named ? plan : { ...plan, names: [], references: [], notes: [] },
    variables: (images, labels) =>
      metadataVariables({
        version: naming.version(''),
        tags: applyTags(plan, images, '', () => undefined).map(formatTagReference),
        labels: naming.labels(labels, ''),
        annotations: naming.annotations(''),
      }),
  }
}
