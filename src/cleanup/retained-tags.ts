import { matchesPattern } from '../forge/run-status.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import type { PackageVersion } from '../packages/backend.ts'
import type { ManifestInfo } from '../packages/manifest-info.ts'
import type { PackageRepository } from '../packages/repository.ts'
import { annotatedRun } from '../run/names.ts'
import { ImageAges } from './image-age.ts'
import { referrerSubject } from './referrers.ts'
import { decideRetention, type DatedTag, type RetentionRules, type TagVerdict } from './retention.ts'
import { requiredRuns, type Selection } from './selection.ts'

type Manifests = ReadonlyMap<string, ManifestInfo>

interface Tags {
  /** Every tag of the registry, with its digest. */
  readonly digests: ReadonlyMap<string, string>
  readonly manifests: Manifests
  /** As the API listed it; undefined if it did not. */
  readonly versionOf: (digest: string) => PackageVersion | undefined
  readonly isExcluded: (tag: string) => boolean
}

type Options = Pick<RetentionRules, 'keep' | 'olderThan' | 'patterns'>

/** The cleanup that keeps the newest images of each pattern: which tags these are, by what was read last. */
export class RetainedTags {
  readonly selection: Selection
  readonly #repository: PackageRepository
  readonly #options: Options
  readonly #ages: ImageAges
  #verdicts: ReadonlyMap<string, TagVerdict> = new Map()

  constructor(repository: PackageRepository, options: Options) {
    this.#repository = repository
    this.#options = options
    this.#ages = new ImageAges(repository)
    this.selection = this.#createSelection()
  }

  /** Decides again, after something was read. */
  async update({ digests, manifests, versionOf, isExcluded }: Tags): Promise<void> {
    const images = [...digests].filter(
      ([tag, digest]) => this.selection.includes(tag, manifests.get(digest)) && !isExcluded(tag),
    )
    const tagsOf = new Map<string, string[]>()
    for (const [tag, digest] of images) tagsOf.set(digest, [...(tagsOf.get(digest) ?? []), tag])
    const dated = await mapConcurrent([...tagsOf], async ([digest, tags]): Promise<DatedTag[]> => {
      const { createdAt: pushedAt, taggedAt } = versionOf(digest) ?? {}
      const age = await this.#ages.of({ digest, tags, pushedAt, taggedAt })
      return tags.map((tag) => ({ tag, digest, age }))
    })
    this.#verdicts = decideRetention(dated.flat(), { ...this.#options, now: this.#repository.clock.now() })
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
}

/** Not a cache, nor what belongs to an image: that goes with the image. */
function isImage(tag: string, manifest: ManifestInfo | undefined): boolean {
  const isImageOrIndex = manifest?.kind === 'image' || manifest?.kind === 'index'
  return isImageOrIndex && manifest.subject === undefined && referrerSubject(tag) === undefined
}
