import { NotDeletedError, type PackageVersion } from '../packages/backend.ts'
import { refreshVersion, requireTime, readBlobSizes, type PackageRepository } from '../packages/repository.ts'
import type { RunStatusCache } from '../forge/run-status.ts'
import { errorMessage, isInternalError } from '../lib/errors.ts'
import { findOrphans, isLastProof, lastProof, unreferencedAttestations } from './attestations.ts'
import { auditTags, findRestorable } from './audit.ts'
import { Inventory } from './inventory.ts'
import { createMode, type Mode, type RegistryCleanupRequest } from './mode.ts'
import { decide } from './ownership.ts'
import { findReferrers, referrerSubject } from './referrers.ts'
import { claimsOn, isEmptyPlan, planCleanup, type Item, type Plan } from './plan.ts'
import { createResult, type Audit, type CleanupResult } from './report.ts'
import { hasLastTags, tagsOn } from './snapshot.ts'

/**
 * Deletes leftovers of finished runs in one repository. Lists it twice before deleting anything, and again after the
 * images with temporary tags are deleted; reads each version right before it is deleted; restores what a concurrent
 * push turns out to need. If it is killed at any moment, the next cleanup continues.
 */
export async function cleanUpRepository(
  repository: PackageRepository,
  request: RegistryCleanupRequest,
  runs: RunStatusCache,
): Promise<CleanupResult> {
  return await new RegistryCleanup(repository, request, runs).run()
}

/** A plan, with the items that it was made of. */
interface CleanupPlan extends Plan {
  readonly items: ReadonlyMap<string, Item>
}

class RegistryCleanup {
  readonly #repository: PackageRepository
  readonly #request: RegistryCleanupRequest
  readonly #runs: RunStatusCache
  readonly #mode: Mode
  readonly #inventory: Inventory
  readonly #result: CleanupResult
  /** Digests that stay, by an earlier decision. */
  readonly #excluded = new Set<string>()
  readonly #orphans = new Set<string>()
  /** The tags that the first plan removes: a tag that expires later stays, with everything below it. */
  #firstTags: ReadonlySet<string> | undefined

