import { UserError } from '../../lib/errors.ts'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import type { BlobId } from '../../registry/blobs.ts'
import { isIndexType, manifestTypes, parseDescriptor, type Descriptor, type Manifest } from '../../registry/manifest.ts'

/** What a manifest refers to. */
export interface Content {
  readonly manifests: readonly Descriptor[]
  readonly blobs: readonly BlobId[]
  /** Layers that are not in the registry, but at a URL in the manifest. */
  readonly foreign: readonly string[]
  /** The manifest that it describes, such as a signature's image. */
  readonly subject: string | undefined
}

/** The source is incomplete, or not what it should be: a second attempt would not change that. */
export function sourceError(message: string, hint = 'Nothing was copied. Check `from`.'): UserError {
  return new UserError({ code: 'registry', message, hint })
}

/** https://github.com/opencontainers/image-spec/blob/main/layer.md#non-distributable-layers, and Docker's */
const foreignLayer = /\.(?:foreign|nondistributable)\./

/** PURE: parses an index or an image manifest. @throws UserError if it is not valid */
export function parseContent({ bytes, mediaType, digest }: Manifest): Content {
  const document = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  const { mediaType: declared = mediaType, schemaVersion } = document
  if (schemaVersion !== 2 || declared !== mediaType || !manifestTypes.includes(mediaType))
    throw sourceError(`${digest} is not a valid image manifest or index (${mediaType || 'no media type'})`)
  const subject = parseDescriptor(document['subject'])?.digest
  const entries = isIndexType(mediaType)
    ? parseList(document['manifests'], digest)
    : parseList([document['config'], ...listOf(document['layers'], digest)], digest)
  const isForeign = (entry: Descriptor) => foreignLayer.test(entry.mediaType)
  const isManifest = (entry: Descriptor) => manifestTypes.includes(entry.mediaType)
  return {
    manifests: entries.filter(isManifest),
    // The entries of the older form of a BuildKit cache are its layers.
    blobs: entries.filter((entry) => !isManifest(entry) && !isForeign(entry)),
    foreign: entries.filter(isForeign).map((entry) => entry.digest),
    subject,
  }
}

function parseList(value: unknown, digest: string): readonly Descriptor[] {
  return listOf(value, digest).map((entry) => {
    const descriptor = parseDescriptor(entry)
    if (!descriptor) throw sourceError(`${digest} has an entry that is not valid`)
    return descriptor
  })
}

/** BuildKit writes `null` for an image without layers. */
function listOf(value: unknown, digest: string): readonly unknown[] {
  if (value === null) return []
  if (!Array.isArray(value)) throw sourceError(`${digest} is not a valid image manifest or index`)
  return value
}

/** PURE: the descriptor of a referrer in a list of referrers, from its own content: older lists have other types. */
export function referrerDescriptor({ bytes, mediaType, digest }: Manifest): Descriptor {
  const document = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  const artifactType = asText(document['artifactType']) || asText(asRecord(document['config'])['mediaType'])
  const { annotations } = parseDescriptor({ mediaType, digest, size: 0, annotations: document['annotations'] }) ?? {}
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(annotations && { annotations }),
    ...(artifactType !== '' && { artifactType }),
  }
}
