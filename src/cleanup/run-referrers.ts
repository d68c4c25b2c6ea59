import { errorMessage } from '../lib/errors.ts'
import type { PackageVersion } from '../packages/backend.ts'
import {
  listReferrers,
  listTagNames,
  readManifests,
  refreshVersion,
  resolveTags,
  type PackageRepository,
} from '../packages/repository.ts'
import { decide } from './ownership.ts'
import { findReferrers, referrerSubject, type Referrer } from './referrers.ts'
import { toOutcome, type Outcome } from './run-artifacts.ts'

/** Signatures, attestations and other referrers of the images of a run, which are deleted with their image. */
export class RunReferrers {
  readonly #repository: PackageRepository
  readonly #deleted = new Map<string, readonly PackageVersion[]>()
  #images: ReadonlySet<string> = new Set()
  #referrers: readonly Referrer[] = []
  #tags: ReadonlyMap<string, string> = new Map()

  constructor(repository: PackageRepository) {
    this.#repository = repository
  }

  /** By the tags that referrers have where a registry has no API for them, and by that API. */
  async find(images: ReadonlySet<string>): Promise<void> {
    const { registry, repository } = this.#repository
    this.#images = images
    const names = await listTagNames(registry, repository)
    this.#tags = await resolveTags(
      this.#repository,
      names.filter((tag) => this.isReferrerTag(tag)),
    )
    const listed = await listReferrers(this.#repository, images)
    const tagged = await readManifests(this.#repository, [...this.#tags.values(), ...listed])
    const entries = await readManifests(
      this.#repository,
      [...tagged.values()].flatMap(({ refs }) => refs),
    )
    const referrers = await findReferrers(this.#repository, new Map([...tagged, ...entries]).values(), (digest) =>
      this.#tagsOn(digest),
    )
    this.#referrers = referrers.filter(({ subject }) => images.has(subject))
  }

  get digests(): string[] {
    return this.#referrers.map(({ digest }) => digest)
  }

  /** Whether the tag refers to an image of this run by its name. */
  isReferrerTag(tag: string): boolean {
    return this.#images.has(referrerSubject(tag) ?? '')
  }

  has(image: string): boolean {
    return this.#referrers.some(({ subject }) => subject === image)
  }

  /** Deletes the referrers of an image, right before the image; returns why others stay. */
  async deleteFor(
    image: string,
    versions: ReadonlyMap<string, PackageVersion>,
    needed: ReadonlySet<string>,
  ): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    const deleted: PackageVersion[] = []
    for (const { digest, subject } of this.#referrers) {
      if (subject !== image) continue
      const removable = this.#tagsOn(digest)
      try {
        const listed = versions.get(digest) ?? { id: digest, digest, tags: removable }
        const version = await refreshVersion(this.#repository, { ...listed, tags: removable })
        const decision = decide({ digest, removable, version, tags: removable, needed })
        if (decision.action === 'skip' || decision.action === 'untag')
          outcomes.push({ subject: digest, deleted: false, reason: decision.reason })
        if (decision.action !== 'delete' || !version) continue
        await this.#repository.backend.remove(version)
        deleted.push(version)
      } catch (error) {
        outcomes.push(toOutcome(error, digest))
      }
    }
    this.#deleted.set(image, deleted)
    return outcomes
  }

  /** Restores the referrers of an image that stays. */
  async restoreFor(image: string): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    for (const version of [...(this.#deleted.get(image) ?? [])].reverse()) {
      const isRestored = await this.#repository.backend.restore(version).catch((error: unknown) => errorMessage(error))
      const reason = 'it was restored, because the image that it describes is kept.'
      if (isRestored === true) outcomes.push({ subject: version.digest, deleted: false, reason })
    }
    this.#deleted.delete(image)
    return outcomes
  }

  #tagsOn(digest: string): string[] {
    return [...this.#tags].flatMap(([tag, target]) => (target === digest ? [tag] : []))
  }
}
