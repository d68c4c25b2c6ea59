import { mapConcurrent } from '../../lib/concurrency.ts'
import { isNotFound } from '../../lib/errors.ts'
import { parseChildren } from '../../packages/manifest-info.ts'
import { isDigest, type Manifest } from '../../registry/manifest.ts'
import { parseContent, sourceError } from './content.ts'
import type { ManifestTree, RepositoryClient } from './tree.ts'

/** Signatures and attestations of the manifests of an image. */
export interface Referrers {
  /** Subject → the manifests that name it. */
  readonly bySubject: ReadonlyMap<string, readonly Manifest[]>
  /** Cosign's classic tags. */
  readonly tags: readonly TaggedManifest[]
}

export interface TaggedManifest {
  readonly tag: string
  readonly manifest: Manifest
}

/** The tag with the list of referrers where a registry has no API for them; cosign adds `.sig`, `.att`, `.sbom`. */
export function fallbackTag(digest: string): string {
  return digest.replace(':', '-')
}

/** Whose referrers are read at the same time: each takes five requests. */
const maxSubjects = 4
const classicSuffixes = ['.sig', '.att', '.sbom']

/**
 * Finds what describes the manifests of the tree, and what describes that in turn, and adds all of it to the tree: by
 * the referrers API, by the fallback tag, and by cosign's classic tags.
 */
export async function addReferrers(repository: RepositoryClient, tree: ManifestTree): Promise<Referrers> {
  const bySubject = new Map<string, readonly Manifest[]>()
  const tags: TaggedManifest[] = []
  const api = { isMissing: false }
  let subjects = tree.manifests
  while (subjects.length > 0) {
    const known = new Set(tree.manifests.map(({ digest }) => digest))
    const found = await mapConcurrent(
      subjects,
      async ({ digest }) => {
        const [listed, classic] = await Promise.all([
          findListed(repository, digest, api),
          findClassic(repository, digest),
        ])
        return { digest, listed, classic }
      },
      maxSubjects,
    )
    for (const { digest, listed, classic } of found) {
      if (listed.length > 0) bySubject.set(digest, listed)
      tags.push(...classic)
      for (const manifest of [...listed, ...classic.map((entry) => entry.manifest)]) await tree.add(manifest)
    }
    subjects = tree.manifests.filter(({ digest }) => !known.has(digest))
  }
  return { bySubject, tags }
}

/** By the API and by the fallback tag: a registry may have got its API later. */
async function findListed(
  { client, path }: RepositoryClient,
  digest: string,
  api: { isMissing: boolean },
): Promise<Manifest[]> {
  const [listed, fallback] = await Promise.all([
    api.isMissing ? undefined : client.listReferrers(path, digest),
    getIfExists({ client, path }, fallbackTag(digest)),
  ])
  if (!listed) api.isMissing = true
  const digests = new Set([...(listed ?? []), ...(fallback ? parseChildren(fallback.bytes).filter(isDigest) : [])])
  if (digests.size > maxReferrers) throw sourceError(`${digest} has more than ${maxReferrers} referrers`)
  const manifests = await mapConcurrent([...digests], (referrer) => getIfExists({ client, path }, referrer))
  // A list may contain what was deleted; what does not name the image is not a referrer.
  return manifests.flatMap((manifest) => (manifest && parseContent(manifest).subject === digest ? [manifest] : []))
}

const maxReferrers = 500

async function findClassic(repository: RepositoryClient, digest: string): Promise<TaggedManifest[]> {
  const tags = classicSuffixes.map((suffix) => `${fallbackTag(digest)}${suffix}`)
  const found = await Promise.all(tags.map(async (tag) => ({ tag, manifest: await getIfExists(repository, tag) })))
  return found.flatMap(({ tag, manifest }) => (manifest ? [{ tag, manifest }] : []))
}

export async function getIfExists(
  { client, path }: RepositoryClient,
  reference: string,
): Promise<Manifest | undefined> {
  return await client.getManifest(path, reference).catch((error: unknown) => {
    if (isNotFound(error)) return undefined
    throw error
  })
}
