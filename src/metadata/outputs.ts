import { formatAnnotation, formatLevel, type Annotation } from './annotations.ts'

/** The metadata of one image, as docker/metadata-action gives it. */
export interface Metadata {
  readonly version: string
  /** Full references. */
  readonly tags: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: readonly Annotation[]
}

/** PURE: the outputs of docker/metadata-action: https://github.com/docker/metadata-action#outputs */
export function renderMetadata({
  version,
  tags,
  labels,
  annotations,
}: Metadata): Readonly<Record<'version' | 'tag-names' | 'labels' | 'annotations' | 'json', string>> {
  const sorted = Object.entries(labels).sort(([a], [b]) => compareKeys(a, b))
  const lines = sortAnnotations(annotations).map(formatAnnotation)
  const names = [...new Set(tags.map((tag) => tag.slice(tag.lastIndexOf(':') + 1)))]
  return {
    version,
    'tag-names': names.join('\n'),
    labels: sorted.map(([key, value]) => `${key}=${value}`).join('\n'),
    annotations: lines.join('\n'),
    json: JSON.stringify({ tags, 'tag-names': names, labels: Object.fromEntries(sorted), annotations: lines }),
  }
}

const plainKey = /^[a-z0-9./-]*$/

/**
 * PURE: as `localeCompare`, by which docker/metadata-action sorts. Its first call loads tables, which takes as long as
 * ten requests; in the keys that occur the order is that of the characters.
 */
function compareKeys(a: string, b: string): number {
  if (!plainKey.test(a) || !plainKey.test(b)) return a.localeCompare(b)
  return a < b ? -1 : Number(a > b)
}

/** By key within each level; the levels in the order in which they first occur. */
function sortAnnotations(annotations: readonly Annotation[]): readonly Annotation[] {
  const levels = [...new Set(annotations.map(formatLevel))]
  return levels.flatMap((level) =>
    annotations.filter((annotation) => formatLevel(annotation) === level).sort((a, b) => compareKeys(a.key, b.key)),
  )
}

/** PURE: the variables that docker/metadata-action sets for later steps; here build arguments may name them. */
export function metadataVariables(metadata: Metadata): Readonly<Record<string, string>> {
  const { version, 'tag-names': names, labels, annotations, json } = renderMetadata(metadata)
  const values = {
    VERSION: version,
    TAGS: metadata.tags.join('\n'),
    TAG_NAMES: names,
    LABELS: labels,
    ANNOTATIONS: annotations,
    JSON: json,
  }
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`DOCKER_METADATA_OUTPUT_${name}`, value]))
}
