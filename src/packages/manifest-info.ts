import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { isDigest } from '../registry/manifest.ts'
import { isIndexType } from '../registry/manifest.ts'
import { ownershipAnnotation } from '../run/names.ts'

/** What cleanup needs to know about a manifest. */
export interface ManifestInfo {
  readonly digest: string
  readonly kind: 'index' | 'image' | 'attestation' | 'cache'
  /** The manifests without which it is incomplete: the entries of an index, the subject of a signature. */
  readonly refs: readonly string[]
  /** Of an index: attestation → the image it describes. */
  readonly attests: ReadonlyMap<string, string>
  /** The ownership annotation, which names the run that alone may refer to it: `<run_id>-<attempt>-<random>`. */
  readonly runAnnotation: string | undefined
  /** In-toto statements, by the digest of their blob. */
  readonly statements: readonly string[]
}

const cacheConfig = 'application/vnd.buildkit.cacheconfig.v0'
const statement = 'application/vnd.in-toto+json'
/** Shared, since there may be a hundred thousand manifests. */
const noAttestations: ReadonlyMap<string, string> = new Map()
const noDigests: readonly string[] = []

/** PURE: parses a manifest. @throws Error if it is not one: unreadable content proves nothing */
export function parseManifestInfo(digest: string, bytes: Uint8Array, mediaType: string): ManifestInfo {
  const document = parseDocument(bytes)
  if (document['schemaVersion'] !== 2) throw new Error(`${digest} is not an image manifest or index`)
  const entries = indexEntries(document)
  const blobs = imageBlobs(document)
  const refs = [...entries, asRecord(document['subject'])].map((entry) => asText(entry['digest'])).filter(isDigest)
  const annotation = asText(asRecord(document['annotations'])[ownershipAnnotation])
  const attests = entries.flatMap(attestationEntry)
  const statements = blobs.filter((blob) => blob['mediaType'] === statement).map((blob) => asText(blob['digest']))
  return {
    digest,
    kind: manifestKind(isIndexType(mediaType), entries, blobs),
    refs: refs.length === 0 ? noDigests : [...new Set(refs)],
    attests: attests.length === 0 ? noAttestations : new Map(attests),
    runAnnotation: annotation === '' ? undefined : annotation,
    statements: statements.length === 0 ? noDigests : statements,
  }
}

type Descriptor = Record<string, unknown>

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
  if (isIndex) return 'index'
  return layers.length > 0 && layers.every((layer) => layer['mediaType'] === statement) ? 'attestation' : 'image'
}

function attestationEntry(entry: Descriptor): [string, string][] {
  const annotations = asRecord(entry['annotations'])
  const image = asText(annotations['vnd.docker.reference.digest'])
  return annotations['vnd.docker.reference.type'] === 'attestation-manifest' ? [[asText(entry['digest']), image]] : []
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

/** PURE: the id of the run in an ownership annotation; undefined if it contains none. */
export function annotatedRun(annotation: string | undefined): string | undefined {
  return /^(\d+)-\d+-/.exec(annotation ?? '')?.[1]
}
