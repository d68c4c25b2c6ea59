import { mapConcurrent } from '../../lib/concurrency.ts'
import type { RegistryClient } from '../../registry/client.ts'
import { listTagNames } from '../repository.ts'

/** Which tags point at which digest, for registries that cannot look up the tags of a digest. */
export interface TagIndex {
  /** All current tags of the digest. */
  tagsOf(digest: string): Promise<readonly string[]>
  /** Every tag with its digest, in pages. */
  entries(): AsyncIterable<readonly TagEntry[]>
}

interface TagEntry {
  readonly tag: string
  readonly digest: string
}

interface TagSnapshot {
  readonly digests: ReadonlyMap<string, string>
  readonly validUntil: number
}

/**
 * Milliseconds that a snapshot is valid at least: an index, its children and its per-platform indexes are deleted right
 * after each other.
 */
const minValidity = 2000
const pageSize = 100

/**
 * The only exact way is to resolve every tag, one request each. So a snapshot is reused for as long as it took to make
 * (at least 2 s): for its first tags it cannot be fresher than that. In between, the list of tags is read again, and
 * tags that are new or that point at the digest are resolved once more.
 */
export function createTagIndex(client: RegistryClient, repository: string, now: () => number = Date.now): TagIndex {
  let snapshot: Promise<TagSnapshot> | undefined

  const resolve = (tags: readonly string[]): Promise<TagEntry[]> => resolveTags(client, repository, tags)
  const snapshotTags = async (tags: readonly string[]): Promise<TagSnapshot> => {
    const began = now()
    const digests = new Map((await resolve(tags)).map(({ tag, digest }) => [tag, digest]))
    const ended = now()
    return { digests, validUntil: ended + Math.max(minValidity, ended - began) }
  }
  const currentSnapshot = async (tags: readonly string[]): Promise<TagSnapshot> => {
    const before = snapshot
    const last = before && (await before)
    if (last && now() < last.validUntil) return last
    if (snapshot && snapshot !== before) return snapshot
    const fresh = snapshotTags(tags)
    snapshot = fresh
    fresh.catch(() => {
      if (snapshot === fresh) snapshot = undefined
    })
    return fresh
  }

  return {
    tagsOf: async (digest) => {
      const tags = await listTagNames(client, repository)
      const { digests } = await currentSnapshot(tags)
      const candidates = tags.filter((tag) => !digests.has(tag) || digests.get(tag) === digest)
      return (await resolve(candidates)).filter((entry) => entry.digest === digest).map(({ tag }) => tag)
    },
    entries: async function* () {
      const tags = await listTagNames(client, repository)
      for (let at = 0; at < tags.length; at += pageSize) yield await resolve(tags.slice(at, at + pageSize))
    },
  }
}

async function resolveTags(client: RegistryClient, repository: string, tags: readonly string[]): Promise<TagEntry[]> {
  const digests = await mapConcurrent(tags, (tag) => client.headManifest(repository, tag))
  return tags.flatMap((tag, at) => {
    const digest = digests[at]
    return digest === undefined ? [] : [{ tag, digest }]
  })
}
