import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { isDigest, isIndexType } from '../registry/manifest.ts'
import { parseRunId } from '../forge/run-status.ts'
import { historyType, ownershipAnnotation, partAnnotationPrefix, pullRequestAnnotation } from '../run/names.ts'

/** What cleanup needs to know about a manifest. */
export interface ManifestInfo {
  readonly digest: string
  /**
   * `attestation`: of BuildKit; `signature`: of cosign, also an attestation; `sbom`: of cosign; `history`: the times of
   * earlier runs, beside a cache.
   */
  readonly kind: 'index' | 'image' | 'attestation' | 'cache' | 'history' | 'signature' | 'sbom'
  /** The manifests without which it is incomplete: the entries of an index. */
  readonly refs: readonly string[]
  /** The manifest that it describes, and that does not need it: for a signature or another referrer. */
  readonly subject: string | undefined
  /** Of an index: attestation → the image it describes. */
  readonly attests: ReadonlyMap<string, string>
  /** The ownership annotation, which names the run that alone may refer to it: `<run_id>-<attempt>-<random>`. */
  readonly runAnnotation: string | undefined
  /** The pull request for which it was pushed: `<scope>-<number>`. */
  readonly pullRequest?: string
  /** A part of a split build: only this index has the annotation, not the image in it. */
  readonly isPart?: true
  /** The annotation `org.opencontainers.image.version`. */
  readonly version?: string
  /** The run whose temporary tag the manifest has as its version, by the annotation of docker/metadata-action. */
  readonly versionRun: string | undefined
  /** Of an attestation or signature: the digests of the blobs with its statements, the smallest first. */
  readonly statements: readonly string[]
}

/** https://github.com/opencontainers/image-spec/blob/main/annotations.md */
const versionAnnotation = 'org.opencontainers.image.version'
const cacheConfig = 'application/vnd.buildkit.cacheconfig.v0'
const statement = 'application/vnd.in-toto+json'
/** https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md */
const predicateType = 'in-toto.io/predicate-type'
/** https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md, and its attestations. */
const signature = /^application\/vnd\.(dev\.cosign\.simplesigning\.v1|dsse\.envelope\.v1)\+json$/
/** https://github.com/sigstore/cosign/blob/main/specs/SBOM_SPEC.md */
const sbom = /^(text\/spdx|application\/(spdx|vnd\.cyclonedx|vnd\.syft))(\+json|\+xml)?$/
/** Shared, since there may be a hundred thousand manifests. */
const noAttestations: ReadonlyMap<string, string> = new Map()
const noDigests: readonly string[] = []

/** PURE: parses a manifest. @throws Error if it is not one: unreadable content proves nothing */
export function parseManifestInfo(digest: string, bytes: Uint8Array, mediaType: string): ManifestInfo {
  const document = parseDocument(bytes)
  if (document['schemaVersion'] !== 2) throw new Error(`${digest} is not an image manifest or index`)
  const entries = indexEntries(document)
  const blobs = imageBlobs(document)
  const refs = entries.map((entry) => asText(entry['digest'])).filter(isDigest)
  const subject = asText(asRecord(document['subject'])['digest'])
  const annotations = asRecord(document['annotations'])
  const annotation = asText(annotations[ownershipAnnotation])
  const pullRequest = asText(annotations[pullRequestAnnotation])
  const version = asText(annotations[versionAnnotation])
  const attests = entries.flatMap(attestationEntry)
  const statements = statementBlobs(blobs)
  return {
    digest,
    kind: manifestKind(isIndexType(mediaType), entries, blobs),
    refs: refs.length === 0 ? noDigests : [...new Set(refs)],
    subject: isDigest(subject) ? subject : undefined,
    attests: attests.length === 0 ? noAttestations : new Map(attests),
    runAnnotation: annotation === '' ? undefined : annotation,
    ...(pullRequest !== '' && { pullRequest }),
    ...(`${partAnnotationPrefix}platform` in annotations && { isPart: true as const }),
    ...(version !== '' && { version }),
    versionRun: parseRunId(version),
    statements: statements.length === 0 ? noDigests : statements,
  }
}

type Descriptor = Record<string, unknown>

function statementBlobs(blobs: readonly Descriptor[]): string[] {
  return blobs
    .filter(({ mediaType }) => mediaType === statement || signature.test(asText(mediaType)))
    .sort((a, b) => Number(a['size']) - Number(b['size']))
    .map(({ digest }) => asText(digest))
}

const parseDocument = (bytes: Uint8Array): Record<string, unknown> =>
  asRecord(tryParseJson(new TextDecoder().decode(bytes)))

const indexEntries = (document: Record<string, unknown>): Descriptor[] => asList(document['manifests']).map(asRecord)

const imageBlobs = (document: Record<string, unknown>): Descriptor[] =>
  [document['config'], ...asList(document['layers'])].map(asRecord)

function manifestKind(
  isIndex: boolean,
  entries: readonly Descriptor[],
  [config, ...layers]: readonly Descriptor[],
): ManifestInfo['kind'] {
  // The older form of a BuildKit cache is an index whose entries are its layers and its configuration.
  if (entries.some((entry) => entry['mediaType'] === cacheConfig) || config?.['mediaType'] === cacheConfig)
    return 'cache'
  if (config?.['mediaType'] === historyType) return 'history'
  if (isIndex) return 'index'
  const types = layers.map((layer) => asText(layer['mediaType']))
  if (types.length === 0) return 'image'
  if (types.every((type) => type === statement)) return 'attestation'
  if (types.every((type) => signature.test(type))) return 'signature'
  return types.every((type) => sbom.test(type)) ? 'sbom' : 'image'
}

function attestationEntry(entry: Descriptor): [string, string][] {
  const annotations = asRecord(entry['annotations'])
  const image = asText(annotations['vnd.docker.reference.digest'])
  return annotations['vnd.docker.reference.type'] === 'attestation-manifest' ? [[asText(entry['digest']), image]] : []
}

/** PURE: the digest of the configuration of an image; undefined for an index. */
export function parseConfigDigest(bytes: Uint8Array): string | undefined {
  const digest = asText(asRecord(parseDocument(bytes)['config'])['digest'])
  return isDigest(digest) ? digest : undefined
}

/** PURE: the digests of the blobs of an attestation that contain provenance. */
export function parseProvenanceBlobs(bytes: Uint8Array): string[] {
  return asList(parseDocument(bytes)['layers'])
    .map(asRecord)
    .filter(({ annotations }) =>
      asText(asRecord(annotations)[predicateType]).startsWith('https://slsa.dev/provenance/'),
    )
    .map(({ digest }) => asText(digest))
    .filter(isDigest)
}

/** PURE: the digests of the entries of an index; empty for an image. */
export function parseChildren(bytes: Uint8Array): string[] {
  return indexEntries(parseDocument(bytes)).map((entry) => asText(entry['digest']))
}

/** PURE: digest → bytes of everything that is stored for this manifest: itself, its configuration, its layers. */
export function parseBlobSizes(digest: string, bytes: Uint8Array): ReadonlyMap<string, number> {
  const sizes = imageBlobs(parseDocument(bytes)).flatMap(({ digest: blob, size }): [string, number][] =>
    isDigest(blob) && typeof size === 'number' ? [[blob, size]] : [],
  )
  return new Map([[digest, bytes.length], ...sizes])
}
