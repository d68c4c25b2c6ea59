import type { ManifestInfo } from '../packages/manifest-info.ts'
import { closure } from './ownership.ts'
import { referrerSubject, type Referrer } from './referrers.ts'
import { runReason, type Selection } from './selection.ts'
import { cacheOfHistory } from '../run/names.ts'

/** One manifest with its state. */
export interface Item {
  readonly id: string
  readonly digest: string
  /** In the lists and in the registry. */
  readonly tags: readonly string[]
  readonly createdAt?: number
  /** Enough lists contained it. */
  readonly confirmed: boolean
}

/** What may claim an image without annotation by its tag, as `claimOf` in selection.ts gives it. */
type Claims = ReadonlySet<string>

interface PlanInput {
  readonly items: ReadonlyMap<string, Item>
  readonly manifests: ReadonlyMap<string, ManifestInfo>
  readonly isExpiredTag: (tag: string, digest: string) => boolean
  /** Whether the manifest belongs to a finished run by its annotations. */
  readonly isExpiredManifest: (digest: string) => boolean
  /** What temporary images that were deleted referred to, with the claims of their tags. */
  readonly childrenOfDeleted: ReadonlyMap<string, Claims>
  /** Whether a manifest without ownership annotation is content that these claim. */
  readonly isUnmarkedContent: (digest: string, claims: Claims) => boolean
  readonly selection: Pick<Selection, 'claimOf' | 'claimsAttestations' | 'reason' | 'runReason'>
  /** Attestations that describe the image by their own content: attestation → image. */
  readonly attestations: ReadonlyMap<string, string>
  readonly referrers: readonly Referrer[]
  /** Digests that stay, by an earlier decision. */
  readonly excluded: ReadonlySet<string>
  readonly orphans: ReadonlySet<string>
  readonly untagged: boolean
  readonly caches: boolean
}

export interface Plan {
  /** Temporary tags on images that stay. */
  readonly untag: readonly { readonly digest: string; readonly tag: string }[]
  /** Images with temporary tags only; then what is below them; then the last proofs of ownership. */
  readonly tagged: readonly string[]
  readonly below: readonly string[]
  readonly proofs: readonly string[]
  /** Image → its signatures and other referrers, which are deleted right before it. */
  readonly referrers: ReadonlyMap<string, readonly string[]>
  readonly needed: ReadonlySet<string>
  readonly reasons: ReadonlyMap<string, string>
  readonly kept: readonly { readonly subject: string; readonly reason: string }[]
}

/** PURE: what in a repository is temporary, of a finished run, and not referred to by anything that stays. */
export function planCleanup(input: PlanInput): Plan {
  const { items, manifests, excluded } = input
  const reasons = findReasons(input)
  // A manifest that only one list contained stays for now, and so does everything that it needs.
  const candidates = [...reasons.keys()].filter((digest) => !excluded.has(digest) && items.get(digest)?.confirmed)
  const isCandidate = new Set(candidates)
  const staying = [...items.keys()].filter((digest) => !isCandidate.has(digest))
  const neededByAll = closure(refsOf(staying, manifests), manifests)
  const deletable = candidates.filter((digest) => !neededByAll.has(digest))
  const { referrers, needed } = planReferrers(input, deletable, { staying, neededByAll })
  const isReferrer = new Set([...referrers.values()].flat())
  for (const digest of isReferrer) reasons.set(digest, 'it belongs to a deleted image')
  const isTagged = (digest: string) => (items.get(digest)?.tags.length ?? 0) > 0
  const children = new Set(refsOf(deletable, manifests))
  const isTopIndex = (digest: string) => manifests.get(digest)?.kind === 'index' && !children.has(digest)
  const tagged = deletable.filter(isTagged)
  const untagged = deletable.filter((digest) => !isTagged(digest))
  const below = untagged.filter((digest) => !isTopIndex(digest))
  const leaving = new Set([...tagged, ...below])
  return {
    untag: findTagsToRemove(input, isCandidate),
    tagged,
    below,
    proofs: untagged.filter((digest) => isTopIndex(digest) && !isStillProof(digest, input, leaving)),
    referrers,
    needed,
    reasons,
    kept: candidates
      .filter((digest) => needed.has(digest))
      .map((subject) => ({ subject, reason: 'an image that is kept refers to it.' })),
  }
}

