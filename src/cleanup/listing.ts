import type { PackageApi, Version } from '../packages/backend.ts'

/** What a list showed. */
interface Survey {
  /** By digest, what was looked for. */
  readonly found: ReadonlyMap<string, Version>
  /** Everything else that was seen and may be newer than what was looked for. */
  readonly others: readonly Version[]
  /** Digests that should not be there any more, and were shown. */
  readonly ghosts: readonly string[]
}

/**
 * Reads the list until it has shown all that is wanted, and everything that is newer. That takes one page where the
 * list is in order, since what a run pushed is near its top; the whole list where it is not.
 */
export async function survey(
  api: PackageApi,
  wanted: ReadonlySet<string>,
  gone: ReadonlyMap<string, Version>,
): Promise<Survey> {
  const found = new Map<string, Version>()
  const others: Version[] = []
  const ghosts: string[] = []
  let ordered = true
  let last = Infinity
  for await (const page of api.list()) {
    for (const version of page) {
      const id = Number(version.id)
      ordered &&= id < last
      last = id
      if (wanted.has(version.digest)) found.set(version.digest, version)
      else if (gone.get(version.digest)?.id === version.id) ghosts.push(version.digest)
      else others.push(version)
    }
    const oldest = Math.min(...[...found.values(), ...gone.values()].map(({ id }) => Number(id)))
    if (ordered && found.size === wanted.size && last < oldest) break
  }
  const oldest = Math.min(...[...found.values(), ...gone.values()].map(({ id }) => Number(id)))
  return { found, ghosts, others: ordered ? others.filter(({ id }) => !(Number(id) < oldest)) : others }
}
