import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { parseConfigDigest, parseProvenanceBlobs, type ManifestInfo } from '../packages/manifest-info.ts'
import { unlessNotFound, type PackageRepository } from '../packages/repository.ts'

/** When an image was last published, in milliseconds since the epoch; or why that is unknown. */
export type ImageAge = { readonly publishedAt: number } | { readonly publishedAt?: undefined; readonly unknown: string }

interface TaggedImage {
  readonly digest: string
  /** Its tags that the cleanup is about. */
  readonly tags: readonly string[]
  /** When the manifest was first pushed, if the API reports it. */
  readonly pushedAt: number | undefined
  /** When a tag of it was last pushed, if the API reports it. */
  readonly taggedAt: number | undefined
}

/** The content of an image as evidence of its age: the content of a digest never changes. */
interface Content {
  /** When its build finished, by its provenance. */
  readonly builtAt: number | undefined
  /** `created` of the configurations of its images. */
  readonly created: readonly string[]
  /** No other run can have pushed the same digest. */
  readonly isOfOneRun: boolean
}

/**
 * Finds out when images were published. `created` in a configuration is no evidence: BuildKit takes it from the last
 * step, which may come from a cache, and a reproducible build sets a constant. The same digest may also be published
 * again, which no API but Forgejo's reports.
 */
export class ImageAges {
  readonly #repository: PackageRepository
  readonly #contents = new Map<string, Promise<Content>>()

  constructor(repository: PackageRepository) {
    this.#repository = repository
  }

  async of({ digest, tags, pushedAt, taggedAt }: TaggedImage): Promise<ImageAge> {
    if (taggedAt !== undefined) return { publishedAt: taggedAt }
    if (tags.length > 1)
      return { unknown: `it has the tags ${tags.join(', ')}, so it may be an older image that was pushed again` }
    const content = this.#contents.get(digest) ?? readContent(this.#repository, digest)
    this.#contents.set(digest, content)
    return ageOf(await content, pushedAt, this.#repository.backend.capabilities.listsById)
  }
}

function ageOf({ builtAt, created, isOfOneRun }: Content, pushedAt: number | undefined, isListed: boolean): ImageAge {
  if (!isListed)
    return builtAt === undefined
      ? { unknown: 'it has no provenance with the time of its build, and the registry reports no time' }
      : { publishedAt: builtAt }
  if (pushedAt === undefined) return { unknown: 'the API does not list it yet' }
  if (builtAt !== undefined) return { publishedAt: Math.max(builtAt, pushedAt) }
  if (isOfOneRun || created.some((time) => isTimeOfBuild(time, pushedAt))) return { publishedAt: pushedAt }
  return {
    unknown: 'it has neither provenance nor the time of its build, so it may be an older image that was pushed again',
  }
}

const day = 24 * 60 * 60 * 1000

/** A clock gives fractions of a second, SOURCE_DATE_EPOCH whole ones; a time long before the push is from a cache. */
function isTimeOfBuild(created: string, pushedAt: number): boolean {
  return /\.\d*[1-9]/.test(created) && Math.abs(pushedAt - Date.parse(created)) < day
}

async function readContent(repository: PackageRepository, digest: string): Promise<Content> {
  const top = await repository.manifest(digest)
  const entries = await Promise.all((top?.refs ?? []).map(repository.manifest))
  const all = [top, ...entries].flatMap((manifest) => manifest ?? [])
  const attestations = all.filter(({ kind }) => kind === 'attestation')
  const times = (await Promise.all(attestations.map((one) => readFinishTimes(repository, one)))).flat()
  const isOfOneRun = top?.runAnnotation !== undefined
  if (times.length > 0) return { builtAt: Math.max(...times), created: [], isOfOneRun }
  const images = all.filter(({ kind }) => kind === 'image')
  const created = await Promise.all(images.map((image) => readCreated(repository, image)))
  return { builtAt: undefined, created, isOfOneRun }
}

/** A tool may write a constant, such as 1970-01-01 or 1980-01-01. */
const earliest = Date.UTC(2000, 0)

/** https://slsa.dev/spec/v1.0/provenance and https://slsa.dev/spec/v0.2/provenance */
async function readFinishTimes(repository: PackageRepository, { digest }: ManifestInfo): Promise<number[]> {
  const manifest = await unlessNotFound(repository.registry.getManifest(repository.repository, digest))
  const statements = await Promise.all(
    (manifest ? parseProvenanceBlobs(manifest.bytes) : []).map((blob) => readJson(repository, blob)),
  )
  return statements.flatMap(({ predicate }) => {
    const { runDetails, metadata } = asRecord(predicate)
    const finishedOn =
      asText(asRecord(asRecord(runDetails)['metadata'])['finishedOn']) || asText(asRecord(metadata)['buildFinishedOn'])
    const time = Date.parse(finishedOn)
    return time >= earliest ? [time] : []
  })
}

async function readCreated(repository: PackageRepository, { digest }: ManifestInfo): Promise<string> {
  const manifest = await unlessNotFound(repository.registry.getManifest(repository.repository, digest))
  const config = manifest && parseConfigDigest(manifest.bytes)
  return config === undefined ? '' : asText((await readJson(repository, config))['created'])
}

/** Empty if it does not exist or is not JSON. */
async function readJson(
  { registry, repository }: PackageRepository,
  blob: string,
): Promise<Readonly<Record<string, unknown>>> {
  const bytes = await unlessNotFound(registry.getBlob(repository, blob))
  return asRecord(bytes && tryParseJson(new TextDecoder().decode(bytes)))
}
