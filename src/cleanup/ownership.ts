/*
 * What may be deleted. These are the rules; plan.ts, run-image-cleanup.ts and registry-cleanup.ts apply them.
 *
 * 1. Content of a run. The ownership annotation `<run_id>-<attempt>-<random>` in a manifest changes its digest, so no
 *    other image can have the same digest by accident. Every per-platform index of a run has it, and the whole image of
 *    a pull request. A manifest with the annotation belongs to that run; without it, another run may have pushed the
 *    same bytes.
 * 2. Attestations have no annotation. One belongs to a run if an index with the annotation lists it, for an image that
 *    has the annotation or does not exist any more; or if nothing refers to it, its subject does not exist any more,
 *    and its provenance names a finished run of this repository as the builder.
 * 3. So an index with the annotation is the last proof of ownership of the attestations that it lists. It is deleted
 *    after them (`isLastProof`), unless they belong to an image that is in use.
 * 4. Nothing is deleted that has a tag other than the ones to delete, or that a remaining manifest refers to. A tag to
 *    delete on such a manifest is removed alone.
 * 5. A run counts as finished if the CI platform says so, long enough ago; an unknown run only if a run with a larger
 *    id is older than any run can be. A temporary tag names its run; small numbers may be pull requests instead, so
 *    there the annotation has to name the run as well.
 * 6. Without the annotation, a manifest under a temporary tag is content of a finished run only if it was first pushed
 *    while that run existed, and its annotation `org.opencontainers.image.version` is a temporary tag of it. A tag
 *    and an index prove nothing about what they refer to, nor does the provenance that an index lists: every user who
 *    may push can write them, also for a release that is used by its digest. Provenance of the release itself proves
 *    who built it, but not that it is temporary; labels of an image may come from its base image. The image of a
 *    release's part has no annotation either: only the index of the part has one, so the image stays.
 * 7. The times of earlier runs beside a cache, which have a media type of their own, go with it: when a later run has
 *    replaced them, or when their tag names a cache that has none any more.
 * 8. Lists of an API may be stale. So a version is read again right before it is deleted, the registry is asked for
 *    all tags, and what a concurrent push needs nevertheless is restored afterwards.
 * 9. For one pull request, each manifest has to name it in an annotation beside that of rule 1; rule 6 has no effect.
 * 10. To keep the newest images, the age of an image replaces the end of its run, unless it has the annotation. Without
 *    it, a manifest is content of an old tag only if its annotation `org.opencontainers.image.version` matches the
 *    pattern of that tag; of an index without this annotation, all images have it. An attestation goes with such an
 *    image if it describes it by its own content.
 */
import type { PackageVersion } from '../packages/backend.ts'
import type { ManifestInfo } from '../packages/manifest-info.ts'
import { movedTag } from '../packages/repository.ts'

/** What the journal of a run contains for one repository. */
export interface RunArtifacts {
  /** Tags to delete, with the index that the run pushed under them. */
  readonly tags: readonly { readonly tag: string; readonly digest: string }[]
  /** What the nodes pushed by digest. */
  readonly manifests: readonly string[]
  /** The ownership annotation of the run. */
  readonly runAnnotation: string
  /** The ownership annotations of parts that the run has merged: it deletes them too. */
  readonly partAnnotations?: readonly string[]
  /** What the run pushed under tags that stay; what these need is not even tried. */
  readonly kept?: readonly string[]
}

/** What of it may be deleted. */
export interface OwnedManifests {
  readonly indexes: readonly OwnedIndex[]
  /** Images and attestations that only indexes of this run may refer to. */
  readonly children: readonly string[]
  /** Per-platform indexes. Nothing needs them, but they are the proof of ownership of the attestations. */
  readonly perPlatform: readonly string[]
  /** Of the children, those that an index calls an attestation: attestation → image. */
  readonly attestations: ReadonlyMap<string, string>
}

export interface OwnedIndex {
  readonly digest: string
  readonly tags: readonly string[]
  readonly isAnnotated: boolean
}

type Manifests = ReadonlyMap<string, ManifestInfo>

