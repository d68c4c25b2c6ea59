import type { BuildSettings } from '../inputs/settings/settings.ts'
import { shorten } from '../lib/issues.ts'
import { asList, asRecord, asText, asTextRecord } from '../lib/json.ts'
import { annotationsAt } from '../metadata/annotations.ts'
import { targetLabel, type TargetDraft } from '../plan/target.ts'
import { dockerManifest } from '../registry/manifest.ts'
import { IndexError, type Annotations } from './index.ts'

const attestationKinds = ['provenance', 'sbom'] as const
type AttestationKind = (typeof attestationKinds)[number]

/** What the inputs request of the image of a platform. */
export interface ExpectedContent {
  /** `linux/amd64 slim` */
  readonly target: string
  readonly labels: Annotations
  /** Of the image manifest. */
  readonly annotations: Annotations
  readonly attestations: readonly AttestationKind[]
}

/** PURE: what the inputs request. */
export function expectedContent(
  target: Pick<TargetDraft, 'variant' | 'platform'>,
  { provenance, attests }: Pick<BuildSettings, 'provenance' | 'attests'>,
): ExpectedContent {
  const { variant, platform } = target
  const isEnabled = (attributes: string) => attributes !== '' && !/\bdisabled=/.test(attributes)
  return {
    target: targetLabel(target),
    labels: variant.labels,
    annotations: annotationsAt(variant.annotations, 'manifest', platform),
    attestations: [
      ...(isEnabled(provenance) ? ['provenance' as const] : []),
      ...(attests.some(isEnabled) ? ['sbom' as const] : []),
    ],
  }
}

/** What was pushed for a platform. */
interface ActualContent {
  readonly manifest: Readonly<Record<string, unknown>>
  readonly config: Readonly<Record<string, unknown>>
  /** The manifests of its attestations. */
  readonly attestations: readonly Readonly<Record<string, unknown>>[]
}

/** What an image has of what the inputs request. */
export interface ContentReport {
  /** Null if they request nothing to compare with, as in a merge. */
  readonly labels: Compared | null
  readonly annotations: Compared | null
  readonly attestations: {
    readonly requested: readonly AttestationKind[] | null
    readonly found: readonly AttestationKind[]
  }
}

interface Compared {
  readonly requested: number
  readonly found: number
}

/** An image whose labels, annotations or attestations are not the requested ones. */
export class ContentError extends IndexError {
  /** At most 100 characters. */
  readonly headline: string
  readonly differences: readonly string[]

  constructor({ target }: ExpectedContent, differences: readonly [Difference, ...Difference[]]) {
    const [{ what }] = differences
    const others = differences.length > 1 ? `, and ${differences.length - 1} more` : ''
    const headline = `${cut(target, 34)}: ${what}${others}`
    super(headline)
    this.name = 'ContentError'
    this.headline = headline
    this.differences = differences.map(({ detail }) => detail)
  }
}

interface Difference {
  /** For a headline. */
  readonly what: string
  readonly detail: string
}

/** PURE. @throws ContentError unless an image has what the inputs request */
export function checkContent(expected: ExpectedContent | undefined, actual: ActualContent): ContentReport {
  const found = attestationKinds.filter((kind) => predicatesOf(actual).some((type) => kindOf(type) === kind))
  if (!expected) return { labels: null, annotations: null, attestations: { requested: null, found } }
  const labels = compare('label', expected.labels, asTextRecord(asRecord(actual.config['config'])['Labels']))
  const annotations = compare('annotation', expected.annotations, asTextRecord(actual.manifest['annotations']))
  const [first, ...others] = [
    ...(areIgnored(labels, expected) ? [] : labels),
    // Docker's media types have no annotations.
    ...(actual.manifest['mediaType'] === dockerManifest ? [] : annotations),
    ...attestationDifferences(expected.attestations, actual),
  ]
  if (first) throw new ContentError(expected, [first, ...others])
  return {
    labels: countFound(expected.labels, labels),
    annotations: countFound(expected.annotations, annotations),
    attestations: { requested: expected.attestations, found },
  }
}

function countFound(requested: Annotations, differences: readonly Difference[]): Compared {
  const count = Object.keys(requested).length
  return { requested: count, found: count - differences.length }
}

const generatedPrefix = 'org.opencontainers.image.'

/**
 * A frontend other than Dockerfile's may ignore all labels: that is an error only if `labels` requests one, and the
 * generated ones have this prefix.
 */
function areIgnored(differences: readonly Difference[], { labels }: ExpectedContent): boolean {
  const keys = Object.keys(labels)
  return differences.length === keys.length && keys.every((key) => key.startsWith(generatedPrefix))
}

/** Labels and annotations that were not requested, such as those of the base image, are no difference. */
function compare(kind: 'label' | 'annotation', requested: Annotations, actual: Annotations): readonly Difference[] {
  const found = new Map(Object.entries(actual).map(([key, value]) => [normalize(key), normalize(value)]))
  return Object.entries(requested).flatMap(([key, value]) => {
    const other = found.get(normalize(key))
    if ((other ?? '') === normalize(value)) return []
    const name = `${kind} \`${cut(key, 30)}\``
    const instead = other === undefined ? 'the image does not have it' : `the image has \`${shorten(other)}\``
    return {
      what: other === undefined ? `${name} is missing` : `${name} has another value`,
      detail: `${kind} \`${shorten(key)}\`: \`${shorten(value)}\` is requested, ${instead}`,
    }
  })
}

/** Bake reads its definition as HCL, whose strings have the normal form NFC. */
function normalize(text: string): string {
  return text.normalize('NFC').trim()
}

/** https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md */
const predicateKey = 'in-toto.io/predicate-type'

function predicatesOf({ attestations }: ActualContent): readonly string[] {
  return attestations.flatMap(({ layers }) =>
    asList(layers).map((layer) => asText(asRecord(asRecord(layer)['annotations'])[predicateKey])),
  )
}

function kindOf(predicateType: string): AttestationKind {
  return predicateType.startsWith('https://slsa.dev/provenance/') ? 'provenance' : 'sbom'
}

function attestationDifferences(requested: readonly AttestationKind[], actual: ActualContent): readonly Difference[] {
  const { manifest, attestations } = actual
  // BuildKit creates no attestation for an image without layers.
  if (asList(manifest['layers']).length === 0) return []
  if (requested.length === 0 && attestations.length > 0)
    return [
      {
        what: 'has attestations that are not requested',
        detail: '`provenance` and `sbom` request no attestation, and the image index has `unknown/unknown` entries',
      },
    ]
  const predicates = predicatesOf(actual)
  const found = new Set(predicates.map(kindOf))
  return requested
    .filter((kind) => !found.has(kind))
    .map((kind) => ({
      what: `the attestation \`${kind}\` is missing`,
      detail: `\`${kind}\` is requested, and the attestations are: ${shorten(predicates.join(', ')) || 'none'}`,
    }))
}

function cut(text: string, length: number): string {
  const characters = Array.from(shorten(text))
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : characters.join('')
}
