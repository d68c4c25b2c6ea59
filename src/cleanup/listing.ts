import type { PackageBackend, PackageVersion } from '../packages/backend.ts'

/** What a list contained. */
interface Listing {
  /** The requested versions, by digest. */
  readonly found: ReadonlyMap<string, PackageVersion>
  /** Every other version that may be newer than the requested ones. */
  readonly others: readonly PackageVersion[]
  /** Whether the list still contained a version that was deleted. */
  readonly isStale: boolean
}

/**
 * Reads the list until it has returned every requested version, and every version that is newer. If the list is sorted
 * that takes one page, since a run's pushes are near the top; otherwise the whole list.
 */
export async function listVersions(
  backend: PackageBackend,
  requested: ReadonlySet<string>,
  deleted: ReadonlyMap<string, PackageVersion>,
): Promise<Listing> {
  const found = new Map<string, PackageVersion>()
  const others: PackageVersion[] = []
  let isStale = false
  let isSorted = true
  let last = Infinity
  const oldest = () => Math.min(...[...found.values(), ...deleted.values()].map(({ id }) => Number(id)))
  for await (const page of backend.list()) {
    for (const version of page) {
      const id = Number(version.id)
      isSorted &&= id < last
      last = id
      if (requested.has(version.digest)) found.set(version.digest, version)
      else if (deleted.get(version.digest)?.id === version.id) isStale = true
      else others.push(version)
    }
    if (isSorted && found.size === requested.size && last < oldest()) break
  }
  const limit = oldest()
  return { found, isStale, others: isSorted ? others.filter(({ id }) => !(Number(id) < limit)) : others }
}
