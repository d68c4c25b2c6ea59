import { asRecord, asText, isRecord, tryParseJson } from '../lib/json.ts'
import { parsePlatform, type Platform } from '../lib/platform.ts'
import {
  computeDigest,
  dockerList,
  dockerManifest,
  isIndexType,
  isManifestType,
  ociIndex,
  normalizeDescriptor,
  isAttestation,
  parseDescriptor,
  type Descriptor,
} from '../registry/manifest.ts'

export type Annotations = Readonly<Record<string, string>>

/** What was pushed for one platform: an image manifest, or an index of one image and its attestations. */
export interface Part {
  readonly platform: Platform
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly digest: string
  /** For the image's descriptor in the image index. */
  readonly annotations?: Annotations
  /** Fields that its configuration adds to the platform, such as `os.version` of Windows. */
  readonly platformFields?: Readonly<Record<string, unknown>>
}

export interface Child {
  readonly kind: 'image' | 'attestation'
  /** The requested platform; of an attestation that of its image. */
  readonly platform: Platform
  readonly descriptor: Descriptor
}

export interface ImageIndex {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly mediaType: string
  readonly digest: string
  readonly children: readonly Child[]
}

/** What was built does not match the request; a second attempt would not change that. */
export class IndexError extends Error {
  readonly platform: Platform | undefined

  constructor(message: string, platform?: Platform) {
    super(platform === undefined ? message : `${platform}: ${message}`)
    this.name = 'IndexError'
    this.platform = platform
  }
}

/** The usual reasons for an image of another platform than the requested one. */
export const mismatchReasons =
  'the last stage may start with `FROM --platform=…`, or `nodes` may name another platform than the node has'

/**
 * Assembles what the tags will name. A single image without attestations and without annotations of its index needs no
 * index: some platforms, such as AWS Lambda, accept only an image manifest.
 *
 * @param ownership annotations of an index; the image itself has them already
 * @throws IndexError unless it has exactly the platforms of `order`
 */
export function assembleImage(
  parts: readonly Part[],
  { annotations, ownership = {} }: { readonly annotations: Annotations; readonly ownership?: Annotations },
  order?: readonly Platform[],
): ImageIndex {
  const index = assembleIndex(parts, { ...annotations, ...ownership }, order)
  const [part] = parts
  const isAnnotated = [annotations, part?.annotations ?? {}].some((added) => Object.keys(added).length > 0)
  if (!part || parts.length > 1 || isAnnotated || !isManifestType(part.mediaType)) return index
  return { bytes: Buffer.from(part.bytes), mediaType: part.mediaType, digest: part.digest, children: index.children }
}

/**
 * Assembles what was pushed for each platform into one image index: flat, in the requested order, each image followed
 * by its attestations. The same parts give the same bytes.
 *
 * @throws IndexError unless it has exactly the platforms of `order`
 */
export function assembleIndex(
  parts: readonly Part[],
  annotations: Readonly<Record<string, string>>,
  order: readonly Platform[] = parts.map(({ platform }) => platform),
): ImageIndex {
  const children = inOrder(parts, order).flatMap((part) =>
    parseChildren(part).map((child) => annotate(child, part.annotations ?? {})),
  )
  checkDistinct(children)
  const mediaType = indexType(parts, children, annotations)
  const index = {
    schemaVersion: 2,
    mediaType,
    manifests: children.map(({ descriptor }) => descriptor),
    ...(Object.keys(annotations).length > 0 && { annotations: sortKeys(annotations) }),
  }
  const bytes = Buffer.from(JSON.stringify(index, undefined, 2))
  return { bytes, mediaType, digest: computeDigest(bytes), children }
}

/** Compared as containerd does, so that `linux/arm64/v8` is `linux/arm64` and `linux/arm` is `linux/arm/v7`. */
export function parsePlatformRecord(platform: unknown): Platform | undefined {
  const { os, architecture, variant } = asRecord(platform)
  return parsePlatform(
    [asText(os), asText(architecture), ...(asText(variant) === '' ? [] : [asText(variant)])].join('/'),
  )
}

function inOrder(parts: readonly Part[], order: readonly Platform[]): readonly Part[] {
  if (order.length === 0) throw new IndexError('no platform was built')
  const requested = new Set(order)
  const extra = parts.find(({ platform }) => !requested.has(platform))
  if (extra) throw new IndexError('was built, but not requested', extra.platform)
  if (requested.size < order.length) throw new IndexError(`a platform is requested twice: ${order.join(', ')}`)
  return order.map((platform) => {
    const [part, second] = parts.filter((candidate) => candidate.platform === platform)
    if (!part) throw new IndexError('was requested, but not built', platform)
    if (second) throw new IndexError('was built twice', platform)
    return part
  })
}

