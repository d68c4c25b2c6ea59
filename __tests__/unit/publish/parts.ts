import { parsePlatform, type Platform } from '../../../src/lib/platform.ts'
import type { Part } from '../../../src/publish/index-manifest.ts'
import { ociIndex, ociManifest } from '../../../src/registry/media-type.ts'
import { sha256 } from '../registry/server.ts'

export interface Content {
  readonly digest: string
  readonly bytes: Buffer
  readonly mediaType: string
}

/** A target as BuildKit pushes it, with everything it refers to. */
export interface Pushed {
  readonly part: Part
  readonly image: Content
  readonly attestations: readonly Content[]
  readonly config: Buffer
  readonly size: number
}

export interface Shape {
  /** As BuildKit writes it; that of the target unless given. */
  readonly label?: Record<string, unknown> | undefined
  readonly config?: Record<string, unknown>
  readonly attestations?: number
  readonly plain?: boolean
  readonly manifestType?: string
  readonly indexType?: string
  readonly change?: (index: Record<string, unknown>) => Record<string, unknown>
}

export function platform(text: string): Platform {
  const parsed = parsePlatform(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}

export function content(document: unknown, mediaType: string): Content {
  const bytes = Buffer.from(JSON.stringify(document))
  return { digest: sha256(bytes), bytes, mediaType }
}

export function push(name: string, shape: Shape = {}): Pushed {
  const wanted = platform(name)
  const [os, architecture, variant] = wanted.split('/')
  const own = { architecture, os, ...(variant !== undefined && { variant }) }
  const { attestations: count = shape.plain ? 0 : 1, manifestType = ociManifest, indexType = ociIndex } = shape
  const config = Buffer.from(JSON.stringify(shape.config ?? { ...own, rootfs: {} }))
  const layers = [
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: sha256(`layer of ${name}`), size: 1000 },
  ]
  const image = content(
    {
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(config), size: config.length },
      layers,
    },
    manifestType,
  )
  const attestations = Array.from({ length: count }, (_, number) =>
    content({ schemaVersion: 2, mediaType: ociManifest, about: image.digest, number }, ociManifest),
  )
  const index = {
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [
      ...attestations.map((one) => ({
        ...describe(one),
        annotations: {
          'vnd.docker.reference.digest': image.digest,
          'vnd.docker.reference.type': 'attestation-manifest',
        },
        platform: { architecture: 'unknown', os: 'unknown' },
      })),
      { ...describe(image), ...('label' in shape ? shape.label && { platform: shape.label } : { platform: own }) },
    ],
    annotations: { 'org.example.nonce': name },
  }
  const pushed = shape.plain ? image : content(shape.change?.(index) ?? index, indexType)
  return { part: { platform: wanted, ...pushed }, image, attestations, config, size: config.length + 1000 }
}

function describe({ digest, bytes, mediaType }: Content) {
  return { mediaType, digest, size: bytes.length }
}