/** The referrers of what is deleted, unless something else needs them; and what is needed without them. */
function planReferrers(
  input: PlanInput,
  deletable: readonly string[],
  { staying, neededByAll }: { readonly staying: readonly string[]; readonly neededByAll: ReadonlySet<string> },
): { readonly referrers: Plan['referrers']; readonly needed: ReadonlySet<string> } {
  const { items, manifests, excluded } = input
  const isDeletable = new Set(deletable)
  const mayLeave = ({ digest, subject }: Referrer) => {
    const item = items.get(digest)
    const isOnlyReferrer = item?.tags.every((tag) => referrerSubject(tag) === subject)
    return item?.confirmed && isOnlyReferrer && !isDeletable.has(digest) && !excluded.has(digest)
  }
  const candidates = input.referrers.filter((referrer) => mayLeave(referrer) && !isOfActiveRun(referrer.digest, input))
  // A set iterates over what is added meanwhile: a referrer may have referrers of its own, which are deleted first.
  const images = new Set(deletable)
  for (const image of images) for (const { digest, subject } of candidates) if (subject === image) images.add(digest)
  const leaving = candidates.filter(({ subject }) => images.has(subject))
  if (leaving.length === 0) return { referrers: new Map(), needed: neededByAll }
  const isLeaving = new Set(leaving.map(({ digest }) => digest))
  const rest = staying.filter((digest) => !isLeaving.has(digest))
  const needed = closure(refsOf(rest, manifests), manifests)
  const referrers = new Map<string, string[]>()
  for (const { digest, subject } of leaving)
    if (!needed.has(digest)) referrers.set(subject, [...(referrers.get(subject) ?? []), digest])
  return { referrers, needed }
}

export function isEmptyPlan({ tagged, below, proofs, untag }: Plan): boolean {
  return tagged.length + below.length + proofs.length + untag.length === 0
}

const refsOf = (digests: Iterable<string>, manifests: PlanInput['manifests']): string[] =>
  [...digests].flatMap((digest) => manifests.get(digest)?.refs ?? [])

/** While an attestation of a run stays, only the index of its platform proves whose it is. */
function isStillProof(index: string, { items, manifests }: PlanInput, leaving: ReadonlySet<string>): boolean {
  return [...(manifests.get(index)?.attests ?? [])].some(([child, image]) => {
    const stays = items.has(child) && !leaving.has(child)
    return stays && (manifests.get(image)?.runAnnotation !== undefined || !items.has(image))
  })
}

/** Everything that can be deleted if nothing needs it, with the reason. */
function findReasons(input: PlanInput): Map<string, string> {
  const { items, untagged } = input
  const reasons = expiredTagged(input)
  const claims = claimedChildren(input, reasons.keys())
  const attestations = untagged || claims.size > 0 ? ownedAttestations(input) : new Set<string>()
  for (const digest of lonelyHistories(input)) reasons.set(digest, 'the cache that it belongs to is deleted')
  for (const { digest, tags } of items.values()) {
    if (tags.length > 0 || isOfActiveRun(digest, input)) continue
    if (isBelowDeleted(digest, input, { claims, attestations }))
      reasons.set(digest, 'it belonged only to a deleted ephemeral image')
    else if (untagged) {
      const reason = untaggedReason(digest, input, attestations)
      if (reason !== undefined) reasons.set(digest, reason)
    }
  }
  return reasons
}

/** What is below images that are or were deleted, with what claims it if it has no annotation. */
function claimedChildren(input: PlanInput, parents: Iterable<string>): ReadonlyMap<string, Claims> {
  const { manifests, childrenOfDeleted } = input
  const claims = new Map(childrenOfDeleted)
  for (const parent of parents)
    for (const child of manifests.get(parent)?.refs ?? [])
      claims.set(child, new Set([...(claims.get(child) ?? []), ...claimsOn(parent, input)]))
  return claims
}

/**
 * What claims an image by its tags; nothing if it has an annotation, as then all of its content has one. Only the
 * images of a release's parts have none.
 */
export function claimsOn(
  digest: string,
  {
    items,
    manifests,
    selection,
    childrenOfDeleted,
  }: Pick<PlanInput, 'items' | 'manifests' | 'selection' | 'childrenOfDeleted'>,
): Claims {
  const { runAnnotation, isPart } = manifests.get(digest) ?? {}
  if (runAnnotation !== undefined && !isPart) return new Set()
  const claims = items.get(digest)?.tags.flatMap((tag) => selection.claimOf(tag) ?? []) ?? []
  return new Set([...claims, ...(childrenOfDeleted.get(digest) ?? [])])
}

