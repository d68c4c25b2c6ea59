import { setTimeout as delay } from 'node:timers/promises'
import type { Platform } from '../../lib/platform.ts'
import type { Manifest } from '../../registry/manifest.ts'
import { withReplicas } from '../verify.ts'
import { selectPlatforms } from './platforms.ts'
import { addReferrers, type Referrers } from './referrers.ts'
import { ManifestTree, type RepositoryClient } from './tree.ts'

/** An image that is to be copied. */
export interface SourceImage {
  readonly repository: RepositoryClient
  /** What the tags will name. */
  readonly root: Manifest
  /** Of the whole image; it differs from that of `root` if platforms are left out. */
  readonly sourceDigest: string
  /** Everything that is copied: the image and its referrers. */
  readonly tree: ManifestTree
  readonly referrers: Referrers
}

interface SourceOptions {
  /** A subset; empty for all. */
  readonly platforms: readonly Platform[]
  /** Whether signatures and attestations are copied too. */
  readonly referrers: boolean
}

/** Reads all manifests of an image. @throws UserError if it is incomplete or lacks a platform */
export async function readSource(
  repository: RepositoryClient,
  reference: string,
  { platforms, referrers }: SourceOptions,
): Promise<SourceImage> {
  // It may have been pushed moments ago.
  const source = { ...repository, client: withReplicas(repository.client, delay) }
  const whole = await source.client.getManifest(repository.path, reference)
  const root = await selectPlatforms(source, whole, platforms)
  const tree = new ManifestTree(source)
  await tree.add(root)
  const none = { bySubject: new Map<string, readonly Manifest[]>(), tags: [] }
  return {
    repository,
    root,
    sourceDigest: whole.digest,
    tree,
    referrers: referrers ? await addReferrers(repository, tree) : none,
  }
}
