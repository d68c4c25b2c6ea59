import { setTimeout as delay } from 'node:timers/promises'
import { UserError } from '../../lib/errors.ts'
import { asRecord, tryParseJson } from '../../lib/json.ts'
import { ociIndex, parseDescriptor, type Descriptor, type Manifest } from '../../registry/manifest.ts'
import { referrerDescriptor } from './content.ts'
import { fallbackTag, getIfExists, type Referrers, type TaggedManifest } from './referrers.ts'
import type { RepositoryClient } from './tree.ts'

/** The list in a fallback tag is read, changed and written without a lock: other clients may write it at the time. */
const attempts = 5

/**
 * Makes the referrers that are stored in a repository known there. A registry with the referrers API does so by itself;
 * in any other they are added to the fallback tag of their subject. Cosign's classic tags are written in both.
 */
export async function linkReferrers(repository: RepositoryClient, { bySubject, tags }: Referrers): Promise<void> {
  let hasApi: boolean | undefined
  for (const [subject, manifests] of bySubject) {
    hasApi ??= (await repository.client.listReferrers(repository.path, subject)) !== undefined
    if (!hasApi) await addToFallbackTag(repository, subject, manifests)
  }
  for (const entry of tags) await putClassicTag(repository, entry)
}

async function addToFallbackTag(
  repository: RepositoryClient,
  subject: string,
  manifests: readonly Manifest[],
): Promise<void> {
  const { client, path } = repository
  const tag = fallbackTag(subject)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const current = entriesOf(await getIfExists(repository, tag))
    const known = new Set(current.map(({ digest }) => digest))
    const missing = manifests.filter(({ digest }) => !known.has(digest))
    if (missing.length === 0) return
    if (attempt > 1) await delay(100 * 2 ** attempt)
    const index = {
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: [...current, ...missing.map(referrerDescriptor)],
    }
    await client.putManifest(path, tag, Buffer.from(JSON.stringify(index)), ociIndex)
  }
  const current = new Set(entriesOf(await getIfExists(repository, tag)).map(({ digest }) => digest))
  if (manifests.every(({ digest }) => current.has(digest))) return
  throw new UserError({
    code: 'registry',
    message: `The list of signatures and attestations at ${client.registry}/${path}:${tag} was overwritten`,
    hint: 'No tag was updated. Another client may write this list at the same time: run the job again.',
  })
}

function entriesOf(index: Manifest | undefined): readonly Descriptor[] {
  const entries = asRecord(tryParseJson(new TextDecoder().decode(index?.bytes)))['manifests']
  return Array.isArray(entries) ? entries.flatMap((entry) => parseDescriptor(entry) ?? []) : []
}

/** A classic tag has all signatures of an image: it is replaced only if none is lost. */
async function putClassicTag(repository: RepositoryClient, { tag, manifest }: TaggedManifest): Promise<void> {
  const { client, path } = repository
  const current = await getIfExists(repository, tag)
  if (current?.digest === manifest.digest) return
  const [here, there] = [layersOf(current), layersOf(manifest)]
  if (current && [...there].every((digest) => here.has(digest))) return
  const lost = [...here].filter((digest) => !there.has(digest))
  if (lost.length > 0)
    throw new UserError({
      code: 'registry',
      message: `${client.registry}/${path}:${tag} has signatures or attestations that the source does not have`,
      hint:
        'No tag was updated. Set `referrers: false` to copy without signatures, or delete that tag and sign the copy ' +
        'again.',
    })
  await client.putManifest(path, tag, manifest.bytes, manifest.mediaType)
}

function layersOf(manifest: Manifest | undefined): ReadonlySet<string> {
  const layers = asRecord(tryParseJson(new TextDecoder().decode(manifest?.bytes)))['layers']
  return new Set(Array.isArray(layers) ? layers.flatMap((layer) => parseDescriptor(layer)?.digest ?? []) : [])
}