interface Below {
  readonly claims: ReadonlyMap<string, Claims>
  /** Attestations of images that belong to a run. */
  readonly attestations: ReadonlySet<string>
}

/** Whether it is content of an image that is or was deleted, or an attestation that describes such content. */
function isBelowDeleted(digest: string, input: PlanInput, { claims, attestations }: Below): boolean {
  const own = claims.get(digest)
  if (own === undefined) return false
  if (attestations.has(digest) || isContent(digest, own, input)) return true
  const image = input.selection.claimsAttestations ? (input.attestations.get(digest) ?? '') : ''
  return isContent(image, claims.get(image) ?? new Set(), input)
}

/** Manifests all of whose tags are to be deleted, and that are content of the runs or tags. */
function expiredTagged(input: PlanInput): Map<string, string> {
  const reasons = new Map<string, string>()
  for (const item of input.items.values()) {
    const { digest, tags } = item
    if (isExpired(item, input) && isContent(digest, claimsOn(digest, input), input))
      reasons.set(digest, input.selection.reason(tags, input.manifests.get(digest)))
  }
  return reasons
}

function isExpired({ digest, tags }: Item, input: PlanInput): boolean {
  const areExpired = tags.length > 0 && tags.every((tag) => input.isExpiredTag(tag, digest))
  return areExpired && !isOfActiveRun(digest, input)
}

/** By its ownership annotation, or as rule 6 in ownership.ts says. */
function isContent(digest: string, claims: Claims, input: PlanInput): boolean {
  return input.isExpiredManifest(digest) || input.isUnmarkedContent(digest, claims)
}

function untaggedReason(digest: string, input: PlanInput, attestations: ReadonlySet<string>): string | undefined {
  if (input.isExpiredManifest(digest)) return `${runReason(input.selection)}, and nothing refers to it`
  if (attestations.has(digest) || input.orphans.has(digest)) return 'its subject image is deleted'
  const kind = input.caches ? input.manifests.get(digest)?.kind : undefined
  if (kind === 'cache') return 'a later push replaced this cache'
  return kind === 'history' ? 'a later run replaced these build times (tag `buildcache-…-stats`)' : undefined
}

/** Times of earlier runs that a tag still names, but no cache any more. */
function lonelyHistories({ items, manifests, caches }: PlanInput): string[] {
  const histories = [...items.values()].filter(({ digest }) => caches && manifests.get(digest)?.kind === 'history')
  const all = new Set(histories.length === 0 ? [] : [...items.values()].flatMap(({ tags }) => tags))
  const isLonely = (tag: string) => !all.has(cacheOfHistory(tag) ?? tag)
  return histories.filter(({ tags }) => tags.length > 0 && tags.every(isLonely)).map(({ digest }) => digest)
}

/** It has the annotation of a run that may not be finished, or that is not selected. */
function isOfActiveRun(digest: string, { manifests, isExpiredManifest }: PlanInput): boolean {
  return manifests.get(digest)?.runAnnotation !== undefined && !isExpiredManifest(digest)
}

/**
 * Listed by an index of a finished run, for an image of such a run or one that does not exist any more. The index may
 * be deleted already: the attestation proves by its own content which image it describes.
 */
function ownedAttestations(input: PlanInput): Set<string> {
  const { items, manifests, childrenOfDeleted, attestations, isExpiredManifest } = input
  const found = new Set<string>()
  for (const [digest, { attests }] of manifests) {
    if (attests.size === 0 || !isExpiredManifest(digest)) continue
    for (const [child, image] of attests) {
      const isOwnedImage = !items.has(image) || childrenOfDeleted.has(image) || isExpiredManifest(image)
      if (isOwnedImage && attestations.get(child) === image) found.add(child)
    }
  }
  return found
}

/** Temporary tags on images that stay: because they have other tags, or are not content of a run or tag. */
function findTagsToRemove(input: PlanInput, isCandidate: ReadonlySet<string>): Plan['untag'] {
  const { items, isExpiredTag, excluded } = input
  return [...items.values()].flatMap((item) => {
    const { digest, tags, confirmed } = item
    if (isCandidate.has(digest) || excluded.has(digest)) return []
    const expired = tags.filter((tag) => isExpiredTag(tag, digest))
    const isForeign = confirmed && isExpired(item, input) && !isContent(digest, claimsOn(digest, input), input)
    return expired.length < tags.length || isForeign ? expired.map((tag) => ({ digest, tag })) : []
  })
}
