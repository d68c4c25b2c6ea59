import type { Manifest } from '../../registry/manifest.ts'
import { RegistryError } from '../../registry/error.ts'
import { type RegistryClient } from '../../registry/client.ts'
import { parseChildren } from '../manifest-info.ts'

/** What was deleted a short while ago, to be pushed again as long as the registry still has its layers. */
export interface RestoreCache {
  record(manifest: Manifest, tags: readonly string[]): void
  /** False if it was not recorded, or if the registry rejects it. */
  restore(digest: string): Promise<boolean>
}

interface Deleted {
  readonly manifest: Manifest
  readonly tags: readonly string[]
}

/** In bytes: thousands of manifests, so that a cleanup of any length stays small. */
const maxSize = 16 * 1024 * 1024

export function createRestoreCache(client: RegistryClient, repository: string, limit = maxSize): RestoreCache {
  const deleted = new Map<string, Deleted>()
  let size = 0
  const evict = (digest: string): void => {
    size -= deleted.get(digest)?.manifest.bytes.length ?? 0
    deleted.delete(digest)
  }
  const pushAgain = async (digest: string): Promise<boolean> => {
    const entry = deleted.get(digest)
    if (!entry) return false
    // A registry rejects an index whose children do not exist.
    for (const child of parseChildren(entry.manifest.bytes)) await pushAgain(child)
    await push(client, repository, entry)
    evict(digest)
    return true
  }
  return {
    record: (manifest, tags) => {
      evict(manifest.digest)
      deleted.set(manifest.digest, { manifest, tags })
      size += manifest.bytes.length
      for (const [oldest] of deleted) {
        if (size <= limit) break
        evict(oldest)
      }
    },
    restore: async (digest) => {
      try {
        return await pushAgain(digest)
      } catch (error) {
        if (error instanceof RegistryError) return false
        throw error
      }
    },
  }
}

async function push(client: RegistryClient, repository: string, { manifest, tags }: Deleted): Promise<void> {
  const { digest, bytes, mediaType } = manifest
  await client.putManifest(repository, digest, bytes, mediaType)
  for (const tag of tags) {
    // Another client may have moved the tag to something else.
    if ((await client.headManifest(repository, tag)) === undefined)
      await client.putManifest(repository, tag, bytes, mediaType)
  }
}
