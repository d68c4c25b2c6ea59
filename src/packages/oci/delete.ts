import { randomUUID } from 'node:crypto'
import { asRecord, tryParseJson } from '../../lib/json.ts'
import { RegistryError, type RegistryClient } from '../../registry/client.ts'

/**
 * What a registry's own DELETE does, found out as it is used. A refusal is a value; what it means is for the caller.
 */
export interface Deletion {
  /** The manifest, which on most registries takes all its tags along; undefined: it is gone. */
  manifest(digest: string): Promise<RegistryError | undefined>
  /** The tag alone; undefined: it is gone. */
  tag(tag: string): Promise<RegistryError | undefined>
  /** Whether it deletes neither, asked of what nobody has; undefined: it may. */
  nothing(): Promise<RegistryError | undefined>
  /** Takes a tag off where a DELETE of it is not understood: it is moved to a copy of its own, which is deleted. */
  tagByCopy(tag: string, digest: string): Promise<RegistryError | undefined>
}

export function openDeletion(client: RegistryClient, repository: string): Deletion {
  /** Why this registry takes no tags off, once it has said so. */
  let tagsRefused: RegistryError | undefined
  const manifest = (digest: string): Promise<RegistryError | undefined> => tryDelete(client, repository, digest)
  const askManifest = () => manifest(`sha256:${randomUUID().replaceAll('-', '').padStart(64, '0')}`)
  return {
    manifest,
    nothing: async () => {
      const [refused, tag] = await Promise.all([
        askManifest(),
        tryDelete(client, repository, `nobody-has-${randomUUID()}`),
      ])
      return refused && tag && [refused, tag].every(isFinal) ? refused : undefined
    },
    tag: async (tag) => {
      if (tagsRefused) return tagsRefused
      const refused = await tryDelete(client, repository, tag, 'even 404')
      // Where a tag is looked for among the digests, this does not say that it is gone.
      if (refused?.kind === 'not-found' && (await client.headManifest(repository, tag)) === undefined) return undefined
      // Distribution 2 takes the tag for a digest that is wrong.
      if (refused && (refused.status === 405 || /^(UNSUPPORTED|DIGEST_INVALID)$/.test(refused.code ?? '')))
        tagsRefused = refused
      return refused
    },
    tagByCopy: async (tag, digest) => {
      // Asked of nothing, so that no copy is made where it could not be deleted.
      const refused = await askManifest()
      return refused ?? (await moveAside(client, repository, tag, digest))
    },
  }
}

/** The request is understood by no such registry, whoever asks. */
export function isUnsupported({ kind, status }: RegistryError): boolean {
  return kind === 'not-found' || (kind === 'protocol' && status !== undefined)
}

/** Whoever may not delete this may delete nothing. */
function isFinal(refused: RegistryError): boolean {
  return isUnsupported(refused) || refused.kind === 'denied' || refused.kind === 'unauthorized'
}

async function tryDelete(
  client: RegistryClient,
  repository: string,
  reference: string,
  strict?: 'even 404',
): Promise<RegistryError | undefined> {
  try {
    await client.deleteManifest(repository, reference)
    return undefined
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return error.kind === 'not-found' && !strict ? undefined : error
  }
}

/** The copy says the same with one annotation more: everything it names is there, and no other tag can be on it. */
async function moveAside(
  client: RegistryClient,
  repository: string,
  tag: string,
  digest: string,
): Promise<RegistryError | undefined> {
  const original = await client.getManifest(repository, digest)
  const document = asRecord(tryParseJson(new TextDecoder().decode(original.bytes)))
  const annotations = { ...asRecord(document['annotations']), 'multiarch-build.moved-aside': randomUUID() }
  const bytes = new TextEncoder().encode(JSON.stringify({ ...document, annotations }))
  const copy = await client.putManifest(repository, tag, bytes, original.mediaType)
  const refused = await tryDelete(client, repository, copy)
  if (refused) {
    await client.putManifest(repository, tag, original.bytes, original.mediaType)
    await tryDelete(client, repository, copy)
  }
  return refused
}
