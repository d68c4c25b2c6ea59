import { createHash } from 'node:crypto'
import { remember } from './remember.ts'

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

export interface Manifest {
  digest: string
  mediaType: string
  body: string
  size: number
  children: readonly string[]
  blobs: readonly string[]
}

const sha256 = (data: string | Uint8Array): string => `sha256:${createHash('sha256').update(data).digest('hex')}`

export const isDigest = (reference: string): boolean => /^sha256:[0-9a-f]{64}$/.test(reference)

const digestOfText = remember(sha256)

export const digestOf = (data: string | Uint8Array): string =>
  typeof data === 'string' && data.length < 5000 ? digestOfText(data) : sha256(data)

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const digests = (list: unknown): string[] | undefined => {
  if (list === undefined) return []
  if (!Array.isArray(list)) return undefined
  const found = list.map((item: unknown) =>
    isRecord(item) && typeof item['digest'] === 'string' ? item['digest'] : '',
  )
  return found.every(isDigest) ? found : undefined
}

const parsers = remember((mediaType: string) => remember((body: string) => parse(mediaType, body)))

/** The manifest that these bytes are, or why they are none. */
export const parseManifest = (mediaType: string, body: string): Manifest | string => parsers(mediaType)(body)

function parse(mediaType: string, body: string): Manifest | string {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return 'manifest is not JSON'
  }
  if (!isRecord(json)) return 'manifest is not an object'
  if (json['mediaType'] !== undefined && json['mediaType'] !== mediaType)
    return 'mediaType does not match the Content-Type'
  if (!isIndex(mediaType) && !isImage(mediaType)) return `unsupported media type ${mediaType}`
  const references = isIndex(mediaType) ? indexReferences(json) : imageReferences(json)
  if (!references) return 'manifest has an invalid descriptor'
  return { digest: digestOf(body), mediaType, body, size: Buffer.byteLength(body), ...references }
}

const isIndex = (mediaType: string): boolean => mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList
const isImage = (mediaType: string): boolean =>
  mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest

type References = Pick<Manifest, 'children' | 'blobs'>

function indexReferences(json: Record<string, unknown>): References | undefined {
  const children = digests(json['manifests'])
  return children && { children, blobs: [] }
}

function imageReferences(json: Record<string, unknown>): References | undefined {
  const layers = digests(json['layers'])
  const config = digests([json['config']])
  return layers && config && { children: [], blobs: [...new Set([...config, ...layers])] }
}
