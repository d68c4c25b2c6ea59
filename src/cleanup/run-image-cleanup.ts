import { mapConcurrent } from '../lib/concurrency.ts'
import { NotDeletedError, type PackageVersion } from '../packages/backend.ts'
import {
  exists,
  movedTag,
  notListedYet,
  readManifests,
  refreshVersion,
  requireTime,
  type PackageRepository,
} from '../packages/repository.ts'
import { withoutForgedAttestations, withoutKept, withoutLastProofs } from './attestations.ts'
import { listVersions } from './listing.ts'
import {
  decide,
  findOwnedManifests,
  neededAgain,
  type Decision,
  type DecisionInput,
  type OwnedIndex,
  type OwnedManifests,
  type RunArtifacts,
} from './ownership.ts'
import { toOutcome, type Outcome } from './run-artifacts.ts'
import { RunReferrers } from './run-referrers.ts'
import { emptySnapshot, neededBy, neededByTags, snapshotTags, tagsOn, tooManyTags } from './snapshot.ts'

/** Milliseconds between lists, until one contains what the run pushed; and what is left then for the deletions. */
const listPauses = [1000, 2000, 4000, 8000, 16_000]
const deletionTime = 15_000

/** With more tags than this, only new ones are resolved in the post step, which should take only a moment. */
const maxResolvedTags = 100

/**
 * With more tags than this, untagged manifests stay in a registry that needs a request per tag to find out that they
 * are untagged: that takes about ten seconds.
 */
const maxLookupTags = 1000

/**
 * Deletes what a run pushed for itself alone: its index, then the images and attestations below it, and the
 * per-platform indexes. Where the API deletes a manifest that an index still refers to, the per-platform indexes are
 * last: if this is killed, they are the proof of ownership that a later cleanup needs. Elsewhere they are deleted
 * before the images. Never throws: each outcome has a reason.
 */
export async function deleteRunArtifacts(
  repository: PackageRepository,
  artifacts: RunArtifacts,
  onDeleted: (digest: string, isPerPlatform: boolean) => void = () => undefined,
): Promise<Outcome[]> {
  const remove = async (version: PackageVersion) => {
    await repository.backend.remove(version)
    onDeleted(version.digest, cleanup.isPerPlatform(version.digest))
  }
  const cleanup = new RunImageCleanup({ ...repository, backend: { ...repository.backend, remove } }, artifacts)
  return await cleanup.run()
}

class RunImageCleanup {
  readonly #repository: PackageRepository
  readonly #artifacts: RunArtifacts
  readonly #outcomes: Outcome[] = []
  /** As the API knows them. */
  readonly #versions = new Map<string, PackageVersion>()
  readonly #deleted = new Map<string, PackageVersion>()
  /** Manifests that stay because an index of this run stays, for a reason that is reported for the index. */
  readonly #excluded = new Set<string>()
  /** What other images refer to. */
  readonly #needed = new Set<string>()
  readonly #referrers: RunReferrers
  #owned: OwnedManifests = { indexes: [], children: [], perPlatform: [], attestations: new Map() }
  #snapshot = emptySnapshot
  /** The last list is younger than the deletion of the index. */
  #isListFresh = false

