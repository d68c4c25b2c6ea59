import { matchesPattern, type RunLifetime, type RunStatusCache } from '../forge/run-status.ts'
import type { PackageVersion } from '../packages/backend.ts'
import { type ManifestInfo } from '../packages/manifest-info.ts'
import { describes } from './attestations.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import { listReferrers, readManifests, type PackageRepository } from '../packages/repository.ts'
import type { Item } from './plan.ts'
import { referrerSubject } from './referrers.ts'
import type { Selection } from './selection.ts'
import { emptySnapshot, neededBy, snapshotTags, type TagSnapshot } from './snapshot.ts'
import { annotatedRun } from '../run/names.ts'

/** Shared, since there may be a hundred thousand versions. */
const noTags: readonly string[] = []

/** The state of a repository as it was read: digests and numbers only, as there may be a hundred thousand versions. */
export class Inventory {
  readonly manifests = new Map<string, ManifestInfo>()
  /** Deleted by this cleanup. */
  readonly deleted = new Map<string, PackageVersion>()
  /** What the deleted images referred to, with the runs that their tags named. */
  readonly childrenOfDeleted = new Map<string, ReadonlySet<string>>()
  /** Attestation → the image that its own content names, of those that an index of a finished run lists. */
  readonly attestations = new Map<string, string>()
  /** By run: from its creation to its end. */
  readonly #lifetimes = new Map<string, RunLifetime | undefined>()
  /** What versions refer to that were pushed since the lists were read. */
  readonly needed = new Set<string>()
  snapshot: TagSnapshot = emptySnapshot
  /** How many pages of lists were read. */
  pages = 0
  /** By digest: the last version that a list contained, and how many lists did. */
  readonly #listed = new Map<string, { version: PackageVersion; times: number }>()
  readonly #repository: PackageRepository
  readonly #runs: RunStatusCache
  readonly #selection: Selection
  /** Patterns of tags that stay, with their images. */
  readonly #excluded: readonly string[]
  /** Digest → such a tag on it. */
  #excludedTags: ReadonlyMap<string, string> = new Map()

  constructor(
    repository: PackageRepository,
    runs: RunStatusCache,
    { selection, excluded = [] }: { readonly selection: Selection; readonly excluded?: readonly string[] | undefined },
  ) {
    this.#repository = repository
    this.#runs = runs
    this.#selection = selection
    this.#excluded = excluded
  }

  /** Reads the whole list, all tags of the registry, and every manifest that is new. */
  async read(): Promise<void> {
    const inThisList = new Set<string>()
    for await (const page of this.#repository.backend.list()) {
      this.pages++
      for (const version of page) {
        const before = this.#listed.get(version.digest)
        const times = before?.version.id === version.id ? before.times : 0
        this.#listed.set(version.digest, { version, times: times + (inThisList.has(version.digest) ? 0 : 1) })
        inThisList.add(version.digest)
      }
      await this.#readManifests(page.map(({ digest }) => digest))
    }
    await this.readTags()
  }

