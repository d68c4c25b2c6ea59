import { asRecord, asText, isRecord, tryParseJson } from '../lib/json.ts'
import { parsePlatform, type Platform } from '../lib/platform.ts'
import { digestOf } from '../registry/digest.ts'
import { dockerList, dockerManifest, isIndexType, isManifestType, ociIndex } from '../registry/media-type.ts'
import { describe, isAttestation, readDescriptor, type Descriptor } from '../registry/descriptor.ts'

/** What was pushed for one platform: an image manifest, or an index of one image and its attestations. */
export interface Part {
  readonly platform: Platform
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly digest: string
  /** For the image's descriptor in the joined index. */
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Child {
  readonly kind: 'image' | 'attestation'
  /** The platform asked for; of an attestation that of its image. */
  readonly platform: Platform
  readonly descriptor: Descriptor
}

export interface JoinedIndex {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly mediaType: string
  readonly digest: string
  readonly children: readonly Child[]
}

/** What was built is not what was asked for; nothing that a second try would change. */
export class IndexError extends Error {
  readonly platform: Platform | undefined

  constructor(message: string, platform?: Platform) {
    super(platform === undefined ? message : `${platform}: ${message}`)
    this.name = 'IndexError'
    this.platform = platform
  }
}

/** The usual reasons for an image of another platform than was asked for. */
export const whyOther = 'the last stage may begin with `FROM --platform=…`, or the node is not what `nodes` says'

/**
 * Joins what was built for each platform into one index: flat, in the order asked for, each image followed by its
 * attestations. The same parts make the same bytes. Throws an `IndexError` unless it holds exactly the platforms of
 * `order`.
 */
export function joinIndex(
  parts: readonly Part[],
  annotations: Readonly<Record<string, string>>,
  order: readonly Platform[] = parts.map(({ platform }) => platform),
): JoinedIndex {
  const children = inOrder(parts, order).flatMap((part) =>
    childrenOf(part).map((child) => annotate(child, part.annotations ?? {})),
  )
  checkDistinct(children)
  const mediaType = indexType(parts, children, annotations)
  const index = {
    schemaVersion: 2,
    mediaType,
    manifests: children.map(({ descriptor }) => descriptor),
    ...(Object.keys(annotations).length > 0 && { annotations: inKeyOrder(annotations) }),
  }
  const bytes = Buffer.from(JSON.stringify(index, undefined, 2))
  return { bytes, mediaType, digest: digestOf(bytes), children }
}

/** Compared as containerd does, so that `linux/arm64/v8` is `linux/arm64` and `linux/arm` is `linux/arm/v7`. */
export function platformOf(platform: unknown): Platform | undefined {
  const { os, architecture, variant } = asRecord(platform)
  return parsePlatform(
    [asText(os), asText(architecture), ...(asText(variant) === '' ? [] : [asText(variant)])].join('/'),
  )
}

function inOrder(parts: readonly Part[], order: readonly Platform[]): readonly Part[] {
  if (order.length === 0) throw new IndexError('there is nothing to join: no platform was built')
  const wanted = new Set(order)
  const extra = parts.find(({ platform }) => !wanted.has(platform))
  if (extra) throw new IndexError('was built and not asked for', extra.platform)
  if (wanted.size < order.length) throw new IndexError(`a platform is asked for twice: ${order.join(', ')}`)
  return order.map((platform) => {
    const [part, second] = parts.filter((candidate) => candidate.platform === platform)
    if (!part) throw new IndexError('was asked for and not built', platform)
    if (second) throw new IndexError('was built twice', platform)
    return part
  })
}

function childrenOf(part: Part): readonly Child[] {
  const { platform, bytes, mediaType, digest } = part
  const actual = digestOf(bytes, digest)
  if (actual !== digest) throw new IndexError(`the content of ${digest} has the digest ${actual}`, platform)
  const document = tryParseJson(new TextDecoder().decode(bytes))
  if (!isRecord(document) || document['schemaVersion'] !== 2)
    throw new IndexError(`${digest} is no image manifest or index`, platform)
  if (document['mediaType'] !== undefined && document['mediaType'] !== mediaType) {
    throw new IndexError(
      `${digest} was delivered as ${mediaType} and calls itself ${asText(document['mediaType'])}`,
      platform,
    )
  }
  if (isManifestType(mediaType))
    return [
      {
        kind: 'image',
        platform,
        descriptor: describe({ mediaType, digest, size: bytes.length, platform: toRecord(platform) }),
      },
    ]
  if (!isIndexType(mediaType))
    throw new IndexError(
      `${digest} has the media type ${mediaType}, and an image manifest or index was expected`,
      platform,
    )
  return childrenOfIndex(part, document['manifests'])
}

function childrenOfIndex({ platform, digest }: Part, manifests: unknown): readonly Child[] {
  const descriptors = (Array.isArray(manifests) ? manifests : []).map((entry: unknown) => {
    const descriptor = readDescriptor(entry)
    if (!descriptor) throw new IndexError(`${digest} holds an entry that cannot be read`, platform)
    if (!isManifestType(descriptor.mediaType))
      throw new IndexError(
        `${digest} holds a ${descriptor.mediaType}, and only image manifests can be joined`,
        platform,
      )
    return descriptor
  })
  const images = descriptors.filter((descriptor) => !isAttestation(descriptor))
  const [image] = images
  if (!image || images.length > 1)
    throw new IndexError(`${digest} holds ${images.length} images, and one was expected`, platform)
  const held = image.platform === undefined ? platform : platformOf(image.platform)
  if (held !== platform)
    throw new IndexError(`${digest} holds an image for ${showPlatform(image.platform)}: ${whyOther}`, platform)
  const attestations = descriptors.filter(isAttestation)
  const stray = attestations.find(({ annotations }) => annotations?.['vnd.docker.reference.digest'] !== image.digest)
  if (stray) throw new IndexError(`the attestation ${stray.digest} is not about the image ${image.digest}`, platform)
  return [
    { kind: 'image', platform, descriptor: describe({ ...image, platform: image.platform ?? toRecord(platform) }) },
    ...attestations.map((descriptor): Child => ({ kind: 'attestation', platform, descriptor })),
  ]
}

function annotate(child: Child, annotations: Readonly<Record<string, string>>): Child {
  if (child.kind === 'attestation' || Object.keys(annotations).length === 0) return child
  return {
    ...child,
    descriptor: describe({
      ...child.descriptor,
      annotations: inKeyOrder({ ...child.descriptor.annotations, ...annotations }),
    }),
  }
}

function inKeyOrder(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
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
 * An OCI index may refer to Docker's image manifests, and only it may bear annotations. So the joined index is OCI's;
 * Docker's manifest list only where all parts are Docker's own and nothing is annotated, for clients that know no
 * other.
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

function toRecord(platform: Platform): Record<string, unknown> {
  const [os = '', architecture = '', variant] = platform.split('/')
  return { architecture, os, ...(variant !== undefined && { variant }) }
}

function showPlatform(platform: unknown): string {
  const { os, architecture, variant } = asRecord(platform)
  return (
    platformOf(platform) ??
    [asText(os) || '?', asText(architecture) || '?', ...(asText(variant) === '' ? [] : [asText(variant)])].join('/')
  )
}
