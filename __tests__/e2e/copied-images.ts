import type { RegistryClient } from '../../src/registry/client.ts'
import { computeDigest, type Manifest } from '../../src/registry/manifest.ts'

/** A repository of a registry. */
export interface Repository {
  readonly client: RegistryClient
  readonly path: string
}

interface Blob {
  readonly digest: string
  readonly size: number
  readonly mediaType: string
}

interface Content {
  readonly manifests?: readonly Blob[]
  readonly config?: Blob
  readonly layers?: readonly Blob[]
}

/** Under which tag the copy is stored, by default that of the image, and what differs in its texts. */
interface CopyOptions {
  readonly as?: string
  readonly change?: (text: string) => string
}

/**
 * Stores what a tag names with everything below it in another repository, also of another registry. `change`
 * changes the texts of manifests, configurations and attestations, as if another run had built the image.
 */
export async function copyImage(
  from: Repository,
  to: Repository,
  tag: string,
  { as = tag, change = (text) => text }: CopyOptions = {},
): Promise<void> {
  const { bytes, mediaType } = await copyManifest({ from, to, change, renamed: new Map() }, tag)
  await to.client.putManifest(to.path, as, bytes, mediaType)
}

interface Copying {
  readonly from: Repository
  readonly to: Repository
  readonly change: (text: string) => string
  /** What has another digest in the copy. */
  readonly renamed: Map<string, Pick<Blob, 'digest' | 'size'>>
}

async function copyManifest(copying: Copying, reference: string): Promise<Manifest> {
  const { from, to, renamed } = copying
  const source = await from.client.getManifest(from.path, reference)
  const { manifests = [], config, layers = [] } = JSON.parse(textOf(source.bytes)) as Content
  for (const blob of [...(config ? [config] : []), ...layers]) await copyBlob(copying, blob)
  // An index lists an image before its attestation, which names the digest of the image.
  for (const { digest } of manifests) await copyManifest(copying, digest)
  const bytes = changed(copying, source.bytes)
  const digest = computeDigest(bytes)
  renamed.set(source.digest, { digest, size: bytes.length })
  await to.client.putManifest(to.path, digest, bytes, source.mediaType)
  return { bytes, digest, mediaType: source.mediaType }
}

async function copyBlob(copying: Copying, blob: Blob): Promise<void> {
  const { from, to, renamed } = copying
  if (!blob.mediaType.endsWith('+json')) {
    const mount = from.client === to.client ? { mountFrom: from.path } : {}
    await to.client.putBlob(to.path, { blob, read: from.client.readBlob(from.path, blob), ...mount })
    return
  }
  const bytes = changed(copying, await from.client.getBlob(from.path, blob.digest))
  const copy = { digest: computeDigest(bytes), size: bytes.length }
  renamed.set(blob.digest, copy)
  await to.client.putBlob(to.path, { blob: copy, read: (offset) => only(bytes.subarray(offset)) })
}

function changed({ change, renamed }: Copying, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const before = textOf(bytes)
  let text = change(before)
  for (const [from, to] of renamed) text = text.replaceAll(hexOf(from), hexOf(to.digest))
  if (text === before) return bytes
  const sizes = new Map([...renamed.values()].map(({ digest, size }) => [digest, size]))
  const resized = (value: Partial<Blob> | null) => sizes.get(value?.digest ?? '')
  const document: unknown = JSON.parse(text, (_, value: Partial<Blob> | null) =>
    resized(value) === undefined ? value : { ...value, size: resized(value) },
  )
  return new Uint8Array(Buffer.from(JSON.stringify(document)))
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const hexOf = (digest: string): string => digest.slice(digest.indexOf(':') + 1)

async function* only(bytes: Uint8Array<ArrayBuffer>) {
  yield await Promise.resolve(bytes)
}
