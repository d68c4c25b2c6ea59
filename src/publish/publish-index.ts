import { setTimeout as delay } from 'node:timers/promises'
import { asRecord, tryParseJson } from '../lib/json.ts'
import type { Platform } from '../lib/platform.ts'
import { RegistryError, type RegistryClient } from '../registry/client.ts'
import { readDescriptor, type Descriptor } from '../registry/descriptor.ts'
import { IndexError, joinIndex, platformOf, whyOther, type Child, type JoinedIndex } from './index-manifest.ts'
import { errorMessage } from '../lib/errors.ts'

/** What one target pushed by digest. */
interface PushedPart {
  readonly platform: Platform
  readonly digest: string
  /** For the image's descriptor in the joined index. */
  readonly annotations?: Readonly<Record<string, string>>
}

export interface PublishedPlatform {
  readonly platform: Platform
  /** Of the image manifest, not of the index in which it was pushed. */
  readonly digest: string
  /** What a pull transfers: the configuration and the layers, compressed. */
  readonly size: number
}

export interface PublishedIndex extends JoinedIndex {
  readonly platforms: readonly PublishedPlatform[]
}

interface PublishOptions {
  /** Hears of the index before it is put. */
  readonly onIndex?: (digest: string) => void
  readonly sleep?: (ms: number) => Promise<unknown>
}

/**
 * Puts the joined index into the repository by its digest, so that no tag knows of it yet. What it is made of is
 * checked before, and the index itself is read back: afterwards only the tags are left to move. `order` holds the
 * platforms asked for, in the order in which the index lists them.
 */
export async function publishIndex(
  registry: RegistryClient,
  repository: string,
  parts: readonly PushedPart[],
  annotations: Readonly<Record<string, string>>,
  order = parts.map(({ platform }) => platform),
  options: PublishOptions = {},
): Promise<PublishedIndex> {
  const { onIndex, sleep = delay } = options
  const client = withReplicas(registry, sleep)
  const fetched = await Promise.all(
    parts.map(async ({ digest, ...part }) => ({ ...part, ...(await client.getManifest(repository, digest)) })),
  )
  const index = joinIndex(fetched, annotations, order)
  const own = new Map(fetched.map(({ digest, bytes }) => [digest, bytes]))
  const checked = await Promise.all(
    index.children.map((child) => checkChild(client, repository, child, own.get(child.descriptor.digest))),
  )
  onIndex?.(index.digest)
  await client.putManifest(repository, index.digest, index.bytes, index.mediaType)
  const stored = await client.getManifest(repository, index.digest)
  if (Buffer.compare(index.bytes, stored.bytes) !== 0 || stored.mediaType !== index.mediaType) {
    throw new IndexError(
      `${nameOf(client, repository)}@${index.digest}: the registry gave back another index than it was given`,
    )
  }
  return { ...index, platforms: checked.flatMap((platform) => platform ?? []) }
}

interface MovedTags {
  readonly moved: readonly string[]
  readonly failed: readonly { readonly tag: string; readonly reason: string; readonly error: unknown }[]
}

interface MoveOptions {
  readonly onMoved?: (tag: string) => void
  readonly sleep?: (ms: number) => Promise<unknown>
}

/**
 * Lets tags name the index. Every tag is tried, whatever happens to the others; call it once all indexes are published.
 */
export async function moveTags(
  client: RegistryClient,
  repository: string,
  tags: readonly string[],
  index: Pick<JoinedIndex, 'bytes' | 'mediaType' | 'digest'>,
  options: MoveOptions = {},
): Promise<MovedTags> {
  const { onMoved, sleep = delay } = options
  const moved: string[] = []
  const failed: { tag: string; reason: string; error: unknown }[] = []
  const move = async (tag: string): Promise<void> => {
    try {
      await client.putManifest(repository, tag, index.bytes, index.mediaType)
      await checkTag(client, repository, tag, index.digest, sleep)
    } catch (error) {
      failed.push({ tag, reason: errorMessage(error), error })
      return
    }
    moved.push(tag)
    onMoved?.(tag)
  }
  await Promise.all(tags.map(move))
  const inOrder = (a: string, b: string): number => tags.indexOf(a) - tags.indexOf(b)
  return { moved: moved.sort(inOrder), failed: failed.sort((a, b) => inOrder(a.tag, b.tag)) }
}

