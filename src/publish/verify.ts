import { isNotFound } from '../lib/errors.ts'
import { asRecord, tryParseJson } from '../lib/json.ts'
import type { Platform } from '../lib/platform.ts'
import { unlessNotFound } from '../packages/repository.ts'
import { type RegistryClient } from '../registry/client.ts'
import { isManifestType, parseDescriptor, type Descriptor, type Manifest } from '../registry/manifest.ts'
import { checkContent, type ContentReport, type ExpectedContent } from './content.ts'
import { IndexError, mismatchReasons, parsePlatformRecord, type Child, type ImageIndex, type Part } from './index.ts'

/** What one target pushed by digest. */
export interface PushedPart {
  readonly platform: Platform
  readonly digest: string
  /** Its content, if it was read before. */
  readonly manifest?: Manifest | undefined
  /** For the image's descriptor in the image index. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Undefined: no expectation, as in a merge, whose parts were verified when they were built. */
  readonly expected?: ExpectedContent | undefined
}

interface FetchedPart extends Part, Pick<PushedPart, 'expected'> {}

export interface PublishedPlatform {
  readonly platform: Platform
  /** Of the image manifest, not of the index in which it was pushed. */
  readonly digest: string
  /** What a pull transfers: the configuration and the layers, compressed. */
  readonly size: number
  /** What was checked of it. */
  readonly content: ContentReport
}

type Sleep = (ms: number) => Promise<unknown>

/** Milliseconds between reads while the replicas of a registry may lag behind. */
export const replicaLag: readonly number[] = [250, 1000, 3000]

/** A client for content that was pushed moments ago: "not found" counts only if it persists. */
export function withReplicas(client: RegistryClient, sleep: Sleep): RegistryClient {
  const retryMissing = async <T>(read: () => Promise<T>): Promise<T> => {
    for (const wait of replicaLag) {
      const found = await read().catch((error: unknown) => {
        if (isNotFound(error)) return undefined
        throw error
      })
      if (found !== undefined) return found
      await sleep(wait)
    }
    return await read()
  }
  return {
    ...client,
    getManifest: (repository, reference) => retryMissing(() => client.getManifest(repository, reference)),
    headManifest: (repository, reference) => retryMissing(() => client.headManifest(repository, reference)),
    getBlob: (repository, digest) => retryMissing(() => client.getBlob(repository, digest)),
  }
}

/** Reads what the targets pushed. */
export async function fetchParts(
  client: RegistryClient,
  repository: string,
  parts: readonly PushedPart[],
): Promise<readonly FetchedPart[]> {
  return await Promise.all(
    parts.map(async ({ digest, manifest: known, ...part }) => {
      const manifest = known ?? (await client.getManifest(repository, digest))
      // In an index of BuildKit's these fields are in the descriptor; a plain manifest has none.
      const isPlain = part.platform.startsWith('windows/') && isManifestType(manifest.mediaType)
      const platformFields = isPlain ? await readPlatformFields(client, repository, manifest.bytes) : {}
      return { ...part, ...manifest, platformFields }
    }),
  )
}

/** Windows runs an image only on hosts of its `os.version`. */
async function readPlatformFields(
  client: RegistryClient,
  repository: string,
  manifest: Uint8Array,
): Promise<Readonly<Record<string, unknown>>> {
  const config = parseDescriptor(parseRecord(manifest)['config'])
  if (!config) return {}
  const fields = Object.entries(parseRecord(await client.getBlob(repository, config.digest)))
  return Object.fromEntries(fields.filter(([name]) => name === 'os.version' || name === 'os.features'))
}

function parseRecord(bytes: Uint8Array): Record<string, unknown> {
  return asRecord(tryParseJson(new TextDecoder().decode(bytes)))
}

/**
 * Checks that everything in an index exists, that each image was built for its platform, and that it has the labels,
 * annotations and attestations that are expected.
 *
 * @throws IndexError
 */
