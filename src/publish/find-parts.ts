import { readStatement } from '../cleanup/attestations.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import { asList, asRecord, asTextRecord, tryParseJson } from '../lib/json.ts'
import { parseManifestInfo } from '../packages/manifest-info.ts'
import { listTagNames, unlessNotFound } from '../packages/repository.ts'
import type { RegistryClient } from '../registry/client.ts'
import { isAttestation, isIndexType, parseDescriptor } from '../registry/manifest.ts'
import type { Repository, TagReference } from '../registry/reference.ts'
import { parsePart, type PartInfo } from '../run/parts.ts'

/** What a build tag names. */
export interface TaggedPart {
  readonly tag: TagReference
  /** Of the index. */
  readonly digest: string
  /** What its annotations say; undefined if it is not a part. */
  readonly info: PartInfo | undefined
  /** The digests of the images in it; a part has one. */
  readonly images: readonly string[]
  readonly attestations: readonly string[]
}

/** What a build tag names; undefined if it does not exist. */
export async function readPart(client: RegistryClient, tag: TagReference): Promise<TaggedPart | undefined> {
  const manifest = await unlessNotFound(client.getManifest(tag.path, tag.tag))
  if (!manifest) return undefined
  const document = asRecord(tryParseJson(new TextDecoder().decode(manifest.bytes)))
  const children = asList(document['manifests']).flatMap((entry) => parseDescriptor(entry) ?? [])
  const digests = (areAttestations: boolean) =>
    children.filter((child) => isAttestation(child) === areAttestations).map(({ digest }) => digest)
  return {
    tag,
    digest: manifest.digest,
    info: isIndexType(manifest.mediaType) ? parsePart(asTextRecord(document['annotations'])) : undefined,
    images: digests(false),
    attestations: digests(true),
  }
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
  const found = await mapConcurrent(tags, (tag) => readPart(client, { ...repository, tag }))
  return found.flatMap((part) => part ?? [])
}

/**
 * Checks what the attestations of a part say about themselves: every statement has to describe the part's image, and
 * provenance must not name another run.
 *
 * @returns why an attestation is refused; undefined if all are valid
 */
export async function findForeignAttestation(
  client: RegistryClient,
  { tag, images: [image = ''], attestations }: TaggedPart,
  runId: string,
): Promise<string | undefined> {
  const problems = await mapConcurrent(attestations, async (digest) => {
    const { bytes, mediaType } = await client.getManifest(tag.path, digest)
    const { statements } = parseManifestInfo(digest, bytes, mediaType)
    const store = { registry: client, repository: tag.path }
    const read = await Promise.all(statements.map((blob) => readStatement(store, blob)))
    if (read.length === 0) return [`${digest} is not an attestation`]
    return read.flatMap(({ subjects, run }) => {
      if (!subjects.includes(image)) return [`the attestation ${digest} describes another image`]
      return run !== undefined && run !== runId ? [`its provenance names run ${run}`] : []
    })
  })
  return problems.flat()[0]
}
