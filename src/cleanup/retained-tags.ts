import { matchesPattern } from '../forge/run-status.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { parseConfigDigest, type ManifestInfo } from '../packages/manifest-info.ts'
import { unlessNotFound, type PackageRepository } from '../packages/repository.ts'
import { annotatedRun } from '../run/names.ts'
import { referrerSubject } from './referrers.ts'
import { decideRetention, type DatedTag, type RetentionRules, type TagVerdict } from './retention.ts'
import { requiredRuns, type Selection } from './selection.ts'

type Manifests = ReadonlyMap<string, ManifestInfo>

interface Tags {
  /** Every tag of the registry, with its digest. */
  readonly digests: ReadonlyMap<string, string>
  readonly manifests: Manifests
  /** When the manifest was first pushed, if the API tells. */
  readonly pushedAt: (digest: string) => number | undefined
  readonly isExcluded: (tag: string) => boolean
}

type Options = Pick<RetentionRules, 'keep' | 'olderThan' | 'patterns'>

/** The cleanup that keeps the newest images of each pattern: which tags these are, by what was read last. */
export class RetainedTags {
  readonly selection: Selection
  readonly #repository: PackageRepository
  readonly #options: Options
  /** Of images whose date only their configuration tells. */
  readonly #dates = new Map<string, number | undefined>()
  #verdicts: ReadonlyMap<string, TagVerdict> = new Map()

  constructor(repository: PackageRepository, options: Options) {
    this.#repository = repository
    this.#options = options
    this.selection = this.#createSelection()
  }

  /** Decides again, after something was read. */
  async update({ digests, manifests, pushedAt, isExcluded }: Tags): Promise<void> {
    const { listsById } = this.#repository.backend.capabilities
    const images = [...digests].filter(
      ([tag, digest]) => this.selection.includes(tag, manifests.get(digest)) && !isExcluded(tag),
    )
    const dated = await mapConcurrent(images, async ([tag, digest]): Promise<DatedTag> => {
      const createdAt = listsById ? pushedAt(digest) : await this.#readDate(digest)
      return { tag, digest, createdAt }
    })
    this.#verdicts = decideRetention(dated, { ...this.#options, now: this.#repository.clock.now() })
  }

  /**
   * Whether an image without ownership annotation is one of those that the patterns of these tags are about: it says so
   * itself, or it is an index and all images in it do. A tag proves nothing: anybody who may push can put it on any
   * image.
   */
  isNamed(digest: string, tags: ReadonlySet<string>, manifests: Manifests): boolean {
    const patterns = this.#options.patterns.filter((pattern) => [...tags].some((tag) => matchesPattern(tag, [pattern])))
    const isVersion = (version: string | undefined) => version !== undefined && matchesPattern(version, patterns)
    const manifest = manifests.get(digest)
    if (manifest?.kind !== 'index' || manifest.version !== undefined) return isVersion(manifest?.version)
    const entries = manifest.refs.map((ref) => manifests.get(ref))
    const images = entries.filter((entry) => entry?.kind !== 'attestation')
    return images.length > 0 && images.every((image) => isVersion(image?.version))
  }

  #createSelection(): Selection {
    const { patterns } = this.#options
    const verdictOf = (tag: string) => this.#verdicts.get(tag)
    return {
      includes: (tag, manifest) => matchesPattern(tag, patterns) && isImage(tag, manifest),
      isDeletable: (tag, manifest) => {
        const verdict = verdictOf(tag)
        return verdict?.isExpired === true && verdict.digest === manifest?.digest
      },
      keepReason: (tag) => verdictOf(tag)?.reason ?? 'the tag was updated meanwhile.',
      runsOfTag: (tag, manifest) => (matchesPattern(tag, patterns) ? requiredRuns(tag, manifest) : []),
      runOf: (manifest) => annotatedRun(manifest?.runAnnotation),
      claimOf: (tag) => (matchesPattern(tag, patterns) ? tag : undefined),
      claimsAttestations: true,
      reason: ([tag = '']) => verdictOf(tag)?.reason ?? '',
    }
  }

  /** The newest date of its images; undefined if none tells. */
  async #readDate(digest: string): Promise<number | undefined> {
    if (this.#dates.has(digest)) return this.#dates.get(digest)
    const { manifest } = this.#repository
    const entries = await Promise.all(((await manifest(digest))?.refs ?? []).map(manifest))
    const children = entries.flatMap((entry) => (entry?.kind === 'image' ? [entry.digest] : []))
    const dates = await Promise.all([digest, ...children].map((image) => readCreated(this.#repository, image)))
    const known = dates.flatMap((date) => date ?? [])
    const newest = known.length === 0 ? undefined : Math.max(...known)
    this.#dates.set(digest, newest)
    return newest
  }
}

/** Not a cache, nor what belongs to an image: that goes with the image. */
function isImage(tag: string, manifest: ManifestInfo | undefined): boolean {
  const isImageOrIndex = manifest?.kind === 'image' || manifest?.kind === 'index'
  return isImageOrIndex && manifest.subject === undefined && referrerSubject(tag) === undefined
}

/** Reproducible builds have a constant date, such as 1970-01-01 or 1980-01-01. There were no images before this one. */
const earliest = Date.UTC(2000, 0)

async function readCreated({ registry, repository }: PackageRepository, image: string): Promise<number | undefined> {
  const manifest = await unlessNotFound(registry.getManifest(repository, image))
  const config = manifest && parseConfigDigest(manifest.bytes)
  const bytes = config === undefined ? undefined : await unlessNotFound(registry.getBlob(repository, config))
  const { created } = asRecord(bytes && tryParseJson(new TextDecoder().decode(bytes)))
  const date = Date.parse(asText(created))
  return date >= earliest ? date : undefined
}
