import { readAll, resolveTags, tagNames, type Place } from '../packages/repository.ts'

/** What the registry's tags name. */
export interface Look {
  readonly names: ReadonlySet<string>
  /** Of the tags that were asked for. */
  readonly digests: ReadonlyMap<string, string>
}

/** Nobody has looked yet. */
export const noLook: Look = { names: new Set(), digests: new Map() }

/**
 * Asks the registry for every tag, as it never is stale. Each costs a request, so of more than `most` tags only those
 * are asked for that `before` did not have.
 */
export async function lookAround(place: Place, most: number, before: Look = noLook): Promise<Look> {
  const names = new Set(await tagNames(place))
  const few = names.size <= most
  const asked = few ? names : before === noLook ? [] : [...names].filter((tag) => !before.names.has(tag))
  return { names, digests: await resolveTags(place, asked) }
}

export function tagsOn(look: Look, digest: string): string[] {
  return [...look.digests].filter(([, named]) => named === digest).map(([tag]) => tag)
}

/** Everything that tags other than `ours` need, as far as one level of them is known. */
export async function neededByTags(place: Place, look: Look, ours: (tag: string) => boolean): Promise<Set<string>> {
  const roots = [...look.digests].filter(([tag]) => !ours(tag)).map(([, digest]) => digest)
  return await neededBy(place, roots)
}

/** What these need; an index may name another index, and so on. */
export async function neededBy(place: Place, roots: readonly string[]): Promise<Set<string>> {
  const needed = new Set<string>()
  let next = [...new Set(roots)]
  while (next.length > 0) {
    const facts = await readAll(place, next)
    next = [...new Set([...facts.values()].flatMap(({ refs }) => refs))].filter((digest) => !needed.has(digest))
    next.forEach((digest) => needed.add(digest))
  }
  return needed
}
