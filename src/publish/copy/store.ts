import { setTimeout as delay } from 'node:timers/promises'
import { mapConcurrent } from '../../lib/concurrency.ts'
import type { BlobStorage } from '../../registry/uploads.ts'
import type { Manifest } from '../../registry/manifest.ts'
import { verifyStored, withReplicas } from '../verify.ts'
import type { SourceImage } from './source.ts'
import { linkReferrers } from './links.ts'
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
export async function storeImage(image: SourceImage, to: RepositoryClient): Promise<Transfer> {
  const { client, path } = to
  const transfer = await storeBlobs(image, to)
  const put = async ({ digest, bytes, mediaType }: Manifest): Promise<Manifest[]> => {
    if ((await client.headManifest(path, digest)) !== undefined) return []
    await client.putManifest(path, digest, bytes, mediaType)
    return [{ digest, bytes, mediaType }]
  }
  const added: Manifest[] = []
  for (const level of image.tree.levels) added.push(...(await mapConcurrent(level, put)).flat())
  const replicas = withReplicas(client, delay)
  const stored = new Map([...added, image.root].map((manifest) => [manifest.digest, manifest]))
  await mapConcurrent([...stored.values()], (manifest) => verifyStored(replicas, path, manifest))
  await linkReferrers(to, image.referrers)
  return transfer
}

async function storeBlobs({ repository, tree }: SourceImage, to: RepositoryClient): Promise<Transfer> {
  const isSameRegistry = repository.client.registry === to.client.registry
  const isSame = isSameRegistry && repository.path === to.path
  const stored = await mapConcurrent(
    isSame ? [] : tree.blobs,
    async (blob) => {
      const read = repository.client.readBlob(repository.path, blob)
      const mount = isSameRegistry ? { mountFrom: repository.path } : {}
      return { blob, storage: await to.client.putBlob(to.path, { blob, read, ...mount }) }
    },
    maxUploads,
  )
  const count = (kind: BlobStorage) => stored.filter(({ storage }) => storage === kind).length
  return {
    blobs: { existing: count('existing'), mounted: count('mounted'), uploaded: count('uploaded') },
    bytes: stored.reduce((sum, { blob, storage }) => sum + (storage === 'uploaded' ? blob.size : 0), 0),
  }
}