/** PURE: what belongs to the run, by its annotation and its journal. */
export function findOwnedManifests(artifacts: RunArtifacts, manifests: Manifests): OwnedManifests {
  const owners: readonly (string | undefined)[] = [artifacts.runAnnotation, ...(artifacts.partAnnotations ?? [])]
  const isAnnotated = (digest: string): boolean => owners.includes(manifests.get(digest)?.runAnnotation)
  const tagged = [...new Set(artifacts.tags.map(({ digest }) => digest))]
  const indexes = tagged
    .filter((digest) => manifests.has(digest))
    .map((digest) => ({
      digest,
      isAnnotated: isAnnotated(digest),
      tags: artifacts.tags.filter((entry) => entry.digest === digest).map(({ tag }) => tag),
    }))
  const perPlatform = artifacts.manifests.filter(
    (digest) => manifests.get(digest)?.kind === 'index' && isAnnotated(digest) && !tagged.includes(digest),
  )
  const parents = [...indexes.filter((index) => index.isAnnotated).map(({ digest }) => digest), ...perPlatform]
  const children = findOwnedChildren(parents, manifests, isAnnotated)
  const attests = parents.flatMap((parent) => [...(manifests.get(parent)?.attests ?? [])])
  return {
    indexes,
    perPlatform: [...new Set(perPlatform)],
    children,
    attestations: new Map(attests.filter(([child]) => children.includes(child) && !isAnnotated(child))),
  }
}

/** An attestation has no annotation, but describes one image: one of this run, or one that does not exist any more. */
function findOwnedChildren(
  parents: readonly string[],
  manifests: Manifests,
  isAnnotated: (digest: string) => boolean,
): string[] {
  const isOwnedImage = (image: string | undefined) =>
    image !== undefined && (isAnnotated(image) || !manifests.has(image))
  const children = parents.flatMap((parent) => {
    const index = manifests.get(parent)
    return (index?.refs ?? []).filter(
      (child) => manifests.has(child) && (isAnnotated(child) || isOwnedImage(index?.attests.get(child))),
    )
  })
  return [...new Set(children)].filter((child) => !parents.includes(child))
}

/** PURE: the roots and everything that they refer to, as far as it is known. */
export function closure(roots: Iterable<string>, manifests: Manifests): Set<string> {
  const found = new Set(roots)
  // A set iterates over what is added meanwhile.
  for (const digest of found) manifests.get(digest)?.refs.forEach((ref) => found.add(ref))
  return found
}

export type Decision =
  | { readonly action: 'delete' }
  /** The manifest stays, and loses the tags that may be removed. */
  | { readonly action: 'untag'; readonly reason: string }
  | { readonly action: 'skip'; readonly reason: string }
  /** The manifest does not exist any more. */
  | { readonly action: 'none' }

export interface DecisionInput {
  readonly digest: string
  /** Tags that may be deleted with it. */
  readonly removable: readonly string[]
  /** As just read; undefined if it does not exist any more. */
  readonly version: PackageVersion | undefined
  /** Its tags in the registry. */
  readonly tags: readonly string[]
  /** The manifests that something which stays refers to. */
  readonly needed: Pick<ReadonlySet<string>, 'has'>
  /** False if nothing in the manifest proves that the run pushed it: another user may use the same bytes. */
  readonly isOwned?: boolean
}

/** PURE: what to do with one version. */
export function decide({ digest, removable, version, tags, needed, isOwned = true }: DecisionInput): Decision {
  if (!version) return { action: 'none' }
  if (version.digest !== digest) return { action: 'skip', reason: movedTag }
  const others = [...new Set([...version.tags, ...tags])].filter((tag) => !removable.includes(tag))
  if (others.length > 0) {
    const reason = `it also has the tag ${others.join(', ')}, so the image is kept.`
    const mayUntag = version.tags.some((tag) => removable.includes(tag))
    return { action: mayUntag ? 'untag' : 'skip', reason }
  }
  if (!isOwned) return { action: 'untag', reason: 'nothing proves that only this run uses it, so the image is kept.' }
  if (needed.has(digest)) return { action: 'skip', reason: `${startedToRefer}, so it is kept.` }
  return { action: 'delete' }
}

const startedToRefer = 'another image started to refer to it during the cleanup'

/** PURE: what happened to a manifest that was needed again right after its deletion. */
export function neededAgain(isRestored: boolean): string {
  return isRestored
    ? `${startedToRefer}, so it was restored.`
    : `${startedToRefer}, and it could not be restored. That image is incomplete: run again the job that pushed it.`
}