export async function verifyChildren(
  client: RegistryClient,
  repository: string,
  { children }: ImageIndex,
  parts: readonly FetchedPart[],
): Promise<readonly PublishedPlatform[]> {
  const fetched = new Map(parts.map(({ digest, bytes }) => [digest, bytes]))
  const [images, attestations] = await Promise.all([
    Promise.all(
      children
        .filter(({ kind }) => kind === 'image')
        .map((child) => verifyImage(client, repository, child, fetched.get(child.descriptor.digest))),
    ),
    Promise.all(
      children.filter(({ kind }) => kind === 'attestation').map((child) => readAttestation(client, repository, child)),
    ),
  ])
  return images.map(({ published, ...image }) => {
    const isOfImage = ({ platform }: { readonly platform: Platform }) => platform === published.platform
    const ofImage = attestations.filter(isOfImage).map(({ manifest }) => manifest)
    const content = checkContent(parts.find(isOfImage)?.expected, { ...image, attestations: ofImage })
    return { ...published, content }
  })
}

/** Reads a manifest back. @throws IndexError if the registry returns anything else than what was put */
export async function verifyStored(client: RegistryClient, repository: string, index: Manifest): Promise<void> {
  const stored = await client.getManifest(repository, index.digest)
  if (Buffer.compare(index.bytes, stored.bytes) === 0 && stored.mediaType === index.mediaType) return
  const name = `${client.registry}/${repository}@${index.digest}`
  throw new IndexError(`${name}: the registry returned other content than the action pushed`)
}

async function readAttestation(
  client: RegistryClient,
  repository: string,
  { platform, descriptor: { digest } }: Child,
): Promise<{ readonly platform: Platform; readonly manifest: Record<string, unknown> }> {
  const manifest = await unlessNotFound(client.getManifest(repository, digest))
  if (!manifest) throw new IndexError(`the attestation ${digest} is not in ${client.registry}/${repository}`, platform)
  return { platform, manifest: parseRecord(manifest.bytes) }
}

interface VerifiedImage {
  readonly published: Omit<PublishedPlatform, 'content'>
  readonly manifest: Readonly<Record<string, unknown>>
  readonly config: Readonly<Record<string, unknown>>
}

async function verifyImage(
  client: RegistryClient,
  repository: string,
  { platform, descriptor }: Child,
  known: Uint8Array | undefined,
): Promise<VerifiedImage> {
  const { digest } = descriptor
  const bytes = known ?? (await client.getManifest(repository, digest)).bytes
  const manifest = parseRecord(bytes)
  const { config, layers } = parseImage(manifest, digest, platform)
  if (bytes.length !== descriptor.size) {
    const sizes = `${descriptor.size} bytes in the index and ${bytes.length} bytes in the registry`
    throw new IndexError(`the manifest ${digest} has ${sizes}`, platform)
  }
  const configuration = parseRecord(await client.getBlob(repository, config.digest))
  verifyConfig(configuration, descriptor, platform)
  const size = [config, ...layers].reduce((sum, layer) => sum + layer.size, 0)
  return { published: { platform, digest, size }, manifest, config: configuration }
}

function parseImage(
  manifest: Readonly<Record<string, unknown>>,
  digest: string,
  platform: Platform,
): { readonly config: Descriptor; readonly layers: readonly Descriptor[] } {
  const config = parseDescriptor(manifest['config'])
  // BuildKit writes `null` for an image without layers.
  const { layers: list } = manifest
  const entries: readonly unknown[] = Array.isArray(list) ? list : list === null ? [] : [undefined]
  const layers = entries.flatMap((layer) => parseDescriptor(layer) ?? [])
  if (!config || layers.length < entries.length)
    throw new IndexError(`${digest} is not a valid image manifest`, platform)
  return { config, layers }
}

/** The platform in the index is only declared; the configuration has the one that the image was built for. */
function verifyConfig(
  config: Readonly<Record<string, unknown>>,
  { digest, platform: declared }: Descriptor,
  platform: Platform,
): void {
  // Not every builder writes the variant into the configuration.
  const { variant = asRecord(declared)['variant'] } = config
  const actual = parsePlatformRecord({ ...config, variant })
  if (actual === platform) return
  throw new IndexError(
    `the configuration of ${digest} has ${actual ?? 'no known platform'}: ${mismatchReasons}`,
    platform,
  )
}
