import { mapConcurrent } from '../lib/concurrency.ts'
import type { PackageVersion } from '../packages/backend.ts'
import { exists, readManifests, resolveTags, type PackageRepository } from '../packages/repository.ts'
import type { Inventory } from './inventory.ts'
import type { Audit } from './report.ts'
import { neededBy, type TagSnapshot } from './snapshot.ts'

/**
 * Checks every tag with everything below it. A tag that is deleted meanwhile is not reported: every client that deletes
 * an image deletes its index first, so a tag that still points at the index afterwards is incomplete.
 */
export async function auditTags(
  repository: PackageRepository,
  { digests }: Pick<TagSnapshot, 'digests'>,
): Promise<Audit> {
  const cache = new Map<string, Promise<boolean>>()
  const isThere = (digest: string): Promise<boolean> => {
    const answer = cache.get(digest) ?? exists(repository, digest)
    cache.set(digest, answer)
    return answer
  }
  const checked = await mapConcurrent([...digests], async ([tag, digest]) => {
    const all = [...new Set([digest, ...(await neededBy(repository, [digest]))])]
    const found = await Promise.all(all.map(isThere))
    return { tag, missing: all.filter((_, at) => !found[at]) }
  })
  const incomplete = checked.filter(({ missing }) => missing.length > 0)
  const now = await resolveTags(
    repository,
    incomplete.map(({ tag }) => tag),
  )
  return { tags: digests.size, broken: incomplete.filter(({ tag }) => now.get(tag) === digests.get(tag)) }
}

/**
 * Of the missing digests, the versions that can be restored: deleted by this cleanup, or by one that was killed. Of the
 * latter only those of a run, since a person may have deleted the rest on purpose.
 */
export async function findRestorable(
  repository: PackageRepository,
  inventory: Inventory,
  missing: ReadonlySet<string>,
): Promise<ReadonlyMap<string, PackageVersion>> {
  const found = new Map([...inventory.deleted].filter(([digest]) => missing.has(digest)))
  const rest = [...missing].filter((digest) => !found.has(digest))
  const listDeleted = repository.backend.listDeleted?.bind(repository.backend)
  const owned = rest.length > 0 && listDeleted ? await findOwned(repository, inventory) : new Set<string>()
  const wanted = new Set(rest.filter((digest) => owned.has(digest)))
  if (wanted.size === 0 || !listDeleted) return found
  for await (const page of listDeleted())
    for (const version of page) if (wanted.has(version.digest)) found.set(version.digest, version)
  return found
}

/** What indexes refer to that have the annotation of a run, or that refer to something which has. */
async function findOwned(repository: PackageRepository, inventory: Inventory): Promise<ReadonlySet<string>> {
  const tagged = await readManifests(repository, inventory.snapshot.digests.values())
  const isOwner = (digest: string) => inventory.isAnnotated(digest)
  const owners = [...inventory.manifests.values(), ...tagged.values()].filter(
    ({ digest, refs }) => isOwner(digest) || refs.some(isOwner),
  )
  return new Set(owners.flatMap(({ refs }) => refs))
}
