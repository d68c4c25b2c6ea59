import { NotDeletedError } from '../packages/backend.ts'
import { listTagNames, readManifests, resolveTags, type PackageRepository } from '../packages/repository.ts'

/** The tags of a repository at one moment. */
export interface TagSnapshot {
  readonly names: ReadonlySet<string>
  /** Of the tags that were resolved. */
  readonly digests: ReadonlyMap<string, string>
}

export const emptySnapshot: TagSnapshot = { names: new Set(), digests: new Map() }

/**
 * Resolves every tag in the registry, which is never stale. Each one costs a request, so of more than `limit` tags only
 * those are resolved that `before` did not contain.
 */
export async function snapshotTags(
  repository: PackageRepository,
  limit = Infinity,
  before = emptySnapshot,
): Promise<TagSnapshot> {
  const names = new Set(await listTagNames(repository.registry, repository.repository))
  const recent = before === emptySnapshot ? [] : [...names].filter((tag) => !before.names.has(tag))
  return { names, digests: await resolveTags(repository, names.size <= limit ? names : recent) }
}

/** The tags that point at the digest. */
export function tagsOn(snapshot: TagSnapshot, digest: string): string[] {
  return [...snapshot.digests].filter(([, target]) => target === digest).map(([tag]) => tag)
}

/** PURE: whether these tags are the last ones of the repository, without those of `deleted` manifests. */
export function hasLastTags(
  tags: readonly string[],
  { snapshot, deleted }: { readonly snapshot: TagSnapshot; readonly deleted: Pick<ReadonlySet<string>, 'has'> },
): boolean {
  const isLeaving = ([tag, digest]: readonly [string, string]) => tags.includes(tag) || deleted.has(digest)
  return tags.length > 0 && snapshot.digests.size > 0 && [...snapshot.digests].every(isLeaving)
}

/** Everything that the tags refer to, except those to `ignore`. */
export async function neededByTags(
  repository: PackageRepository,
  snapshot: TagSnapshot,
  ignore: (tag: string) => boolean = () => false,
): Promise<Set<string>> {
  const roots = [...snapshot.digests].filter(([tag]) => !ignore(tag)).map(([, digest]) => digest)
  return await neededBy(repository, roots)
}

/** Levels of indexes; real images have two. Each level costs a round trip. */
const maxDepth = 32

/**
 * Everything below the roots: an index may refer to another index, and so on. Each manifest is read once, even
 * if many indexes refer to it. @throws NotDeletedError if indexes are nested too deep
 */
export async function neededBy(repository: PackageRepository, roots: Iterable<string>): Promise<Set<string>> {
  const needed = new Set<string>()
  let level = [...new Set(roots)]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth)
      throw new NotDeletedError(
        `${level[0] ?? ''} is more than ${maxDepth} index levels deep, so the manifests that tags need are unknown.`,
      )
    const manifests = await readManifests(repository, level)
    const refs = new Set([...manifests.values()].flatMap((manifest) => manifest.refs))
    level = [...refs].filter((digest) => !needed.has(digest))
    level.forEach((digest) => needed.add(digest))
  }
  return needed
}

/** Why untagged manifests stay in a registry that needs a request per tag. */
export const tooManyTags = (count: number): string =>
  `the repository has ${count} tags, which are too many to check whether one of them needs it. ` +
  'The garbage collection of the registry deletes untagged manifests.'