function parseChildren(part: Part): readonly Child[] {
  const { platform, bytes, mediaType, digest } = part
  const actual = computeDigest(bytes, digest)
  if (actual !== digest) throw new IndexError(`the content of ${digest} has the digest ${actual}`, platform)
  const document = tryParseJson(new TextDecoder().decode(bytes))
  if (!isRecord(document) || document['schemaVersion'] !== 2)
    throw new IndexError(`${digest} is not a valid image manifest or index`, platform)
  if (document['mediaType'] !== undefined && document['mediaType'] !== mediaType) {
    throw new IndexError(
      `${digest} was delivered as ${mediaType} and has the media type ${asText(document['mediaType'])}`,
      platform,
    )
  }
  if (isManifestType(mediaType))
    return [
      {
        kind: 'image',
        platform,
        descriptor: normalizeDescriptor({
          mediaType,
          digest,
          size: bytes.length,
          platform: { ...platformRecord(platform), ...part.platformFields },
        }),
      },
    ]
  if (!isIndexType(mediaType))
    throw new IndexError(
      `${digest} has the media type ${mediaType}, and an image manifest or index was expected`,
      platform,
    )
  return childrenFromIndex(part, document['manifests'])
}

function childrenFromIndex({ platform, digest }: Part, manifests: unknown): readonly Child[] {
  const descriptors = (Array.isArray(manifests) ? manifests : []).map((entry: unknown) => {
    const descriptor = parseDescriptor(entry)
    if (!descriptor) throw new IndexError(`${digest} has an entry that cannot be parsed`, platform)
    if (!isManifestType(descriptor.mediaType))
      throw new IndexError(`${digest} has a ${descriptor.mediaType}, and only image manifests are supported`, platform)
    return descriptor
  })
  const images = descriptors.filter((descriptor) => !isAttestation(descriptor))
  const [image] = images
  if (!image || images.length > 1)
    throw new IndexError(`${digest} has ${images.length} images, and one was expected`, platform)
  const actual = image.platform === undefined ? platform : parsePlatformRecord(image.platform)
  if (actual !== platform)
    throw new IndexError(`${digest} has an image for ${formatPlatform(image.platform)}: ${mismatchReasons}`, platform)
  const attestations = descriptors.filter(isAttestation)
  const stray = attestations.find(({ annotations }) => annotations?.['vnd.docker.reference.digest'] !== image.digest)
  if (stray)
    throw new IndexError(`the attestation ${stray.digest} does not refer to the image ${image.digest}`, platform)
  return [
    {
      kind: 'image',
      platform,
      descriptor: normalizeDescriptor({ ...image, platform: image.platform ?? platformRecord(platform) }),
    },
    ...attestations.map((descriptor): Child => ({ kind: 'attestation', platform, descriptor })),
  ]
}

function annotate(child: Child, annotations: Readonly<Record<string, string>>): Child {
  if (child.kind === 'attestation' || Object.keys(annotations).length === 0) return child
  return {
    ...child,
    descriptor: normalizeDescriptor({
      ...child.descriptor,
      annotations: sortKeys({ ...child.descriptor.annotations, ...annotations }),
    }),
  }
}

function sortKeys(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function checkDistinct(children: readonly Child[]): void {
  const seen = new Map<string, Child>()
  for (const child of children) {
    const { platform, descriptor } = child
    const other = seen.get(descriptor.digest)
    if (other) throw new IndexError(`has the same ${child.kind} as ${other.platform}: ${descriptor.digest}`, platform)
    seen.set(descriptor.digest, child)
  }
}

/**
 * An OCI index may refer to Docker's image manifests, and only it may have annotations: the image index is an OCI
 * index. It is Docker's manifest list only if all parts have Docker's media types and nothing is annotated, for clients
 * that support nothing else.
 */
function indexType(
  parts: readonly Part[],
  children: readonly Child[],
  annotations: Readonly<Record<string, string>>,
): string {
  const annotated =
    Object.keys(annotations).length > 0 || children.some(({ descriptor }) => descriptor.annotations !== undefined)
  const docker =
    parts.every(({ mediaType }) => mediaType === dockerList || mediaType === dockerManifest) &&
    children.every(({ descriptor }) => descriptor.mediaType === dockerManifest)
  return docker && !annotated ? dockerList : ociIndex
}

function platformRecord(platform: Platform): Record<string, unknown> {
  const [os = '', architecture = '', variant] = platform.split('/')
  return { architecture, os, ...(variant !== undefined && { variant }) }
}

function formatPlatform(platform: unknown): string {
  const { os, architecture, variant } = asRecord(platform)
  return (
    parsePlatformRecord(platform) ??
    [asText(os) || '?', asText(architecture) || '?', ...(asText(variant) === '' ? [] : [asText(variant)])].join('/')
  )
}
