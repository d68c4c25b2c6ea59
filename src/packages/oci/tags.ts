import { RegistryError, type RegistryClient } from '../../registry/client.ts'
import { severalAtOnce } from '../../lib/concurrency.ts'

/** Which tags name what, asked of a registry that has no look-up from a digest to its tags. */
export interface TagBook {
  /** All tags on the digest as it is now. */
  tagsOf(digest: string): Promise<readonly string[]>
  /** Every tag with its digest, some at a time. */
  entries(): AsyncIterable<readonly TagEntry[]>
}

interface TagEntry {
  readonly tag: string
  readonly digest: string
}

interface Look {
  readonly digests: ReadonlyMap<string, string>
  readonly goodUntil: number
}

/**
 * How long one look at all tags serves at least: an index, its children and its intermediates go right after each
 * other.
 */
const shortest = 2000
const chunk = 100

/**
 * The only exact way is to ask for every tag's digest, one request each. So one look serves the deletions right after
 * it, for as long as it took itself: it could not have been fresher for the last tag than it was for the first. In
 * between, the list is read again, tags that are new are asked for, and those that bear the digest once more.
 */
export function openTagBook(client: RegistryClient, repository: string, now: () => number = Date.now): TagBook {
  let look: Promise<Look> | undefined

  const digestsOf = (tags: readonly string[]): Promise<TagEntry[]> => askDigests(client, repository, tags)
  const lookAtAll = async (tags: readonly string[]): Promise<Look> => {
    const began = now()
    const digests = new Map((await digestsOf(tags)).map(({ tag, digest }) => [tag, digest]))
    const ended = now()
    return { digests, goodUntil: ended + Math.max(shortest, ended - began) }
  }
  const recentLook = async (tags: readonly string[]): Promise<Look> => {
    const kept = look
    const known = kept && (await kept)
    if (known && now() < known.goodUntil) return known
    if (look && look !== kept) return look
    const fresh = lookAtAll(tags)
    look = fresh
    fresh.catch(() => {
      if (look === fresh) look = undefined
    })
    return fresh
  }

  return {
    tagsOf: async (digest) => {
      const tags = await listTags(client, repository)
      const { digests } = await recentLook(tags)
      const asked = await digestsOf(tags.filter((tag) => !digests.has(tag) || digests.get(tag) === digest))
      return asked.filter((entry) => entry.digest === digest).map(({ tag }) => tag)
    },
    entries: async function* () {
      const tags = await listTags(client, repository)
      for (let at = 0; at < tags.length; at += chunk) yield await digestsOf(tags.slice(at, at + chunk))
    },
  }
}

async function askDigests(client: RegistryClient, repository: string, tags: readonly string[]): Promise<TagEntry[]> {
  const digests = await severalAtOnce(tags, (tag) => client.headManifest(repository, tag))
  return tags.flatMap((tag, at) => {
    const digest = digests[at]
    return digest === undefined ? [] : [{ tag, digest }]
  })
}

/** A repository without any tag is unknown to some registries. */
async function listTags(client: RegistryClient, repository: string): Promise<readonly string[]> {
  try {
    return await client.listTags(repository)
  } catch (error) {
    if (error instanceof RegistryError && error.kind === 'not-found') return []
    throw error
  }
}
