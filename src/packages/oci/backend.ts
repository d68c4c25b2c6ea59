import { RegistryError, type RegistryClient } from '../../registry/client.ts'
import { Kept, type PackageApi, type Version } from '../backend.ts'
import { isUnsupported, openDeletion, type Deletion } from './delete.ts'
import { openHarbor, type Harbor, type HarborOptions } from './harbor.ts'
import { keptBecause, keptUndeletable } from './skip-reasons.ts'
import { openTagBook, type TagBook } from './tags.ts'
import { openUndo, type Undo } from './restore.ts'

interface OciOptions {
  readonly client: RegistryClient
  /** `acme/app` */
  readonly repository: string
  /** Lets Harbor's own API be asked where the registry itself takes no tags off. */
  readonly harbor?: Pick<HarborOptions, 'credentials' | 'fetch' | 'signal' | 'pacing'> | undefined
  readonly now?: () => number
}

interface Place {
  readonly client: RegistryClient
  readonly repository: string
  readonly book: TagBook
  readonly deletion: Deletion
  readonly harbor: Harbor | undefined
  readonly undo: Undo
}

/**
 * Any registry with the DELETE of the distribution API, whose meaning differs: a DELETE of a tag is not understood by
 * some, one of a digest takes all tags along, or is refused while there are any. Nothing untagged can be listed.
 */
export function openOciPackages({ client, repository, harbor, now }: OciOptions): PackageApi {
  const place: Place = {
    client,
    repository,
    book: openTagBook(client, repository, now),
    deletion: openDeletion(client, repository),
    harbor: harbor && openHarbor({ ...harbor, registry: client.registry, repository }),
    undo: openUndo(client, repository),
  }
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw keptBecause(error, client.registry)
    }
  }
  return {
    kind: 'oci',
    list: () => list(place),
    read: (version) => told(read(place, version)),
    remove: (version) => told(remove(place, version)),
    untag: (version, tag) => told(untag(place, version, tag)),
    restore: ({ digest }) => place.undo.restore(digest),
    refusal: async () => {
      const refused = await place.deletion.nothing()
      if (!refused || (await place.harbor?.isThere())) return undefined
      const kept = isUnsupported(refused)
        ? keptUndeletable('the registry does not delete it', refused, client.registry)
        : keptBecause(refused, client.registry)
      // Of what was asked about nobody has heard.
      return kept instanceof Kept
        ? new Kept(kept.message.replace(/@sha256:0{32}[0-9a-f]{32}/, ''), refused, kept.isUnsupported)
        : undefined
    },
  }
}

/** A digest comes again, with all its tags so far, where a later tag names it too. */
async function* list({ client, book }: Place): AsyncIterable<readonly Version[]> {
  const known = new Map<string, readonly string[]>()
  try {
    for await (const entries of book.entries()) {
      for (const { tag, digest } of entries) known.set(digest, [...(known.get(digest) ?? []), tag])
      yield [...new Set(entries.map(({ digest }) => digest))].map((digest) => ({
        id: digest,
        digest,
        tags: known.get(digest) ?? [],
      }))
    }
  } catch (error) {
    throw keptBecause(error, client.registry)
  }
}

async function read({ client, repository, book }: Place, { digest }: Version): Promise<Version | undefined> {
  if ((await client.headManifest(repository, digest)) === undefined) return undefined
  return { id: digest, digest, tags: await book.tagsOf(digest) }
}

async function remove(place: Place, version: Version): Promise<void> {
  const { client, repository, book, undo } = place
  const { digest } = version
  const manifest = await client.getManifest(repository, digest).catch(missing)
  if (!manifest) return
  const tags = await book.tagsOf(digest)
  const others = tags.filter((tag) => !version.tags.includes(tag))
  if (others.length > 0) throw new Kept(`it also bears the tag ${others.join(', ')}, so it is left alone.`)
  undo.remember(manifest, tags)
  const refused = await deleteManifest(place, digest)
  if (!refused) return
  if (!isUnsupported(refused)) throw refused
  if (tags.length === 0) throw keptUndeletable('the registry does not delete it', refused, client.registry)
  // Some delete only what no tag names.
  for (const tag of tags) {
    const tagRefused = await takeOff(place, digest, tag)
    if (tagRefused)
      throw isUnsupported(tagRefused)
        ? keptUndeletable('the registry does not delete it', refused, client.registry)
        : tagRefused
  }
  const again = await deleteManifest(place, digest)
  if (again)
    throw keptUndeletable(`no tag names it any more, but the registry does not delete it`, again, client.registry)
}

async function untag(place: Place, version: Version, tag: string): Promise<void> {
  const { client, repository, deletion } = place
  const { digest } = version
  const found = await client.headManifest(repository, tag)
  if (found === undefined) return
  if (found !== digest) throw new Kept('it names another image by now, so it is left alone.')
  await keepingTheRest(place, version, tag, async () => {
    const refused = await takeOff(place, digest, tag)
    if (refused && !isUnsupported(refused)) throw refused
    const byCopy = refused && (await deletion.tagByCopy(tag, digest))
    if (byCopy)
      throw isUnsupported(byCopy)
        ? keptUndeletable('the registry does not delete tags', byCopy, client.registry)
        : byCopy
  })
}

/**
 * Some registries take the manifest along with its last tag, and who knows which one with any tag: then it is put back.
 */
async function keepingTheRest(
  { client, repository, undo }: Place,
  { digest, tags }: Version,
  tag: string,
  work: () => Promise<void>,
): Promise<void> {
  const look = (names: readonly string[]): Promise<(string | undefined)[]> =>
    Promise.all(names.map((name) => client.headManifest(repository, name)))
  const others = tags.filter((other) => other !== tag)
  const named = await look(others)
  const living = others.filter((_, at) => named[at] === digest)
  const manifest = await client.getManifest(repository, digest)
  // Forgejo and Gitea hold a manifest for each tag on it, and for its digest if it was pushed by that: now it was.
  if (living.length === 0) await client.putManifest(repository, digest, manifest.bytes, manifest.mediaType)
  await work()
  const after = await look([digest, ...living])
  if (after.every((found) => found !== undefined)) return
  undo.remember(manifest, living)
  const back = await undo.restore(digest)
  if (back && living.length === 0) return
  throw new Kept(
    `the registry took ${['the image', ...living].join(', ')} along with this tag; ${back ? 'that was put back' : 'putting that back failed: push it again'}.`,
  )
}

/** Takes one tag off by the registry's DELETE, or by Harbor's; undefined: it is off. */
async function takeOff(place: Place, digest: string, tag: string): Promise<RegistryError | undefined> {
  return await orByHarbor(place, await place.deletion.tag(tag), (harbor) => harbor.deleteTag(digest, tag))
}

async function deleteManifest(place: Place, digest: string): Promise<RegistryError | undefined> {
  return await orByHarbor(place, await place.deletion.manifest(digest), (harbor) => harbor.deleteArtifact(digest))
}

async function orByHarbor(
  { harbor }: Place,
  refused: RegistryError | undefined,
  work: (harbor: Harbor) => ReturnType<Harbor['deleteTag']>,
): Promise<RegistryError | undefined> {
  const mayHelp = refused && (isUnsupported(refused) || refused.kind === 'denied' || refused.kind === 'unauthorized')
  if (!harbor || !mayHelp) return refused
  const answer = await work(harbor)
  return answer === 'other' ? refused : answer
}

function missing(error: unknown): undefined {
  if (error instanceof RegistryError && error.kind === 'not-found') return undefined
  throw error
}
