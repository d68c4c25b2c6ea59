import { RegistryError } from '../../registry/error.ts'
import { isNotFound } from '../../lib/errors.ts'
import { randomUUID } from 'node:crypto'
import { asRecord, tryParseJson } from '../../lib/json.ts'
import { type RegistryClient } from '../../registry/client.ts'
import { copyAnnotation } from '../../run/names.ts'

/** What a registry's own DELETE does, learned from its answers. Refusals are values, for the caller to interpret. */
export interface Deletion {
  /** Deletes the manifest, on most registries with all its tags; undefined: it does not exist any more. */
  manifest(digest: string): Promise<RegistryError | undefined>
  /** Deletes the tag only; undefined: it does not exist any more. */
  tag(tag: string): Promise<RegistryError | undefined>
  /** Why the registry deletes neither, tried on names that do not exist; undefined: it may delete. */
  probe(): Promise<RegistryError | undefined>
  /** For registries that cannot DELETE a tag: moves it to a copy of its own, and deletes the copy. */
  tagByCopy(tag: string, digest: string): Promise<RegistryError | undefined>
}

export function createDeletion(client: RegistryClient, repository: string): Deletion {
  /** Why this registry does not delete tags, once it has answered that. */
  let tagsRefused: RegistryError | undefined
  const manifest = (digest: string): Promise<RegistryError | undefined> => tryDelete(client, repository, digest)
  const probeManifest = () => manifest(`sha256:${randomUUID().replaceAll('-', '').padStart(64, '0')}`)
  return {
    manifest,
    probe: async () => {
      const unknownTag = `does-not-exist-${randomUUID()}`
      const [refused, tag] = await Promise.all([probeManifest(), tryDelete(client, repository, unknownTag)])
      return refused && tag && [refused, tag].every(isFinal) ? refused : undefined
    },
    tag: async (tag) => {
      if (tagsRefused) return tagsRefused
      const refused = await tryDelete(client, repository, tag, 'even 404')
      // Some registries search for the tag among the digests: their 404 does not mean that the tag is deleted.
      if (isNotFound(refused) && (await client.headManifest(repository, tag)) === undefined) return undefined
      if (refused && isTagUnsupported(refused)) tagsRefused = refused
      return refused
    },
    tagByCopy: async (tag, digest) => {
      // Tried on a digest that does not exist, so that no copy is pushed that could not be deleted.
      const refused = await probeManifest()
      return refused ?? (await retagToCopy(client, repository, tag, digest))
    },
  }
}

/** Distribution 2 rejects the tag as an invalid digest. */
function isTagUnsupported({ status, code = '' }: RegistryError): boolean {
  return status === 405 || /^(UNSUPPORTED|DIGEST_INVALID)$/.test(code)
}

/** The registry does not support the request, with any login. */
export function isUnsupported({ kind, status }: RegistryError): boolean {
  return kind === 'not-found' || (kind === 'protocol' && status !== undefined)
}

export function isForbidden({ kind }: RegistryError): boolean {
  return kind === 'denied' || kind === 'unauthorized'
}

/** A login with this answer cannot delete anything else either. */
function isFinal(refused: RegistryError): boolean {
  return isUnsupported(refused) || isForbidden(refused)
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
    return isNotFound(error) && !strict ? undefined : error
  }
}

/** The copy differs by one annotation: everything it refers to exists, and it cannot have any other tag. */
async function retagToCopy(
  client: RegistryClient,
  repository: string,
  tag: string,
  digest: string,
): Promise<RegistryError | undefined> {
  const original = await client.getManifest(repository, digest)
  const document = asRecord(tryParseJson(new TextDecoder().decode(original.bytes)))
  const annotations = { ...asRecord(document['annotations']), [copyAnnotation]: randomUUID() }
  const bytes = new TextEncoder().encode(JSON.stringify({ ...document, annotations }))
  const copy = await client.putManifest(repository, tag, bytes, original.mediaType)
  const refused = await tryDelete(client, repository, copy)
  if (refused) {
    await client.putManifest(repository, tag, original.bytes, original.mediaType)
    await tryDelete(client, repository, copy)
  }
  return refused
}