  /** Reads all tags of the registry, and every manifest that is new. */
  async readTags(): Promise<void> {
    this.snapshot = await snapshotTags(this.#repository)
    const excluded = [...this.snapshot.digests].filter(([tag]) => this.isExcluded(tag))
    this.#excludedTags = new Map(excluded.map(([tag, digest]) => [digest, tag]))
    await this.#readManifests(this.snapshot.digests.values())
  }

  /** Reads manifests, and the status of the runs that pushed them. */
  async #readManifests(digests: Iterable<string>): Promise<void> {
    const unknown = [...digests].filter((digest) => !this.manifests.has(digest))
    const found = await readManifests(this.#repository, unknown)
    for (const [digest, manifest] of found) this.manifests.set(digest, manifest)
    await this.#runs.load([...found.values()].flatMap((manifest) => this.#selection.runOf(manifest) ?? []))
  }

  /** Reads the newest page, for versions that were pushed or tagged since the lists were read. */
  async readNewestPage(): Promise<void> {
    if (!this.#repository.backend.capabilities.listsById) return
    for await (const page of this.#repository.backend.list()) {
      const changed = page.filter(
        ({ digest, id, tags }) =>
          this.#listed.get(digest)?.version.id !== id || tags.some((tag) => this.snapshot.digests.get(tag) !== digest),
      )
      const digests = changed.map(({ digest }) => digest)
      for (const digest of await neededBy(this.#repository, digests)) this.needed.add(digest)
      return
    }
  }

  /** A manifest as the last list contained it. */
  listedVersion(digest: string): PackageVersion | undefined {
    return this.#listed.get(digest)?.version
  }

  /** The id of a version in the API. */
  versionId(digest: string): string {
    return this.#listed.get(digest)?.version.id ?? digest
  }

  /** Every manifest that may be deleted, or that may need others, with the status of the runs of its tags. */
  async items(): Promise<ReadonlyMap<string, Item>> {
    const items = this.#listedItems()
    await this.#runs.load([...items.values()].flatMap(({ digest, tags }) => this.runsOf(tags, digest)))
    if (!this.#repository.backend.capabilities.listsUntagged) await this.#addChildren(items)
    await this.#verifyAttestations(items)
    await this.#readLifetimes(items)
    return items
  }

  /** What an index calls an attestation proves nothing: every user who may push can write one. */
  async #verifyAttestations(items: ReadonlyMap<string, Item>): Promise<void> {
    const listed = [...items.keys()].flatMap((digest) => {
      return this.#isOwner(items, digest) ? [...(this.manifests.get(digest)?.attests ?? [])] : []
    })
    await mapConcurrent(listed, async ([digest, image]) => {
      const manifest = items.has(digest) && !this.attestations.has(digest) ? this.manifests.get(digest) : undefined
      if (manifest?.kind !== 'attestation') return
      if (await describes(this.#repository, manifest, image)) this.attestations.set(digest, image)
    })
  }

  /** Whether the attestations that an index lists may be deleted with it. */
  #isOwner(items: ReadonlyMap<string, Item>, digest: string): boolean {
    const isClaimed = () => items.get(digest)?.tags.some((tag) => this.isExpiredTag(tag, digest)) === true
    return this.isExpiredManifest(digest) || (this.#selection.claimsAttestations === true && isClaimed())
  }

  /** Of runs whose tags are on an image without annotation, or on an index of one. */
  async #readLifetimes(items: ReadonlyMap<string, Item>): Promise<void> {
    for (const { digest, tags, createdAt } of items.values()) {
      const hasUnmarked = !this.isAnnotated(digest) || this.manifests.get(digest)?.isPart === true
      if (createdAt === undefined || !hasUnmarked) continue
      for (const tag of tags) {
        const run = this.isExpiredTag(tag, digest) ? this.#selection.claimOf(tag) : undefined
        if (run !== undefined && !this.#lifetimes.has(run)) this.#lifetimes.set(run, await this.#runs.lifetime(run))
      }
    }
  }

  /**
   * Of the runs, those that existed when the manifest was first pushed; none if the API does not report it. With
   * `named`, only those that its own annotation names.
   */
  contentRuns(digest: string, runs: ReadonlySet<string>, { named }: { readonly named: boolean }): string[] {
    const { createdAt } = this.#listed.get(digest)?.version ?? {}
    const versionRun = this.manifests.get(digest)?.versionRun
    return [...runs].filter((run) => {
      const lifetime = this.#lifetimes.get(run)
      const isCreatedDuring =
        lifetime && createdAt !== undefined && createdAt >= lifetime.createdAt && createdAt <= lifetime.endedAt
      return isCreatedDuring && (!named || versionRun === run)
    })
  }

  /** The runs that must have finished before these tags may be deleted. */
  runsOf(tags: readonly string[], digest: string): string[] {
    return tags.flatMap((tag) => this.#selection.runsOfTag(tag, this.manifests.get(digest)))
  }

  /** The runs to ask for right before a manifest is deleted that has these tags, or none. */
  runsToRecheck(tags: readonly string[], digest: string): string[] {
    if (tags.length > 0) return this.runsOf(tags, digest)
    return this.#selection.rechecksRuns ? [this.#selection.runOf(this.manifests.get(digest)) ?? []].flat() : []
  }

  #listedItems(): Map<string, Item> {
    const items = new Map<string, Item>()
    const registryTags = new Map<string, string[]>()
    for (const [tag, digest] of this.snapshot.digests)
      registryTags.set(digest, [...(registryTags.get(digest) ?? []), tag])
    for (const [digest, { version, times }] of this.#listed) {
      const isDeleted = this.deleted.get(digest)?.id === version.id
      if (isDeleted || !this.manifests.has(digest)) continue
      items.set(digest, this.#listedItem(version, registryTags.get(digest) ?? noTags, times))
    }
    for (const [digest, tags] of registryTags)
      if (!items.has(digest) && this.manifests.has(digest))
        items.set(digest, { id: '', digest, tags, confirmed: false })
    return items
  }

  #listedItem({ id, digest, tags, createdAt }: PackageVersion, registryTags: readonly string[], times: number): Item {
    const isCurrent = (tag: string) => (this.snapshot.digests.get(tag) ?? digest) === digest
    const all =
      tags.length + registryTags.length === 0 ? noTags : [...new Set([...tags.filter(isCurrent), ...registryTags])]
    const confirmed = times > 1 || !this.#repository.backend.capabilities.listsById
    return { id, digest, tags: all, confirmed, ...(createdAt !== undefined && { createdAt }) }
  }

  /**
   * If lists contain tagged manifests only, the children of temporary ones have to be read. Of these, only the ones are
   * added that belong to a run by their annotation: an index without a tag, used by its digest, might need the others.
   */
  async #addChildren(items: Map<string, Item>): Promise<void> {
    const temporary = [...items.values()].filter(({ digest, tags }) =>
      tags.some((tag) => this.isExpiredTag(tag, digest)),
    )
    const children = temporary.flatMap(({ digest }) => this.manifests.get(digest)?.refs ?? [])
    // After an index is deleted, only this map still names its images, which have referrers of their own.
    const images = [...temporary.map(({ digest }) => digest), ...children, ...this.childrenOfDeleted.keys()]
    await this.#readManifests(images)
    const lists = [...items.values()].filter(({ tags }) =>
      tags.some((tag) => images.includes(referrerSubject(tag) ?? '')),
    )
    const listed = lists.flatMap(({ digest }) => this.manifests.get(digest)?.refs ?? [])
    const referrers = [...listed, ...(await listReferrers(this.#repository, images))]
    await this.#readManifests(referrers)
    for (const digest of referrers)
      if (!items.has(digest) && !this.deleted.has(digest) && this.manifests.get(digest)?.subject !== undefined)
        items.set(digest, { id: digest, digest, tags: [], confirmed: true })
    const attestations = [...this.manifests.values()].flatMap(({ attests }) => [...attests])
    const owned = new Set(attestations.flatMap(([child, image]) => (this.isAnnotated(image) ? [child] : [])))
    const below = [...items.keys()].flatMap((digest) => this.manifests.get(digest)?.refs ?? [])
    for (const digest of [...below, ...this.childrenOfDeleted.keys()]) {
      if (items.has(digest) || this.deleted.has(digest) || !this.manifests.has(digest)) continue
      if (this.isAnnotated(digest) || owned.has(digest))
        items.set(digest, { id: digest, digest, tags: [], confirmed: true })
    }
  }

  /** The manifests that may be referrers of a temporary image; those of releases are not worth a request. */
  referrerCandidates(items: ReadonlyMap<string, Item>): ManifestInfo[] {
    const isExpired = ({ digest, tags }: Item) => tags.some((tag) => this.isExpiredTag(tag, digest))
    const expired = [...items.values()].filter(isExpired).map(({ digest }) => digest)
    const children = expired.flatMap((digest) => this.manifests.get(digest)?.refs ?? [])
    const temporary = new Set([...expired, ...children, ...this.childrenOfDeleted.keys()])
    const found = new Set<string>()
    // Twice, since a referrer may have referrers of its own.
    for (const [digest, { tags }] of [...items, ...items]) {
      const subject = this.manifests.get(digest)?.subject
      const images = [...(subject === undefined ? [] : [subject]), ...tags.flatMap((tag) => referrerSubject(tag) ?? [])]
      if (images.some((image) => temporary.has(image) || this.isAnnotated(image) || found.has(image))) found.add(digest)
    }
    return [...found].flatMap((digest) => this.manifests.get(digest) ?? [])
  }

  /** Whether the manifest has the annotation of any run. */
  isAnnotated(digest: string): boolean {
    return annotatedRun(this.manifests.get(digest)?.runAnnotation) !== undefined
  }

  /** Whether the run with this id is finished. */
  isFinished(run: string | undefined): boolean {
    return run !== undefined && this.#runs.classify(run).expired
  }

  /** Whether the manifest belongs to a finished run by its annotations. */
  isExpiredManifest(digest: string): boolean {
    return this.isFinished(this.#selection.runOf(this.manifests.get(digest)))
  }

  /** Whether the tag is selected, and all runs that may need it have finished. */
  isExpiredTag(tag: string, digest: string): boolean {
    const isDeletable = this.#selection.isDeletable(tag, this.manifests.get(digest)) && !this.isExcluded(tag)
    return isDeletable && this.runsOf([tag], digest).every((run) => this.isFinished(run))
  }

  /** Why a tag that the cleanup is about stays; undefined for every other tag. */
  keepReason(tag: string, digest: string): string | undefined {
    const manifest = this.manifests.get(digest)
    if (!this.#selection.includes(tag, manifest)) return undefined
    if (this.isExcluded(tag)) return 'it matches `exclude-tags`.'
    const excluded = this.#excludedTags.get(digest)
    if (excluded !== undefined) return `its image also has the tag ${excluded}, which matches \`exclude-tags\`.`
    if (this.isExpiredTag(tag, digest)) return undefined
    const verdicts = this.runsOf([tag], digest).map((run) => this.#runs.classify(run))
    return verdicts.find((verdict) => !verdict.expired)?.reason ?? this.#selection.keepReason(tag, manifest)
  }

  isExcluded(tag: string): boolean {
    return matchesPattern(tag, this.#excluded)
  }

  /** The manifests with a tag that stays because of `exclude-tags`. */
  excludedDigests(items: ReadonlyMap<string, Item>): string[] {
    const hasExcluded = ({ tags }: Item) => tags.some((tag) => this.isExcluded(tag))
    return [...items.values()].filter(hasExcluded).map(({ digest }) => digest)
  }

  /** Whether a listed tag may be deleted with its manifest: a history whose cache is deleted has such tags only. */
  isRemovableTag(tag: string, digest: string): boolean {
    const isOfHistory = this.manifests.get(digest)?.kind === 'history' && !this.isExcluded(tag)
    return isOfHistory || this.isExpiredTag(tag, digest)
  }
}