  constructor(repository: PackageRepository, artifacts: RunArtifacts) {
    const { lowercasesTags } = repository.backend.capabilities
    const toStored = (tag: string) => (lowercasesTags ? tag.toLowerCase() : tag)
    this.#repository = repository
    this.#referrers = new RunReferrers(repository)
    this.#artifacts = {
      ...artifacts,
      tags: artifacts.tags.map(({ tag, digest }) => ({ tag: toStored(tag), digest })),
    }
  }

  readonly isPerPlatform = (digest: string): boolean => this.#owned.perPlatform.includes(digest)

  async run(): Promise<Outcome[]> {
    try {
      await this.#deleteAll()
    } catch (error) {
      this.#reportError(error)
    }
    return this.#outcomes
  }

  async #deleteAll(): Promise<void> {
    const { backend } = this.#repository
    // In parallel with reading, which takes as long.
    const probe = backend.probeDeletion?.()
    probe?.catch(() => undefined)
    await this.#readOwned()
    const { indexes, children, perPlatform } = this.#owned
    if (indexes.length + children.length + perPlatform.length === 0) return
    const refusal = await probe
    if (refusal) this.#skip(refusal, [...indexes.flatMap(({ tags }) => tags), ...perPlatform])
    else await this.#deleteOwned()
  }

  async #deleteOwned(): Promise<void> {
    const { backend } = this.#repository
    const { indexes, children, perPlatform } = this.#owned
    if (indexes.length > 0) await this.#referrers.find(this.#ownedDigests())
    await this.#waitForVersions([...this.#ownedDigests(), ...this.#referrers.digests])
    // Without an index, the tags are resolved right before the rest is deleted.
    if (indexes.length > 0) this.#snapshot = await snapshotTags(this.#repository, maxResolvedTags)
    await this.#deleteIndexes()
    if (!backend.capabilities.deletesReferenced) await this.#deleteUntagged(perPlatform)
    // The second list has to show that the indexes do not exist any more.
    if (children.length > 0) await this.#findVersions([...children, ...perPlatform])
    await this.#deleteUntagged(children)
    await this.#restoreNeeded()
    if (backend.capabilities.deletesReferenced)
      await this.#deleteUntagged(await withoutLastProofs(this.#repository, perPlatform, this.#artifacts.kept))
  }

  async #readOwned(): Promise<void> {
    const { tags, manifests } = this.#artifacts
    const pushed = await readManifests(this.#repository, [...tags.map(({ digest }) => digest), ...manifests])
    const refs = [...pushed.values()].flatMap((manifest) => manifest.refs)
    const all = new Map([...pushed, ...(await readManifests(this.#repository, refs))])
    const owned = await withoutKept(this.#repository, findOwnedManifests(this.#artifacts, all), this.#artifacts.kept)
    this.#owned = await withoutForgedAttestations(this.#repository, owned, all)
    for (const { tag, digest } of tags) if (!pushed.has(digest)) this.#outcomes.push({ subject: tag, deleted: true })
  }

  #skip(reason: unknown, subjects: readonly string[]): void {
    for (const subject of subjects) this.#outcomes.push(toOutcome(reason, subject))
  }

  /** For every tag that has no outcome, or else for one manifest. */
  #reportError(error: unknown): void {
    const reported = new Set(this.#outcomes.map(({ subject }) => subject))
    const tags = this.#artifacts.tags.map(({ tag }) => tag)
    const [first, ...rest] = [...tags, ...this.#artifacts.manifests].filter((subject) => !reported.has(subject))
    if (first !== undefined) this.#skip(error, [first, ...rest.filter((subject) => tags.includes(subject))])
  }

  #ownedDigests(): Set<string> {
    const { indexes, children, perPlatform } = this.#owned
    return new Set([...indexes.map(({ digest }) => digest), ...children, ...perPlatform])
  }

  /** A list may lag a few seconds behind what this run pushed. */
  async #waitForVersions(digests: readonly string[]): Promise<void> {
    const { clock, deadline } = this.#repository
    await this.#findVersions(digests)
    for (const pause of listPauses) {
      if (digests.every((digest) => this.#versions.has(digest))) return
      if (clock.now() + pause > deadline - deletionTime) return
      await clock.sleep(pause)
      await this.#findVersions(digests)
    }
  }

  /** Where the id of a version is its digest, there is nothing to find. */
  async #findVersions(digests: readonly string[]): Promise<void> {
    const { backend } = this.#repository
    if (!backend.capabilities.listsById) {
      for (const digest of digests) this.#versions.set(digest, { id: digest, digest, tags: [] })
      return
    }
    const { found, others, isStale } = await listVersions(backend, new Set(digests), this.#deleted)
    found.forEach((version, digest) => this.#versions.set(digest, version))
    const owned = new Set([...this.#ownedDigests(), ...this.#referrers.digests])
    const foreign = others.map(({ digest }) => digest).filter((digest) => !owned.has(digest))
    await this.#markNeeded(await neededBy(this.#repository, foreign))
    this.#isListFresh = this.#deleted.size > 0 && !isStale && digests.every((digest) => found.has(digest))
  }

  /** Keeps what others need, and what that needs in turn. */
  async #markNeeded(needed: ReadonlySet<string>): Promise<void> {
    const known = [...needed].filter((digest) => this.#versions.has(digest))
    for (const digest of [...needed, ...(await neededBy(this.#repository, known))]) this.#needed.add(digest)
  }

  async #deleteIndexes(): Promise<void> {
    for (const index of this.#owned.indexes) {
      try {
        requireTime(this.#repository)
        this.#outcomes.push(...(await this.#deleteIndex(index)))
      } catch (error) {
        this.#skip(error, index.tags)
      }
      if (this.#deleted.has(index.digest)) continue
      for (const digest of await neededBy(this.#repository, [index.digest])) this.#excluded.add(digest)
    }
  }

  async #deleteIndex({ digest, tags, isAnnotated }: OwnedIndex): Promise<Outcome[]> {
    const listed = this.#versions.get(digest)
    if (!listed) throw new NotDeletedError(notListedYet)
    const version = await refreshVersion(this.#repository, listed)
    const moved = version ? tags.filter((tag) => !version.tags.includes(tag)) : []
    const outcomes = await this.#movedTags(moved)
    if (version?.tags.length === 0 && !isAnnotated) return outcomes
    const removable = tags.filter((tag) => !moved.includes(tag))
    const registryTags = tagsOn(this.#snapshot, digest).filter((tag) => !moved.includes(tag))
    const decision = await this.#decide({ digest, removable, version, tags: registryTags, isOwned: isAnnotated })
    if (decision.action === 'skip')
      return [...outcomes, ...removable.map((subject) => ({ subject, deleted: false, reason: decision.reason }))]
    if (decision.action === 'untag') await this.#untag(version ?? listed, removable)
    else await this.#delete(version ?? listed, version !== undefined)
    return [...outcomes, ...removable.map((subject) => ({ subject, deleted: true }))]
  }

  /** Deletes the referrers of an image that is to be deleted, and decides once more: that took a while. */
  async #decide(manifest: Omit<DecisionInput, 'needed'>): Promise<Decision> {
    const input = { ...manifest, needed: this.#needed }
    const before = decide(input)
    if (before.action !== 'delete' || !this.#referrers.has(input.digest)) return before
    this.#outcomes.push(...(await this.#referrers.deleteFor(input.digest, this.#versions, this.#needed)))
    const version = input.version && (await refreshVersion(this.#repository, input.version))
    const after = decide({ ...input, version })
    if (after.action !== 'delete') this.#outcomes.push(...(await this.#referrers.restoreFor(input.digest)))
    return after
  }

  /** Tags that do not exist any more are deleted; the others point at another image. */
  async #movedTags(tags: readonly string[]): Promise<Outcome[]> {
    const found = await Promise.all(tags.map((tag) => exists(this.#repository, tag)))
    return tags.map((subject, at) => ({ subject, deleted: !found[at], ...(found[at] && { reason: movedTag }) }))
  }

  async #untag(version: PackageVersion, tags: readonly string[]): Promise<void> {
    for (const tag of version.tags.filter((one) => tags.includes(one)))
      await this.#repository.backend.untag(version, tag)
  }

  async #delete(version: PackageVersion, isThere: boolean): Promise<void> {
    const { backend } = this.#repository
    if (isThere) {
      const others = [...this.#snapshot.names].filter((tag) => !version.tags.includes(tag))
      const isLastTagged = version.tags.length > 0 && this.#snapshot.names.size > 0 && others.length === 0
      const error = isLastTagged ? backend.lastTaggedError?.() : undefined
      if (error) throw error
      await backend.remove(version)
    }
    this.#deleted.set(version.digest, version)
  }

  /** Deletes manifests without a tag that nothing else needs. */
  async #deleteUntagged(digests: readonly string[]): Promise<void> {
    if (digests.length === 0) return
    await this.#refreshNeeded()
    const { resolvesEachTag, deletesConcurrently } = this.#repository.backend.capabilities
    const tagCount = this.#snapshot.names.size
    // A release has nothing else to delete: the cost would be out of proportion, in every run.
    if (resolvesEachTag && this.#owned.indexes.length === 0 && tagCount > maxLookupTags) {
      this.#skip(new NotDeletedError(tooManyTags(tagCount), undefined, true), digests)
      return
    }
    const rest = digests.filter((digest) => !this.#excluded.has(digest))
    await mapConcurrent(rest, (digest) => this.#tryDeleteUntagged(digest), deletesConcurrently ? undefined : 1)
  }

  async #tryDeleteUntagged(digest: string): Promise<void> {
    try {
      requireTime(this.#repository)
      const listed = this.#versions.get(digest)
      if (!listed) throw new NotDeletedError(notListedYet)
      const version = this.#isListFresh ? listed : await refreshVersion(this.#repository, listed)
      const decision = await this.#decide({ digest, removable: [], version, tags: tagsOn(this.#snapshot, digest) })
      if (decision.action === 'skip') throw new NotDeletedError(decision.reason)
      if (version) await this.#repository.backend.remove(version)
      this.#deleted.set(digest, version ?? listed)
    } catch (error) {
      this.#skip(error, [digest])
    }
  }

  /** What tags need by now, in the registry; new tags included. */
  async #refreshNeeded(): Promise<void> {
    this.#snapshot = await snapshotTags(this.#repository, maxResolvedTags, this.#snapshot)
    const { digests } = this.#snapshot
    const own = new Set(this.#artifacts.tags.map(({ tag }) => tag))
    const isIgnored = (tag: string) =>
      this.#referrers.isReferrerTag(tag) || (own.has(tag) && this.#deleted.has(digests.get(tag) ?? ''))
    await this.#markNeeded(await neededByTags(this.#repository, this.#snapshot, isIgnored))
  }

  /** Another client may have pushed an index over our images between the last snapshot and the deletion. */
  async #restoreNeeded(): Promise<void> {
    if (this.#deleted.size === 0) return
    this.#snapshot = await snapshotTags(this.#repository, maxResolvedTags, this.#snapshot)
    const needed = await neededByTags(this.#repository, this.#snapshot)
    for (const [digest, version] of [...this.#deleted]) {
      if (!needed.has(digest)) continue
      const isRestored = await this.#repository.backend.restore(version)
      this.#deleted.delete(digest)
      this.#skip(new NotDeletedError(neededAgain(isRestored)), [digest])
    }
  }
}
