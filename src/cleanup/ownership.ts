import type { Version } from '../packages/backend.ts'
import type { Facts } from '../packages/manifest-info.ts'

/** What the journal of a run says of one repository. */
export interface Own {
  /** Tags to delete, with the index that the run gave them. */
  readonly tags: readonly { readonly tag: string; readonly digest: string }[]
  /** What the nodes pushed by digest. */
  readonly manifests: readonly string[]
  /** The run's mark. */
  readonly nonce: string
}

/** What of it may be deleted, in this order. */
export interface Family {
  readonly indexes: readonly OwnIndex[]
  /** Images and attestations that only this run's indexes may refer to. */
  readonly children: readonly string[]
  /** Per-platform indexes: nothing needs them, and they tell whose the children are, so they go last. */
  readonly intermediates: readonly string[]
}

export interface OwnIndex {
  readonly digest: string
  readonly tags: readonly string[]
  /** Whether it bears the run's mark; without it, another run may have pushed the very same. */
  readonly marked: boolean
}

/** PURE: what is provably the run's own, by its mark and its journal. */
export function claimFamily(own: Own, facts: ReadonlyMap<string, Facts>): Family {
  const isMarked = (digest: string): boolean => facts.get(digest)?.nonce === own.nonce
  const tagged = [...new Set(own.tags.map(({ digest }) => digest))]
  const indexes = tagged
    .filter((digest) => facts.has(digest))
    .map((digest) => ({
      digest,
      marked: isMarked(digest),
      tags: own.tags.filter((one) => one.digest === digest).map(({ tag }) => tag),
    }))
  const intermediates = own.manifests.filter(
    (digest) => facts.get(digest)?.kind === 'index' && isMarked(digest) && !tagged.includes(digest),
  )
  const parents = [...indexes.filter(({ marked }) => marked).map(({ digest }) => digest), ...intermediates]
  return { indexes, intermediates: [...new Set(intermediates)], children: childrenOf(parents, facts, isMarked) }
}

/** An attestation bears no mark, but is about one image: ours, or gone by now. */
function childrenOf(
  parents: readonly string[],
  facts: ReadonlyMap<string, Facts>,
  isMarked: (digest: string) => boolean,
): string[] {
  const children = parents.flatMap((parent) => {
    const index = facts.get(parent)
    const isAboutOurs = (image: string | undefined) => image !== undefined && (isMarked(image) || !facts.has(image))
    return (index?.refs ?? []).filter(
      (child) => facts.has(child) && (isMarked(child) || isAboutOurs(index?.attests.get(child))),
    )
  })
  return [...new Set(children)].filter((child) => !parents.includes(child))
}

/** PURE: the digests of all `roots`, and of whatever they need, as far as it is known. */
export function closure(roots: Iterable<string>, facts: ReadonlyMap<string, Facts>): Set<string> {
  const needed = new Set<string>()
  const visit = (digest: string): void => {
    if (needed.has(digest)) return
    needed.add(digest)
    facts.get(digest)?.refs.forEach(visit)
  }
  for (const root of roots) visit(root)
  return needed
}

type Verdict =
  | { readonly act: 'remove' }
  /** It stays for others; the tags that are ours go. */
  | { readonly act: 'untag'; readonly reason: string }
  | { readonly act: 'keep'; readonly reason: string }
  | { readonly act: 'gone' }

interface Evidence {
  readonly digest: string
  /** Tags that may go with it. */
  readonly ours: readonly string[]
  /** As just read; undefined where it is gone. */
  readonly now: Version | undefined
  /** Tags that the registry says name it. */
  readonly named: readonly string[]
  /** Whether something that stays refers to it. */
  readonly needed: Pick<ReadonlySet<string>, 'has'>
}

/** PURE: what becomes of one version. */
export function judge({ digest, ours, now, named, needed }: Evidence): Verdict {
  if (!now) return { act: 'gone' }
  if (now.digest !== digest) return { act: 'keep', reason: 'it is another version by now.' }
  const others = [...new Set([...now.tags, ...named])].filter((tag) => !ours.includes(tag))
  if (others.length > 0) {
    const reason = `it also bears the tag ${others.join(', ')}, so the image stays.`
    return ours.length > 0 && now.tags.some((tag) => ours.includes(tag))
      ? { act: 'untag', reason }
      : { act: 'keep', reason }
  }
  if (needed.has(digest)) return { act: 'keep', reason: 'another image refers to it by now, so it stays.' }
  return { act: 'remove' }
}
