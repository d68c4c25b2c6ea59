import { createHash } from 'node:crypto'
import { isRecord } from '../lib/json.ts'

export const ociIndex = 'application/vnd.oci.image.index.v1+json'
export const ociManifest = 'application/vnd.oci.image.manifest.v1+json'
export const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json'

export const manifestTypes: readonly string[] = [ociIndex, ociManifest, dockerList, dockerManifest]

/** A manifest as the registry returned it. */
export interface Manifest {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly mediaType: string
  /** Computed from the bytes. */
  readonly digest: string
}

/** https://github.com/opencontainers/image-spec/blob/main/descriptor.md */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  /** Bytes. */
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  /** As in the manifest, with `os.version` and `os.features`. */
  readonly platform?: Readonly<Record<string, unknown>>
  readonly artifactType?: string
}

/**
 * @param like a digest whose algorithm is used: `sha256:…` or `sha512:…`
 *   (https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests)
 */
export function computeDigest(bytes: Uint8Array, like = 'sha256:'): string {
  const algorithm = like.startsWith('sha512:') ? 'sha512' : 'sha256'
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && /^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/.test(text)
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === ociIndex || mediaType === dockerList
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === ociManifest || mediaType === dockerManifest
}

/** @returns undefined if the value is not a valid descriptor */
export function parseDescriptor(value: unknown): Descriptor | undefined {
  if (!isRecord(value)) return undefined
  const { mediaType, digest, size, annotations, platform, artifactType } = value
  if (!isText(mediaType) || !isDigest(digest) || !isSize(size)) return undefined
  if (!isOptional(annotations, isTextRecord) || !isOptional(platform, isRecord) || !isOptional(artifactType, isText))
    return undefined
  return normalizeDescriptor({
    mediaType,
    digest,
    size,
    ...(annotations && { annotations }),
    ...(platform && { platform }),
    ...(artifactType !== undefined && { artifactType }),
  })
}

/** The same descriptor with its fields in the order in which BuildKit writes them. */
export function normalizeDescriptor(descriptor: Descriptor): Descriptor {
  const { mediaType, digest, size, annotations, platform, artifactType } = descriptor
  return {
    mediaType,
    digest,
    size,
    ...(annotations && { annotations }),
    ...(platform && { platform }),
    ...(artifactType !== undefined && { artifactType }),
  }
}

/** https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md */
export function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every(isText)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isOptional<T>(value: unknown, is: (value: unknown) => value is T): value is T | undefined {
  return value === undefined || is(value)
}
