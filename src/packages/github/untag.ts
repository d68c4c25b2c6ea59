import { randomUUID } from 'node:crypto'
import { nonceAnnotation } from '../../run/nonce.ts'
import { asRecord, tryParseJson } from '../../lib/json.ts'
import { digestOf } from '../../registry/digest.ts'
import { dockerList, dockerManifest, ociIndex, ociManifest } from '../../registry/media-type.ts'
import { Kept, type PackageApi, type Version } from '../backend.ts'
import type { Clock, ManifestStore } from '../repository.ts'

interface UntagOptions {
  readonly owner: string
  readonly name: string
  readonly registry: ManifestStore
  readonly mark: string
  readonly clock: Clock
  readonly list: PackageApi['list']
  readonly read: PackageApi['read']
  readonly remove: (version: Version) => Promise<void>
}

/** Lists may not show at once what was pushed. */
const waits = [0, 1000, 3000, 6000]

/**
 * GHCR has no way to take a tag off but to move it. So it is moved to a copy of the manifest that differs by our mark
 * alone, and the copy is deleted. A run that dies in between leaves a marked version under a temporary tag: a sweep
 * knows both.
 */
export async function untagByCopy(options: UntagOptions, { digest }: Version, tag: string): Promise<void> {
  const { registry, owner, name, mark, clock } = options
  const repository = `${owner}/${name}`.toLowerCase()
  const found = await registry.headManifest(repository, tag)
  if (found === undefined) return
  if (found !== digest) throw new Kept('it names another image by now, so it is left alone.')
  const original = await registry.getManifest(repository, digest)
  const copy = markedCopy(original.bytes, original.mediaType, `${mark}-${randomUUID()}`)
  const pushed = await registry.putManifest(repository, tag, copy.bytes, copy.mediaType)
  for (const wait of waits) {
    await clock.sleep(wait)
    const version = await find(options, pushed)
    const now = version && (await options.read(version))
    if (!now) continue
    if (now.tags.some((other) => other !== tag))
      throw new Kept(
        `its copy also bears ${now.tags.filter((other) => other !== tag).join(', ')}, so it is left alone.`,
      )
    await options.remove(now)
    return
  }
  throw new Kept('it was moved to an empty copy, which GitHub does not list yet. A later sweep deletes it.')
}

async function find({ list }: UntagOptions, digest: string): Promise<Version | undefined> {
  for await (const page of list()) {
    const version = page.find((one) => one.digest === digest)
    if (version) return version
  }
  return undefined
}

/** PURE: the same image under another digest. Only OCI's manifests have annotations, so Docker's become such. */
function markedCopy(
  bytes: Uint8Array,
  mediaType: string,
  mark: string,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly mediaType: string; readonly digest: string } {
  const document = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  const type = { [dockerList]: ociIndex, [dockerManifest]: ociManifest }[mediaType] ?? mediaType
  const annotations = { ...asRecord(document['annotations']), [nonceAnnotation]: mark }
  const copy = new TextEncoder().encode(JSON.stringify({ ...document, mediaType: type, annotations }))
  return { bytes: copy, mediaType: type, digest: digestOf(copy) }
}
