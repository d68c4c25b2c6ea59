import { closure } from './ownership.ts'
import type { Facts } from '../packages/manifest-info.ts'

/** One manifest with all that is known of it. */
export interface Item {
  readonly id: string
  readonly digest: string
  /** Of the lists and of the registry. */
  readonly tags: readonly string[]
  /** Two lists showed it. */
  readonly confirmed: boolean
}

interface PlanInput {
  readonly items: ReadonlyMap<string, Item>
  readonly facts: ReadonlyMap<string, Facts>
  readonly isDoomedTag: (tag: string, digest: string) => boolean
  readonly isDeadMark: (nonce: string | undefined) => boolean
  /** Children of temporary images that are gone already. */
  readonly claimed: ReadonlySet<string>
  /** What was decided to stay. */
  readonly spared: ReadonlySet<string>
  readonly orphans: ReadonlySet<string>
  readonly untagged: boolean
  readonly caches: boolean
}

export interface Plan {
  /** Tags that share their image with others. */
  readonly untag: readonly { readonly digest: string; readonly tag: string }[]
  /** Images under temporary tags only; then what is under them; then what told whose that was. */
  readonly first: readonly string[]
  readonly then: readonly string[]
  readonly last: readonly string[]
  readonly needed: ReadonlySet<string>
  readonly why: ReadonlyMap<string, string>
  readonly kept: readonly { readonly subject: string; readonly reason: string }[]
}

/** PURE: what of a repository is temporary, dead and needed by nothing that stays. */
export function planSweep(input: PlanInput): Plan {
  const { items, facts, spared } = input
  const why = reasons(input)
  // What only one list showed stays for now, and so does all that it needs.
  const candidates = [...why.keys()].filter((digest) => !spared.has(digest) && items.get(digest)?.confirmed)
  const isCandidate = new Set(candidates)
  const needed = neededBelow(
    [...items.keys()].filter((digest) => !isCandidate.has(digest)),
    facts,
  )
  const going = candidates.filter((digest) => !needed.has(digest))
  const tagged = (digest: string) => (items.get(digest)?.tags.length ?? 0) > 0
  const below = new Set(going.flatMap((digest) => facts.get(digest)?.refs ?? []))
  const isLast = (digest: string) => facts.get(digest)?.kind === 'index' && !below.has(digest)
  const first = going.filter(tagged)
  const rest = going.filter((digest) => !tagged(digest))
  const then = rest.filter((digest) => !isLast(digest))
  const leaving = new Set([...first, ...then])
  const last = rest.filter((digest) => isLast(digest) && !tellsOfMore(digest, input, leaving))
  const kept = candidates
    .filter((digest) => needed.has(digest))
    .map((subject) => ({ subject, reason: 'an image that stays refers to it.' }))
  return { untag: mixedTags(input, isCandidate), first, then, last, needed, why, kept }
}

/** While an attestation of ours stays, only the index of its platform tells whose it is. */
function tellsOfMore(index: string, { items, facts }: PlanInput, leaving: ReadonlySet<string>): boolean {
  const attests = facts.get(index)?.attests ?? new Map<string, string>()
  return [...attests.keys()].some(
    (child) =>
      items.has(child) &&
      !leaving.has(child) &&
      (facts.get(attests.get(child) ?? '')?.nonce !== undefined || !items.has(attests.get(child) ?? '')),
  )
}

function neededBelow(roots: readonly string[], facts: ReadonlyMap<string, Facts>): Set<string> {
  return closure(
    roots.flatMap((root) => facts.get(root)?.refs ?? []),
    facts,
  )
}

/** Everything that could go if nothing needed it, and why. */
function reasons(input: PlanInput): Map<string, string> {
  const { items, facts, isDoomedTag, claimed, orphans, untagged, caches } = input
  const why = new Map<string, string>()
  for (const { digest, tags } of items.values()) {
    const doomed = tags.filter((tag) => isDoomedTag(tag, digest))
    const enough = doomed.length === tags.length && !isAnothers(digest, input)
    if (tags.length > 0 && enough) why.set(digest, `its run is over: ${tags.join(', ')}`)
  }
  const under = new Set([...claimed, ...[...why.keys()].flatMap((digest) => facts.get(digest)?.refs ?? [])])
  const marked = untagged || claimed.size > 0 || why.size > 0 ? ownAttestations(input) : new Set<string>()
  for (const { digest, tags } of items.values()) {
    const kind = facts.get(digest)?.kind
    if (tags.length > 0 || why.has(digest) || isAnothers(digest, input)) continue
    if (under.has(digest)) why.set(digest, 'only a temporary image referred to it')
    else if (!untagged) continue
    else if (isOurs(digest, input)) why.set(digest, 'its run is over, and nothing refers to it')
    else if (marked.has(digest) || orphans.has(digest)) why.set(digest, 'the image that it is about is gone, or goes')
    else if (caches && kind === 'cache') why.set(digest, 'a later push of the cache replaced it')
  }
  return why
}

/** It bears the mark of a run that may be alive. */
function isAnothers(digest: string, { facts, isDeadMark }: PlanInput): boolean {
  const nonce = facts.get(digest)?.nonce
  return nonce !== undefined && !isDeadMark(nonce)
}

function isOurs(digest: string, { facts, isDeadMark }: PlanInput): boolean {
  const found = facts.get(digest)
  return found !== undefined && isDeadMark(found.nonce)
}

/** Named by an index of ours as being about an image of ours, or about one that is gone. */
function ownAttestations(input: PlanInput): Set<string> {
  const { items, facts, claimed } = input
  const found = new Set<string>()
  for (const { digest } of items.values()) {
    if (!isOurs(digest, input)) continue
    for (const [child, image] of facts.get(digest)?.attests ?? [])
      if (!items.has(image) || claimed.has(image) || isOurs(image, input)) found.add(child)
  }
  return found
}

function mixedTags({ items, isDoomedTag, spared }: PlanInput, candidates: ReadonlySet<string>): Plan['untag'] {
  return [...items.values()]
    .filter(({ digest }) => !candidates.has(digest) && !spared.has(digest))
    .flatMap(({ digest, tags }) =>
      tags
        .filter((tag) => isDoomedTag(tag, digest) && tags.some((other) => !isDoomedTag(other, digest)))
        .map((tag) => ({ digest, tag })),
    )
}
