import { randomUUID } from 'node:crypto'
import { asRecord, tryParseJson } from '../../lib/json.ts'
import { computeDigest, dockerList, dockerManifest, ociIndex, ociManifest } from '../../registry/manifest.ts'
import { NotDeletedError, type Clock, type PackageBackend, type PackageVersion } from '../backend.ts'
import { movedTag, type ManifestStore } from '../repository.ts'
import { ownershipAnnotation } from '../../run/names.ts'

interface UntagOptions {
  readonly owner: string
  readonly name: string
  readonly registry: ManifestStore
  readonly mark: string
  readonly clock: Clock
  readonly list: PackageBackend['list']
  readonly read: PackageBackend['read']
  readonly remove: (version: PackageVersion) => Promise<void>
}

const movedToCopy =
  'GitHub deletes a tag only together with its image, so the action moved the tag to a copy of the image.'

/** Milliseconds: a list may not contain at once what was just pushed. */
const waits = [0, 1000, 3000, 6000]

/**
 * GHCR cannot remove a tag, only move it. So the tag is moved to a copy of the manifest that differs by our ownership
 * annotation alone, and the copy is deleted. A run that is killed in between leaves an annotated version under a
 * temporary tag, which a later cleanup recognises.
 */
export async function untagByCopy(options: UntagOptions, { digest }: PackageVersion, tag: string): Promise<void> {
  const { registry, owner, name, mark, clock } = options
  const repository = `${owner}/${name}`.toLowerCase()
  const current = await registry.headManifest(repository, tag)
  if (current === undefined) return
  if (current !== digest) throw new NotDeletedError(movedTag)
  const original = await registry.getManifest(repository, digest)
  const copy = annotatedCopy(original.bytes, original.mediaType, `${mark}-${randomUUID()}`)
  const pushed = await registry.putManifest(repository, tag, copy.bytes, copy.mediaType)
  for (const wait of waits) {
    await clock.sleep(wait)
    const version = await find(options, pushed)
    const now = version && (await options.read(version))
    if (!now) continue
    const others = now.tags.filter((other) => other !== tag)
    if (others.length > 0)
      throw new NotDeletedError(
        `${movedToCopy} Another client tagged this copy ${others.join(', ')}, so the copy and its tags stay.`,
      )
    await options.remove(now)
    return
  }
  throw new NotDeletedError(
    `${movedToCopy} GitHub does not list the copy yet. A later cleanup deletes the copy with the tag.`,
  )
}

async function find({ list }: UntagOptions, digest: string): Promise<PackageVersion | undefined> {
  for await (const page of list()) {
    const version = page.find((one) => one.digest === digest)
    if (version) return version
  }
  return undefined
}

/** PURE: the same image with another digest. Only OCI manifests have annotations, so Docker manifests are converted. */
function annotatedCopy(
  bytes: Uint8Array,
  mediaType: string,
  mark: string,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly mediaType: string; readonly digest: string } {
  const document = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  const type = { [dockerList]: ociIndex, [dockerManifest]: ociManifest }[mediaType] ?? mediaType
  const annotations = { ...asRecord(document['annotations']), [ownershipAnnotation]: mark }
  const copy = new TextEncoder().encode(JSON.stringify({ ...document, mediaType: type, annotations }))
  return { bytes: copy, mediaType: type, digest: computeDigest(copy) }
}
