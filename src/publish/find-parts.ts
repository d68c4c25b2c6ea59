import { readStatement, type Statement } from '../cleanup/attestations.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import type { Platform } from '../lib/platform.ts'
import { asList, asRecord, asTextRecord, tryParseJson } from '../lib/json.ts'
import { parseManifestInfo } from '../packages/manifest-info.ts'
import { listTagNames, unlessNotFound } from '../packages/repository.ts'
import type { ClientFactory } from '../registry/client-factory.ts'
import type { RegistryClient } from '../registry/client.ts'
import {
  computeDigest,
  isAttestation,
  isIndexType,
  parseDescriptor,
  type Descriptor,
  type Manifest,
} from '../registry/manifest.ts'
import type { Repository, TagReference } from '../registry/reference.ts'
import { parseParts, partAnnotations, type PartInfo } from '../run/parts.ts'
import { parsePlatformRecord } from './index.ts'

/** What a build tag names, or one platform of it: the tag of merged parts names several. */
export interface TaggedPart {
  readonly tag: TagReference
  /** Of what the tag names. */
  readonly digest: string
  /** What its annotations say; undefined if it is not a part. */
  readonly info: PartInfo | undefined
  /** The index of this platform. */
  readonly index: Manifest
  /** The digests of the images in it; a part has one. */
  readonly images: readonly string[]
  readonly attestations: readonly string[]
}

/** What a build tag names; nothing if it does not exist. */
export async function readParts(client: RegistryClient, tag: TagReference): Promise<readonly TaggedPart[]> {
  const manifest = await unlessNotFound(client.getManifest(tag.path, tag.tag))
  if (!manifest) return []
  const { annotations } = asRecord(tryParseJson(new TextDecoder().decode(manifest.bytes)))
  return splitIndex(tag, manifest, isIndexType(manifest.mediaType) ? parseParts(asTextRecord(annotations)) : [])
}

/** PURE: the parts in an index: a part of several platforms has the image of its platform and its attestations. */
function splitIndex(tag: TagReference, manifest: Manifest, infos: readonly PartInfo[]): readonly TaggedPart[] {
  const document = asRecord(tryParseJson(new TextDecoder().decode(manifest.bytes)))
  const children = asList(document['manifests']).flatMap((entry) => parseDescriptor(entry) ?? [])
  const describe = (info: PartInfo | undefined, index: Manifest, entries: readonly Descriptor[]): TaggedPart => {
    const digests = (areAttestations: boolean) =>
      entries.filter((entry) => isAttestation(entry) === areAttestations).map(({ digest }) => digest)
    return { tag, digest: manifest.digest, info, index, images: digests(false), attestations: digests(true) }
  }
  if (infos.length < 2) return [describe(infos[0], manifest, children)]
  return infos.map((info) => {
    const entries = entriesOf(children, info.platform)
    const bytes = Buffer.from(JSON.stringify({ ...document, manifests: entries }))
    return describe(info, { bytes, mediaType: manifest.mediaType, digest: computeDigest(bytes) }, entries)
  })
}

/** The image of a platform, and its attestations. */
function entriesOf(children: readonly Descriptor[], platform: Platform): readonly Descriptor[] {
  const images = children.filter((child) => !isAttestation(child) && parsePlatformRecord(child.platform) === platform)
  const isOfImage = ({ annotations }: Descriptor) =>
    images.some(({ digest }) => digest === annotations?.['vnd.docker.reference.digest'])
  return [...images, ...children.filter((child) => isAttestation(child) && isOfImage(child))]
}

interface Search {
  readonly repository: Repository
  /** What all build tags of the run begin with. */
  readonly prefix: string
  /** Build tags that are known: they are read even if the list of tags lags behind. */
  readonly expected: readonly string[]
  /** Whether nothing is missing. */
  readonly isComplete: (parts: readonly TaggedPart[]) => boolean
  readonly sleep: (ms: number) => Promise<unknown>
}

/** Milliseconds between searches, while a registry may lag behind what other jobs pushed. */
const searchPauses: readonly number[] = [500, 1000, 2000, 4000, 8000]

/** Everything under the build tags of a run in a repository. What is missing may arrive while this waits. */
export async function findParts(client: RegistryClient, search: Search): Promise<readonly TaggedPart[]> {
  let parts = await searchOnce(client, search)
  for (const pause of searchPauses) {
    if (search.isComplete(parts)) break
    await search.sleep(pause)
    parts = await searchOnce(client, search)
  }
  return parts
}

async function searchOnce(client: RegistryClient, search: Search): Promise<readonly TaggedPart[]> {
  const { repository, prefix, expected } = search
  const listed = (await listTagNames(client, repository.path)).filter((tag) => tag.startsWith(prefix))
  const tags = [...new Set([...listed, ...expected])]
  return (await mapConcurrent(tags, (tag) => readParts(client, { ...repository, tag }))).flat()
}

/**
 * Checks what the attestations of a part say about themselves: every statement has to describe the part's image, and
 * provenance must not name another run.
 *
 * @returns why an attestation is refused; undefined if all are valid
 */
export async function findForeignAttestation(
  client: RegistryClient,
  { repository, images: [image = ''], attestations }: TaggedPart & { readonly repository: string },
  runId: string,
): Promise<string | undefined> {
  const problems = await mapConcurrent(attestations, async (digest) => {
    const read = await readStatements(client, repository, digest)
    if (read.length === 0) return [`${digest} is not an attestation`]
    return read.flatMap(({ subjects, run }) => {
      if (!subjects.includes(image)) return [`the attestation ${digest} describes another image`]
      return run !== undefined && run !== runId ? [`its provenance names run ${run}`] : []
    })
  })
  return problems.flat()[0]
}

async function readStatements(client: RegistryClient, repository: string, digest: string): Promise<Statement[]> {
  const { bytes, mediaType } = await client.getManifest(repository, digest)
  const { statements } = parseManifestInfo(digest, bytes, mediaType)
  return await Promise.all(statements.map((blob) => readStatement({ registry: client, repository }, blob)))
}

interface PublishedTags {
  readonly variant: string
  readonly platforms: readonly Platform[]
  /** Of all repositories. */
  readonly tags: readonly TagReference[]
}

/**
 * What an earlier merge of this run has published, if its post step has deleted all parts since: all tags name one
 * index, and the provenance of each image in it names this run. Nothing else proves it.
 */
export async function findPublished(
  { variant, platforms, tags }: PublishedTags,
  event: Parameters<typeof partAnnotations>[0],
  createClient: ClientFactory,
): Promise<readonly TaggedPart[]> {
  const annotations = partAnnotations(event, '', { platforms, variant })
  const found = await mapConcurrent(tags, async (tag) => {
    const client = await createClient(tag)
    const manifest = await unlessNotFound(client.getManifest(tag.path, tag.tag))
    const isIndex = manifest !== undefined && isIndexType(manifest.mediaType)
    const parts = isIndex ? splitIndex(tag, manifest, parseParts(annotations)) : []
    const areOfRun = await Promise.all(parts.map((part) => isBuiltBy(event.runId, client, part)))
    return areOfRun.includes(false) ? [] : parts
  })
  const digests = new Set(found.map(([part]) => part?.digest))
  return digests.size === 1 ? found.flat() : []
}

/** Whether provenance that is about the image names the run. */
async function isBuiltBy(runId: string, client: RegistryClient, part: TaggedPart): Promise<boolean> {
  const [image = ''] = part.images
  const statements = await mapConcurrent(part.attestations, (digest) => readStatements(client, part.tag.path, digest))
  return statements.flat().some(({ subjects, run }) => run === runId && subjects.includes(image))
}
