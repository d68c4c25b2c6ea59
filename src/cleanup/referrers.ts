import { mapConcurrent } from '../lib/concurrency.ts'
import type { ManifestInfo } from '../packages/manifest-info.ts'
import { readManifests, type PackageRepository } from '../packages/repository.ts'
import { describes } from './attestations.ts'

/**
 * PURE: the image that a tag refers to by its name: `sha256-<hex>` is the list of referrers where a registry has no
 * referrers API (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema);
 * `sha256-<hex>.sig`, `.att` and `.sbom` are cosign's.
 */
export function referrerSubject(tag: string): string | undefined {
  const hex = /^sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?$/.exec(tag)?.[1]
  return hex === undefined ? undefined : `sha256:${hex}`
}

/** A manifest that belongs to an image, and is deleted with it. */
export interface Referrer {
  readonly digest: string
  /** The image. */
  readonly subject: string
}

/**
 * Of the manifests, those that are referrers of an image by their own content (rule 4 in ownership.ts): a `subject`, a
 * signature, a list of nothing but referrers. A tag alone proves nothing: anybody who may push can put it on any image.
 */
export async function findReferrers(
  repository: PackageRepository,
  manifests: Iterable<ManifestInfo>,
  tagsOf: (digest: string) => readonly string[],
): Promise<Referrer[]> {
  const found = await mapConcurrent([...manifests], async (manifest) => {
    const { digest, subject } = manifest
    if (subject !== undefined) return [{ digest, subject }]
    const images = [...new Set(tagsOf(digest).flatMap((tag) => referrerSubject(tag) ?? []))]
    const [image, ...others] = images
    if (image === undefined || others.length > 0) return []
    return (await isReferrer(repository, manifest, image)) ? [{ digest, subject: image }] : []
  })
  return found.flat()
}

async function isReferrer(repository: PackageRepository, manifest: ManifestInfo, image: string): Promise<boolean> {
  // The content of an SBOM does not name its image; it is not an image itself.
  if (manifest.kind === 'sbom') return true
  if (manifest.kind !== 'index') return await describes(repository, manifest, image)
  const entries = await readManifests(repository, manifest.refs)
  return manifest.runAnnotation === undefined && [...entries.values()].every(({ subject }) => subject === image)
}
