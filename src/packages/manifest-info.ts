import { nonceAnnotation } from '../run/nonce.ts'
import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { isDigest } from '../registry/digest.ts'
import { isIndexType } from '../registry/media-type.ts'

/** What cleanup needs to know of a manifest. */
export interface Facts {
  readonly digest: string
  readonly kind: 'index' | 'image' | 'attestation' | 'cache'
  /** The manifests without which it is not whole: the entries of an index, the subject of a signature. */
  readonly refs: readonly string[]
  /** Of an index: attestation → the image it is about. */
  readonly attests: ReadonlyMap<string, string>
  /** The run that alone may refer to it: `<run_id>-<attempt>-<random>`. */
  readonly nonce: string | undefined
  /** In-toto statements, by the digest of their blob. */
  readonly statements: readonly string[]
}

const cacheConfig = 'application/vnd.buildkit.cacheconfig.v0'
/** Shared, since there may be a hundred thousand. */
const none: ReadonlyMap<string, string> = new Map()
const nothing: readonly string[] = []
const statement = 'application/vnd.in-toto+json'

/** PURE: reads a manifest. @throws Error where it is none: what cannot be read proves nothing */
export function readFacts(digest: string, bytes: Uint8Array, mediaType: string): Facts {
  const document = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  if (document['schemaVersion'] !== 2) throw new Error(`${digest} is no image manifest or index`)
  const entries = asList(document['manifests']).map(asRecord)
  const descriptors = [asRecord(document['config']), ...asList(document['layers']).map(asRecord)]
  const refs = [...entries, asRecord(document['subject'])].map((entry) => asText(entry['digest'])).filter(isDigest)
  const nonce = asText(asRecord(document['annotations'])[nonceAnnotation])
  const isIndex = isIndexType(mediaType)
  const attests = entries.flatMap(attestationOf)
  const statements = descriptors
    .filter((layer) => layer['mediaType'] === statement)
    .map((layer) => asText(layer['digest']))
  return {
    digest,
    kind: kindOf(isIndex, entries, descriptors),
    refs: refs.length === 0 ? nothing : [...new Set(refs)],
    attests: attests.length === 0 ? none : new Map(attests),
    nonce: nonce === '' ? undefined : nonce,
    statements: statements.length === 0 ? nothing : statements,
  }
}

function kindOf(
  isIndex: boolean,
  entries: readonly Record<string, unknown>[],
  [config, ...layers]: readonly Record<string, unknown>[],
): Facts['kind'] {
  // BuildKit's older form of a cache is an index whose entries are its layers and its configuration.
  if (entries.some((entry) => entry['mediaType'] === cacheConfig) || config?.['mediaType'] === cacheConfig)
    return 'cache'
  if (isIndex) return 'index'
  return layers.length > 0 && layers.every((layer) => layer['mediaType'] === statement) ? 'attestation' : 'image'
}

function attestationOf(entry: Record<string, unknown>): [string, string][] {
  const annotations = asRecord(entry['annotations'])
  const image = asText(annotations['vnd.docker.reference.digest'])
  return annotations['vnd.docker.reference.type'] === 'attestation-manifest' ? [[asText(entry['digest']), image]] : []
}

/** PURE: digest → bytes of everything that is stored for a manifest alone. */
export function readBlobs(digest: string, bytes: Uint8Array): ReadonlyMap<string, number> {
  const document = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  const blobs = [asRecord(document['config']), ...asList(document['layers']).map(asRecord)]
  return new Map([[digest, bytes.length], ...blobs.flatMap(sizeOf)])
}

function sizeOf(descriptor: Record<string, unknown>): [string, number][] {
  const { digest, size } = descriptor
  return isDigest(digest) && typeof size === 'number' ? [[digest, size]] : []
}

/** The run that a nonce names; undefined where it names none. */
export function runOfNonce(nonce: string | undefined): string | undefined {
  return /^(\d+)-\d+-/.exec(nonce ?? '')?.[1]
}