/** Some registries answer from replicas, which lag behind for a moment. */
const lag = [250, 1000, 3000]

/** What the nodes or we have just pushed may not be everywhere yet: a 404 counts once it has stayed. */
function withReplicas(client: RegistryClient, sleep: (ms: number) => Promise<unknown>): RegistryClient {
  const patiently = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (const wait of lag) {
      const found = await ask().catch((error: unknown) => {
        if (error instanceof RegistryError && error.kind === 'not-found') return undefined
        throw error
      })
      if (found !== undefined) return found
      await sleep(wait)
    }
    return ask()
  }
  return {
    ...client,
    getManifest: (repository, reference) => patiently(() => client.getManifest(repository, reference)),
    headManifest: (repository, reference) => patiently(() => client.headManifest(repository, reference)),
    getBlob: (repository, digest) => patiently(() => client.getBlob(repository, digest)),
  }
}

async function checkTag(
  client: RegistryClient,
  repository: string,
  tag: string,
  digest: string,
  sleep: (ms: number) => Promise<unknown>,
): Promise<void> {
  let found = await client.headManifest(repository, tag)
  for (const wait of lag) {
    if (found === digest) return
    await sleep(wait)
    found = await client.headManifest(repository, tag)
  }
  if (found !== digest)
    throw new IndexError(
      `${nameOf(client, repository)}:${tag} was moved to ${digest}, and names ${found ?? 'nothing'} a few seconds later: another run may push the same tag`,
    )
}

async function checkChild(
  client: RegistryClient,
  repository: string,
  { kind, platform, descriptor }: Child,
  own?: Uint8Array,
): Promise<PublishedPlatform | undefined> {
  const { digest } = descriptor
  if (kind === 'attestation') {
    if ((await client.headManifest(repository, digest)) === undefined)
      throw new IndexError(`the attestation ${digest} is not in ${nameOf(client, repository)}`, platform)
    return undefined
  }
  const bytes = own ?? (await client.getManifest(repository, digest)).bytes
  const { config, layers } = readImage(bytes, digest, platform)
  if (bytes.length !== descriptor.size)
    throw new IndexError(`the index gives ${digest} ${descriptor.size} bytes, and it has ${bytes.length}`, platform)
  checkConfig(await client.getBlob(repository, config.digest), descriptor, platform)
  return { platform, digest, size: [config, ...layers].reduce((sum, { size }) => sum + size, 0) }
}

function readImage(
  bytes: Uint8Array,
  digest: string,
  platform: Platform,
): { readonly config: Descriptor; readonly layers: readonly Descriptor[] } {
  const manifest = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  const config = readDescriptor(manifest['config'])
  const entries: readonly unknown[] = Array.isArray(manifest['layers']) ? manifest['layers'] : [undefined]
  const layers = entries.flatMap((layer) => readDescriptor(layer) ?? [])
  if (!config || layers.length < entries.length) throw new IndexError(`${digest} is no image manifest`, platform)
  return { config, layers }
}

/** The entry in the index is a label; what the image was really built for is in its configuration. */
function checkConfig(bytes: Uint8Array, { digest, platform: labelled }: Descriptor, platform: Platform): void {
  const config = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  // Not every builder writes the variant there.
  const { variant = asRecord(labelled)['variant'] } = config
  const built = platformOf({ ...config, variant })
  if (built !== platform)
    throw new IndexError(`the configuration of ${digest} says ${built ?? 'no known platform'}: ${whyOther}`, platform)
}

function nameOf({ registry }: RegistryClient, repository: string): string {
  return `${registry}/${repository}`
}