  constructor(repository: PackageRepository, request: RegistryCleanupRequest, runs: RunStatusCache) {
    this.#repository = repository
    this.#request = request
    this.#runs = runs
    this.#mode = createMode(repository, request)
    this.#inventory = new Inventory(repository, runs, {
      selection: this.#mode.selection,
      excluded: request.excludeTags,
    })
    this.#result = createResult(repository.name, request.dryRun, () => this.#inventory.pages)
  }

  async run(): Promise<CleanupResult> {
    try {
      await this.#inventory.read()
      await this.#inventory.read()
      const plan = await this.#plan()
      this.#reportActiveTags()
      if (this.#request.dryRun) await this.#reportPlan(plan)
      const mayDelete = !this.#request.dryRun && (await this.#executeIfPossible(plan))
      this.#result.audit = await this.#auditTags()
      if (mayDelete) this.#result.audit = await this.#restoreNeeded(this.#result.audit)
    } catch (error) {
      if (isInternalError(error)) this.#result.errors.push(error)
      this.#keep('', `${errorMessage(error)} Nothing more was deleted.`)
    }
    return this.#result
  }

  async #plan(): Promise<CleanupPlan> {
    const inventory = this.#inventory
    const { manifests, childrenOfDeleted, attestations, needed } = inventory
    const { untagged, runId, pullRequest } = this.#request
    await this.#mode.update(inventory)
    const items = await inventory.items()
    const tagsOf = (digest: string) => items.get(digest)?.tags ?? []
    // Nothing proves to which pull request an orphan belonged.
    if (untagged && pullRequest === undefined) {
      const isFinished = (run: string | undefined) => inventory.isFinished(run)
      const candidates = unreferencedAttestations(items, manifests)
      for (const digest of await findOrphans(this.#repository, candidates, isFinished)) this.#orphans.add(digest)
    }
    const plan = planCleanup({
      items,
      manifests,
      childrenOfDeleted,
      attestations,
      referrers: await findReferrers(this.#repository, inventory.referrerCandidates(items), tagsOf),
      selection: this.#mode.selection,
      isUnmarkedContent: (digest, claims) => this.#mode.isUnmarkedContent(digest, claims, inventory),
      excluded: new Set([...this.#excluded, ...needed, ...inventory.excludedDigests(items)]),
      orphans: this.#orphans,
      isExpiredManifest: (digest) => inventory.isExpiredManifest(digest),
      isExpiredTag: (tag, digest) => this.#firstTags?.has(tag) !== false && inventory.isExpiredTag(tag, digest),
      untagged,
      caches: runId === undefined && pullRequest === undefined,
    })
    return { ...plan, items }
  }

  /** A registry that never deletes, or not with this login, would refuse every single manifest: false. */
  async #executeIfPossible(plan: CleanupPlan): Promise<boolean> {
    const refusal = isEmptyPlan(plan) ? undefined : await this.#repository.backend.probeDeletion?.()
    if (refusal) this.#keep('', `Nothing was deleted: ${refusal.message}`)
    else await this.#execute(plan)
    return refusal === undefined
  }

  async #execute(first: CleanupPlan): Promise<void> {
    const { deleted } = this.#inventory
    const tagsOf = (digest: string) => first.items.get(digest)?.tags ?? []
    this.#firstTags = new Set([...first.untag.map(({ tag }) => tag), ...first.tagged.flatMap(tagsOf)])
    for (const { digest, tag } of first.untag) await this.#attempt(tag, () => this.#untag(digest, tag))
    await this.#deleteAll(first.tagged, first)
    if (first.tagged.length + first.untag.length > 0) await this.#inventory.read()
    const second = await this.#plan()
    await this.#deleteAll(second.below, second)
    if (deleted.size + second.proofs.length > 0) await this.#restoreNeeded(await this.#auditTags())
    const third = await this.#plan()
    await this.#deleteAll(third.proofs, third)
    this.#result.kept.push(...third.kept)
  }

  async #deleteAll(digests: readonly string[], plan: CleanupPlan): Promise<void> {
    for (const digest of digests) await this.#attempt(digest, () => this.#delete(digest, plan))
  }

  async #delete(digest: string, plan: CleanupPlan): Promise<void> {
    const version = await this.#confirmWithReferrers(digest, plan)
    this.#inventory.deleted.set(digest, version ?? this.#listed(digest))
    if (!version) return
    const sizes = await readBlobSizes(this.#repository, digest)
    await this.#repository.backend.remove(version)
    this.#claimChildren(digest, plan)
    this.#reportDeleted([...version.tags, digest].join(' '), plan.reasons.get(digest), digest)
    sizes.forEach((size, blob) => this.#result.blobs.set(blob, size))
  }

  /** Deletes the referrers of an image right before the image, which is confirmed once more: that took a while. */
  async #confirmWithReferrers(digest: string, plan: CleanupPlan): Promise<PackageVersion | undefined> {
    const version = await this.#confirm(digest, plan)
    const referrers = plan.referrers.get(digest) ?? []
    if (referrers.length === 0) return version
    for (const referrer of referrers) await this.#attempt(referrer, () => this.#delete(referrer, plan))
    try {
      return await this.#confirm(digest, plan)
    } catch (error) {
      for (const referrer of [...referrers].reverse()) await this.#restore(referrer, 'the image it describes is kept')
      throw error
    }
  }

  /** What claims an image without annotation by its tags claims what the image refers to as well. */
  #claimChildren(digest: string, { items }: CleanupPlan): void {
    const { manifests, childrenOfDeleted } = this.#inventory
    const claims = claimsOn(digest, { items, manifests, childrenOfDeleted, selection: this.#mode.selection })
    for (const ref of manifests.get(digest)?.refs ?? [])
      childrenOfDeleted.set(ref, new Set([...(childrenOfDeleted.get(ref) ?? []), ...claims]))
  }

  /** The version as it may be deleted; undefined if it does not exist any more. @throws NotDeletedError if it stays */
  async #confirm(digest: string, { items, needed, referrers }: CleanupPlan): Promise<PackageVersion | undefined> {
    const tags = items.get(digest)?.tags ?? []
    const isReferrer = [...referrers.values()].flat().includes(digest)
    const isReferrerTag = (tag: string) =>
      referrerSubject(tag) !== undefined && isReferrer && !this.#inventory.isExcluded(tag)
    const removable = tags.filter((tag) => this.#inventory.isRemovableTag(tag, digest) || isReferrerTag(tag))
    await this.#requireFinished(removable, digest)
    if (removable.length === 0) await this.#requireUnneeded(digest)
    const version = await refreshVersion(this.#repository, { ...this.#listed(digest), tags })
    const decision = decide({
      digest,
      removable,
      version,
      tags: tagsOn(this.#inventory.snapshot, digest),
      needed: { has: (other) => needed.has(other) || this.#inventory.needed.has(other) },
    })
    if (decision.action === 'skip' || decision.action === 'untag') throw new NotDeletedError(decision.reason)
    const error =
      version && hasLastTags(version.tags, this.#inventory) ? this.#repository.backend.lastTaggedError?.() : undefined
    if (error) throw error
    return version
  }

  /** A run may have been started again. */
  async #requireFinished(tags: readonly string[], digest: string): Promise<void> {
    for (const run of new Set(this.#inventory.runsToRecheck(tags, digest))) {
      const verdict = await this.#runs.refresh(run)
      if (!verdict.expired) throw new NotDeletedError(verdict.reason)
    }
  }

  async #requireUnneeded(digest: string): Promise<void> {
    const isIndex = this.#inventory.manifests.get(digest)?.kind === 'index'
    if (!isIndex) await this.#inventory.readNewestPage()
    else if (await isLastProof(this.#repository, digest)) throw new NotDeletedError(lastProof)
  }

  async #untag(digest: string, tag: string): Promise<void> {
    const { backend } = this.#repository
    await this.#requireFinished([tag], digest)
    const version = await backend.read({ ...this.#listed(digest), tags: [] })
    const others = version?.tags.filter((other) => other !== tag) ?? []
    if (!version?.tags.includes(tag)) return
    await backend.untag(version, tag)
    this.#reportDeleted(tag, this.#mode.untagReason(tag, others), '')
  }

  /** What a tag needs, and was deleted by this cleanup or by one that was killed. @returns the tags as they are then */
  async #restoreNeeded(before: Audit): Promise<Audit> {
    let audit = before
    for (let round = 0; round < 3 && (await this.#restoreMissing(audit)); round++) audit = await this.#auditTags()
    return audit
  }

  /** Reads the tags again: a plan that follows keeps what has a tag by now. */
  async #auditTags(): Promise<Audit> {
    await this.#inventory.readTags()
    return await auditTags(this.#repository, this.#inventory.snapshot)
  }

  /** @returns whether anything was restored */
  async #restoreMissing({ broken }: Audit): Promise<boolean> {
    const missing = new Set(broken.flatMap((tag) => tag.missing))
    let isAnyRestored = false
    for (const [digest, version] of await findRestorable(this.#repository, this.#inventory, missing)) {
      this.#inventory.deleted.set(digest, version)
      isAnyRestored = (await this.#restore(digest, 'an image that is kept refers to it')) || isAnyRestored
    }
    return isAnyRestored
  }

  async #restore(digest: string, reason: string): Promise<boolean> {
    const version = this.#inventory.deleted.get(digest)
    if (!version || !(await this.#repository.backend.restore(version))) return false
    this.#inventory.deleted.delete(digest)
    this.#excluded.add(digest)
    const { deleted } = this.#result
    deleted.splice(0, Infinity, ...deleted.filter((line) => line.digest !== digest))
    this.#result.restored.push({ subject: digest, reason })
    return true
  }

  async #attempt(subject: string, work: () => Promise<void>): Promise<void> {
    try {
      requireTime(this.#repository)
      await work()
    } catch (error) {
      if (isInternalError(error)) throw error
      this.#excluded.add(subject)
      this.#keep(subject, errorMessage(error))
    }
  }

  /** Tags that look temporary and stay. */
  #reportActiveTags(): void {
    if (this.#request.runId !== undefined) return
    for (const [tag, digest] of this.#inventory.snapshot.digests) {
      const reason = this.#inventory.keepReason(tag, digest)
      if (reason !== undefined) this.#keep(tag, reason)
    }
  }

  async #reportPlan({ tagged, below, proofs, referrers, untag, reasons, kept, items }: CleanupPlan): Promise<void> {
    const tagsOf = (digest: string) => items.get(digest)?.tags ?? []
    for (const { tag, digest } of untag) {
      const others = tagsOf(digest).filter((other) => other !== tag)
      this.#reportDeleted(tag, this.#mode.untagReason(tag, others), '')
    }
    for (const digest of [...[...referrers.values()].flat(), ...tagged, ...below, ...proofs]) {
      this.#reportDeleted([...tagsOf(digest), digest].join(' '), reasons.get(digest), digest)
      ;(await readBlobSizes(this.#repository, digest)).forEach((size, blob) => this.#result.blobs.set(blob, size))
    }
    this.#result.kept.push(...kept)
  }

  #reportDeleted(subject: string, reason: string | undefined, digest: string): void {
    this.#result.deleted.push({ subject, reason: reason ?? '', digest })
  }

  #keep(subject: string, reason: string): void {
    this.#result.kept.push({ subject, reason })
  }

  #listed(digest: string): PackageVersion {
    return { id: this.#inventory.versionId(digest), digest, tags: [] }
  }
}
