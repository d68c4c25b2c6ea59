import { setTimeout as delay } from 'node:timers/promises'
import { mapConcurrent } from '../../lib/concurrency.ts'
import type { BlobStorage } from '../../registry/uploads.ts'
import type { Manifest } from '../../registry/manifest.ts'
import { verifyStored, withReplicas } from '../verify.ts'
import type { SourceImage } from './source.ts'
import { linkReferrers } from './links.ts'
import { BlobTransfer, type Destination } from './transfer.ts'
import type { RepositoryClient } from './tree.ts'

/** What the copy to one repository transferred. */
export interface Transfer {
  /** How many blobs. */
  readonly blobs: Readonly<Record<BlobStorage, number>>
  /** Of the uploaded blobs. */
  readonly bytes: number
}

/** Uploads at the same time, as in Docker: each has its own connection to both registries. */
const maxUploads = 5

/** Stores the image by digest, children first, and verifies it. No tag of the image is updated. */
export async function storeImage(image: SourceImage, to: Destination): Promise<Transfer> {
  const known = findKnown(image.tree.manifests, to)
  known.catch(ignore)
  const transfer = await storeBlobs(image, to)
  await storeManifests(image, to, await known)
  await linkReferrers(to, image.referrers)
  return transfer
}

const ignore = () => undefined

/** The digests of the manifests that the repository has already. */
async function findKnown(
  manifests: readonly Manifest[],
  { client, path }: RepositoryClient,
): Promise<ReadonlySet<string>> {
  const found = await mapConcurrent(manifests, ({ digest }) => client.headManifest(path, digest))
  return new Set(manifests.filter((_, at) => found[at] !== undefined).map(({ digest }) => digest))
}

/** Each group is verified while the next one, which refers to it, is stored. */
async function storeManifests(
  { root, tree }: SourceImage,
  { client, path }: RepositoryClient,
  known: ReadonlySet<string>,
): Promise<void> {
  const replicas = withReplicas(client, delay)
  const verifications: Promise<unknown>[] = []
  for (const level of tree.levels) {
    const missing = level.filter(({ digest }) => !known.has(digest))
    await mapConcurrent(missing, ({ digest, bytes, mediaType }) => client.putManifest(path, digest, bytes, mediaType))
    const unverified = level.filter((manifest) => missing.includes(manifest) || manifest.digest === root.digest)
    const verification = mapConcurrent(unverified, (manifest) => verifyStored(replicas, path, manifest))
    verification.catch(ignore)
    verifications.push(verification)
  }
  await Promise.all(verifications)
}

async function storeBlobs({ repository, tree }: SourceImage, to: Destination): Promise<Transfer> {
  const isSame = repository.client.registry === to.client.registry && repository.path === to.path
  const transfer = new BlobTransfer(repository, to)
  const stored = await mapConcurrent(
    isSame ? [] : tree.blobs,
    async (blob) => ({ blob, storage: await transfer.store(blob) }),
    maxUploads,
  )
  const count = (kind: BlobStorage) => stored.filter(({ storage }) => storage === kind).length
  return {
    blobs: { existing: count('existing'), mounted: count('mounted'), uploaded: count('uploaded') },
    bytes: stored.reduce((sum, { blob, storage }) => sum + (storage === 'uploaded' ? blob.size : 0), 0),
  }
}
