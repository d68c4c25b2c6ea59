import { setTimeout as delay } from 'node:timers/promises'
import { errorMessage } from '../lib/errors.ts'
import type { RegistryClient } from '../registry/client.ts'
import type { Manifest } from '../registry/manifest.ts'
import { IndexError } from './index.ts'
import { replicaLag } from './verify.ts'

export interface TagUpdates {
  readonly updated: readonly string[]
  readonly failed: readonly { readonly tag: string; readonly reason: string; readonly error: unknown }[]
}

interface UpdateOptions {
  readonly onUpdated?: (tag: string) => void
  readonly sleep?: (ms: number) => Promise<unknown>
}

/** PURE: whether a tag names one build for good, by its name: a full version or a commit. */
export function isFixedTag(tag: string): boolean {
  return /\d+\.\d+\.\d+/.test(tag) || /(?:^|-)[0-9a-f]{7,64}$/.test(tag)
}

/** PURE: whether a registry refused to change a tag because it is immutable (ECR, Harbor, Docker Hub, Quay, GAR). */
export function isImmutable(reason: string): boolean {
  return /immutab|ImageTagAlreadyExists|cannot be overwritten|may not be overwritten/i.test(reason)
}

/**
 * Points tags at an index that is in the repository. Every tag is tried, also if others fail. A tag that names the
 * index already counts as updated, even if the registry refuses to write it again.
 */
export async function updateTags(
  client: RegistryClient,
  {
    repository,
    tags,
    index,
  }: { readonly repository: string; readonly tags: readonly string[]; readonly index: Manifest },
  { onUpdated, sleep = delay }: UpdateOptions = {},
): Promise<TagUpdates> {
  const updated: string[] = []
  const failed: { tag: string; reason: string; error: unknown }[] = []
  const update = async (tag: string): Promise<void> => {
    try {
      await putTag(client, repository, tag, index)
      await verifyTag(client, repository, { tag, digest: index.digest }, sleep)
    } catch (error) {
      failed.push({ tag, reason: errorMessage(error), error })
      return
    }
    updated.push(tag)
    onUpdated?.(tag)
  }
  await Promise.all(tags.map(update))
  const inOrder = (a: string, b: string): number => tags.indexOf(a) - tags.indexOf(b)
  return { updated: updated.sort(inOrder), failed: failed.sort((a, b) => inOrder(a.tag, b.tag)) }
}

/** Some registries refuse to write an immutable tag again, even with the image that it names. */
async function putTag(client: RegistryClient, repository: string, tag: string, index: Manifest): Promise<void> {
  try {
    await client.putManifest(repository, tag, index.bytes, index.mediaType)
  } catch (error) {
    const current = await client.headManifest(repository, tag).catch(() => undefined)
    if (current !== index.digest) throw error
  }
}

async function verifyTag(
  client: RegistryClient,
  repository: string,
  { tag, digest }: { readonly tag: string; readonly digest: string },
  sleep: (ms: number) => Promise<unknown>,
): Promise<void> {
  let found = await client.headManifest(repository, tag)
  for (const wait of replicaLag) {
    if (found === digest) return
    await sleep(wait)
    found = await client.headManifest(repository, tag)
  }
  if (found === digest) return
  const name = `${client.registry}/${repository}:${tag}`
  throw new IndexError(
    `${name} was updated to ${digest}, but refers to ${found ?? 'no manifest'} a few seconds later. Another run may ` +
      'have pushed the same tag: set `concurrency` in the workflow, so that such runs wait for each other',
  )
}
