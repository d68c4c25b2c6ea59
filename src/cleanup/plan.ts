import type { ManifestInfo } from '../packages/manifest-info.ts'
import { closure } from './ownership.ts'

/** One manifest with its state. */
export interface Item {
  readonly id: string
  readonly digest: string
  /** In the lists and in the registry. */
  readonly tags: readonly string[]
  /** Enough lists contained it. */
  readonly confirmed: boolean
}

interface PlanInput {
  readonly items: ReadonlyMap<string, Item>
  readonly manifests: ReadonlyMap<string, ManifestInfo>
  readonly isExpiredTag: (tag: string, digest: string) => boolean
  readonly isExpiredAnnotation: (annotation: string | undefined) => boolean
  /** What temporary images that were deleted referred to. */
  readonly childrenOfDeleted: ReadonlySet<string>
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
  const needed = closure(refsOf(staying, manifests), manifests)
  const deletable = candidates.filter((digest) => !needed.has(digest))
  const isTagged = (digest: string) => (items.get(digest)?.tags.length ?? 0) > 0
  const children = new Set(refsOf(deletable, manifests))
  const isTopIndex = (digest: string) => manifests.get(digest)?.kind === 'index' && !children.has(digest)
  const tagged = deletable.filter(isTagged)
  const untagged = deletable.filter((digest) => !isTagged(digest))
  const below = untagged.filter((digest) => !isTopIndex(digest))
  const leaving = new Set([...tagged, ...below])
  return {
    untag: findSharedTags(input, isCandidate),
    tagged,
    below,
    proofs: untagged.filter((digest) => isTopIndex(digest) && !isStillProof(digest, input, leaving)),
    needed,
    reasons,
    kept: candidates
      .filter((digest) => needed.has(digest))
      .map((subject) => ({ subject, reason: 'an image that stays refers to it.' })),
  }
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
  const reasons = expiredTagged(input)
  const { items, manifests, childrenOfDeleted, untagged } = input
  const children = new Set([...childrenOfDeleted, ...refsOf(reasons.keys(), manifests)])
  const attestations = untagged || children.size > 0 ? ownedAttestations(input) : new Set<string>()
  for (const { digest, tags } of items.values()) {
    if (tags.length > 0 || isOfActiveRun(digest, input)) continue
    if (children.has(digest)) reasons.set(digest, 'only a temporary image referred to it')
    else if (untagged) {
      const reason = untaggedReason(digest, input, attestations)
      if (reason !== undefined) reasons.set(digest, reason)
    }
  }
  return reasons
}

/** Manifests all of whose tags belong to finished runs. */
function expiredTagged(input: PlanInput): Map<string, string> {
  const { items, isExpiredTag } = input
  const reasons = new Map<string, string>()
  for (const { digest, tags } of items.values()) {
    const isExpired = tags.length > 0 && tags.every((tag) => isExpiredTag(tag, digest))
    if (isExpired && !isOfActiveRun(digest, input)) reasons.set(digest, `its run is finished: ${tags.join(', ')}`)
  }
  return reasons
}

function untaggedReason(digest: string, input: PlanInput, attestations: ReadonlySet<string>): string | undefined {
  if (isOfFinishedRun(digest, input)) return 'its run is finished, and nothing refers to it'
  if (attestations.has(digest) || input.orphans.has(digest)) return 'its subject image is deleted'
  if (input.caches && input.manifests.get(digest)?.kind === 'cache') return 'a later push replaced this cache'
  return undefined
}

/** It has the annotation of a run that may not be finished. */
function isOfActiveRun(digest: string, { manifests, isExpiredAnnotation }: PlanInput): boolean {
  const annotation = manifests.get(digest)?.runAnnotation
  return annotation !== undefined && !isExpiredAnnotation(annotation)
}

function isOfFinishedRun(digest: string, { manifests, isExpiredAnnotation }: PlanInput): boolean {
  return isExpiredAnnotation(manifests.get(digest)?.runAnnotation)
}

/** Listed by an index of a finished run, for an image of such a run or one that does not exist any more. */
function ownedAttestations(input: PlanInput): Set<string> {
  const { items, manifests, childrenOfDeleted } = input
  const found = new Set<string>()
  for (const digest of items.keys()) {
    if (!isOfFinishedRun(digest, input)) continue
    for (const [child, image] of manifests.get(digest)?.attests ?? [])
      if (!items.has(image) || childrenOfDeleted.has(image) || isOfFinishedRun(image, input)) found.add(child)
  }
  return found
}

function findSharedTags({ items, isExpiredTag, excluded }: PlanInput, isCandidate: ReadonlySet<string>): Plan['untag'] {
  return [...items.values()]
    .filter(({ digest }) => !isCandidate.has(digest) && !excluded.has(digest))
    .flatMap(({ digest, tags }) =>
      tags
        .filter((tag) => isExpiredTag(tag, digest) && tags.some((other) => !isExpiredTag(other, digest)))
        .map((tag) => ({ digest, tag })),
    )
}
