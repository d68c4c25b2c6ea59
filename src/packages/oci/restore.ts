import { asList, asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { RegistryError, type Manifest, type RegistryClient } from '../../registry/client.ts'

/** What was deleted a while ago, so that it can be put back as long as the registry still has its layers. */
export interface Undo {
  remember(manifest: Manifest, tags: readonly string[]): void
  /** False where it was not remembered, or where the registry does not take it any more. */
  restore(digest: string): Promise<boolean>
}

interface Removed {
  readonly manifest: Manifest
  readonly tags: readonly string[]
}

/** In bytes: thousands of manifests, so that a sweep of any length stays small. */
const mostKept = 16 * 1024 * 1024

export function openUndo(client: RegistryClient, repository: string, most = mostKept): Undo {
  const removed = new Map<string, Removed>()
  let size = 0
  const forget = (digest: string): void => {
    size -= removed.get(digest)?.manifest.bytes.length ?? 0
    removed.delete(digest)
  }
  const putBack = async (digest: string): Promise<boolean> => {
    const found = removed.get(digest)
    if (!found) return false
    // No registry takes an index before what it refers to.
    for (const child of childrenOf(found.manifest)) await putBack(child)
    await put(client, repository, found)
    forget(digest)
    return true
  }
  return {
    remember: (manifest, tags) => {
      forget(manifest.digest)
      removed.set(manifest.digest, { manifest, tags })
      size += manifest.bytes.length
      for (const [oldest] of removed) {
        if (size <= most) break
        forget(oldest)
      }
    },
    restore: async (digest) => {
      try {
        return await putBack(digest)
      } catch (error) {
        if (error instanceof RegistryError) return false
        throw error
      }
    },
  }
}

async function put(client: RegistryClient, repository: string, { manifest, tags }: Removed): Promise<void> {
  const { digest, bytes, mediaType } = manifest
  await client.putManifest(repository, digest, bytes, mediaType)
  for (const tag of tags) {
    // Somebody may have moved it to something else by now.
    if ((await client.headManifest(repository, tag)) === undefined)
      await client.putManifest(repository, tag, bytes, mediaType)
  }
}

function childrenOf({ bytes }: Manifest): string[] {
  const document = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  return asList(document['manifests']).map((entry) => asText(asRecord(entry)['digest']))
}
