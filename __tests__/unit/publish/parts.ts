import { parsePlatform, type Platform } from '../../../src/lib/platform.ts'
import type { Part } from '../../../src/publish/index.ts'
import { createRegistryClient, type RegistryClient } from '../../../src/registry/client.ts'
import { fakeClock, sha256, user, withRegistry, type FakeRegistry } from '../registry/server.ts'
import { ociIndex, ociManifest } from '../../../src/registry/manifest.ts'

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
  /** Of the statements in each attestation. */
  readonly predicates?: readonly string[]
  readonly annotations?: Record<string, string>
  readonly plain?: boolean
  readonly manifestType?: string
  /** `null` for an image without layers, as BuildKit writes it. */
  readonly layers?: null
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
  const { config: configuration = { ...own, rootfs: {} }, manifestType = ociManifest } = shape
  const config = Buffer.from(JSON.stringify(configuration))
  const image = imageOf(name, config, { manifestType, ...shape })
  const { plain = false, attestations: count = plain ? 0 : 1, indexType = ociIndex } = shape
  const attestations = attestationsOf(image, count, shape.predicates)
  const index = {
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [
      ...attestations.map((attestation) => attestationEntry(attestation, image)),
      { ...describe(image), ...labelOf(shape, own) },
    ],
    annotations: { 'org.example.nonce': name },
  }
  const pushed = plain ? image : content(shape.change?.(index) ?? index, indexType)
  return { part: { platform: wanted, ...pushed }, image, attestations, config, size: config.length + 1000 }
}

function attestationsOf(
  image: Content,
  count: number,
  predicates: readonly string[] = ['https://slsa.dev/provenance/v1'],
): Content[] {
  const layers = predicates.map((type) => ({ annotations: { 'in-toto.io/predicate-type': type } }))
  return Array.from({ length: count }, (_, number) =>
    content({ schemaVersion: 2, mediaType: ociManifest, about: image.digest, number, layers }, ociManifest),
  )
}

function labelOf(shape: Shape, own: Record<string, unknown>) {
  return 'label' in shape ? shape.label && { platform: shape.label } : { platform: own }
}

function imageOf(name: string, config: Buffer, shape: Shape & { readonly manifestType: string }): Content {
  const mediaType = shape.manifestType
  const layer = [
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: sha256(`layer of ${name}`), size: 1000 },
  ]
  return content(
    {
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(config), size: config.length },
      layers: shape.layers === null ? null : layer,
      annotations: shape.annotations,
    },
    mediaType,
  )
}

function attestationEntry(attestation: Content, image: Content) {
  return {
    ...describe(attestation),
    annotations: {
      'vnd.docker.reference.digest': image.digest,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
    platform: { architecture: 'unknown', os: 'unknown' },
  }
}

function describe({ digest, bytes, mediaType }: Content) {
  return { mediaType, digest, size: bytes.length }
}

/** The repository of `withPushed`. */
export const repository = 'acme/app'

/** Runs `use` with a registry that has what was pushed, in each of the repositories. */
export async function withPushed(
  pushed: readonly Pushed[],
  use: (client: RegistryClient, registry: FakeRegistry) => Promise<void>,
  repositories: readonly string[] = [repository],
): Promise<void> {
  await withRegistry('bearer', async (registry) => {
    for (const name of repositories) pushed.forEach((target) => store(registry, name, target))
    const client = createRegistryClient({
      registry: registry.host,
      credentials: user,
      willPush: true,
      clock: fakeClock(),
    })
    await use(client, registry)
  })
}

function store(registry: FakeRegistry, name: string, { part, image, attestations, config }: Pushed): void {
  for (const { digest, bytes, mediaType } of [image, ...attestations, { ...part, bytes: Buffer.from(part.bytes) }])
    registry.manifests.set(`${name}@${digest}`, { bytes, type: mediaType })
  registry.blobs.set(`${name}@${sha256(config)}`, config)
}

export const targets = (pushed: readonly Pushed[]) =>
  pushed.map(({ part }) => ({ platform: part.platform, digest: part.digest }))

/** What is reported of an image with provenance, if nothing is requested. */
export const onlyProvenance = {
  labels: null,
  annotations: null,
  attestations: { requested: null, found: ['provenance'] },
} as const
