import { RegistryError, openRegistry, type RegistryClient } from '../../registry/client.ts'
import { isDigest } from '../../registry/digest.ts'
import { Kept, type PackageApi, type Version } from '../backend.ts'
import { hostOfForge, openForgeApi, type ForgeApi, type ForgeOptions } from './api.ts'
import { openForgeTags, type ForgeTags } from './tags.ts'
import { openUndo, type Undo } from '../oci/restore.ts'

export interface ForgejoOptions extends ForgeOptions {
  /**
   * Nothing that is looked for, nor anything that names it, is older: the start of the run that made it, less what
   * clocks may differ. Spares a request for each older tag.
   */
  readonly since?: Date | undefined
  /** Speaks to the forge's registry; with the token unless given. */
  readonly client?: RegistryClient | undefined
}

interface Place {
  readonly api: ForgeApi
  readonly client: RegistryClient
  /** `acme/app`, lower case. */
  readonly repository: string
  readonly tags: ForgeTags
  readonly undo: Undo
}

/**
 * Forgejo and Gitea keep a row for each tag, and one for each manifest pushed by its digest; a manifest is there as
 * long as one row has it. Nothing keeps a row from being deleted that an index needs, so that is looked up before.
 */
export function openForgejoPackages(options: ForgejoOptions): PackageApi {
  const { owner, name, client = openClient(options), since } = options
  const repository = `${owner}/${name}`.toLowerCase()
  const api = openForgeApi(options)
  const place: Place = {
    api,
    client,
    repository,
    tags: openForgeTags(api, client, repository, since?.getTime() ?? 0),
    undo: openUndo(client, repository),
  }
  return {
    kind: 'forgejo',
    list: () => list(place),
    read: (version) => told(read(place, version)),
    remove: (version) => told(remove(place, version)),
    untag: (version, tag) => told(untag(place, version, tag)),
    restore: ({ digest }) => place.undo.restore(digest),
  }
}

/** The registry takes a token in place of the password, whatever the name beside it. */
function openClient({ serverUrl, token, owner, fetch, signal, log, pacing }: ForgejoOptions): RegistryClient {
  return openRegistry({
    registry: hostOfForge(serverUrl),
    fetch,
    willPush: true,
    ...(token !== '' && { credentials: { username: owner, password: token } }),
    ...(signal && { signal }),
    ...(log && { log }),
    ...(pacing && { pacing }),
  })
}

/** A digest comes again, with all its tags so far, where a later page brings another row of it. */
async function* list({ api, tags }: Place): AsyncIterable<readonly Version[]> {
  const known = new Map<string, ReadonlySet<string>>()
  try {
    for await (const { rows } of api.pages()) {
      const untagged = rows.flatMap(({ version }) => (isDigest(version) ? [version] : []))
      const tagged = await tags.of(rows)
      untagged.forEach((digest) => known.set(digest, known.get(digest) ?? new Set()))
      tagged.forEach(({ tag, digest }) => known.set(digest, new Set([...(known.get(digest) ?? []), tag])))
      yield [...new Set([...tagged.map(({ digest }) => digest), ...untagged])].map((digest) => ({
        id: digest,
        digest,
        tags: [...(known.get(digest) ?? [])],
      }))
    }
  } catch (error) {
    throw keptBecause(error)
  }
}

async function read({ api, tags }: Place, { digest }: Version): Promise<Version | undefined> {
  const bearing = (await tags.all()).filter((content) => content.digest === digest).map(({ tag }) => tag)
  if (bearing.length === 0 && !(await api.has(digest))) return undefined
  return { id: digest, digest, tags: bearing }
}

async function remove({ api, client, repository, tags, undo }: Place, version: Version): Promise<void> {
  const { digest } = version
  const ours = new Set(version.tags.map(rowOf))
  const contents = await tags.all()
  const bearing = contents.filter((content) => content.digest === digest).map(({ tag }) => tag)
  const others = bearing.filter((tag) => !ours.has(tag))
  if (others.length > 0) throw new Kept(`it also bears the tag ${others.join(', ')}, so it is left alone.`)
  const users = contents.filter(({ children }) => children.includes(digest)).map(({ tag }) => tag)
  if (users.length > 0) throw new Kept(`the image under the tag ${users.join(', ')} needs it, so it is left alone.`)
  const manifest = await unlessMissing(client.getManifest(repository, digest))
  if (manifest) undo.remember(manifest, bearing)
  for (const tag of bearing) await api.delete(tag)
  await api.delete(digest)
}

async function untag({ api, client, repository }: Place, version: Version, tag: string): Promise<void> {
  const { digest } = version
  const row = rowOf(tag)
  const found = await client.headManifest(repository, row)
  if (found === undefined) return
  if (found !== digest) throw new Kept('it names another image by now, so it is left alone.')
  const others = version.tags.map(rowOf).filter((other) => other !== row)
  const digests = await Promise.all(others.map((other) => client.headManifest(repository, other)))
  // With its last row, the manifest would go, and any index that refers to it would break.
  if (!digests.includes(digest) && !(await api.has(digest))) {
    const { bytes, mediaType } = await client.getManifest(repository, digest)
    await client.putManifest(repository, digest, bytes, mediaType)
  }
  await api.delete(row)
}

/** Forgejo and Gitea keep tags in lower case only. */
function rowOf(tag: string): string {
  return tag.toLowerCase()
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof RegistryError && error.kind === 'not-found') return undefined
    throw error
  }
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw keptBecause(error)
  }
}

function keptBecause(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error
  if (error.kind !== 'denied' && error.kind !== 'unauthorized') return new Kept(error.message, error)
  return new Kept(
    `${error.message}. Give a personal access token with the scope \`write:package\` of somebody who may write the owner’s packages; the token that jobs get by themselves often may not delete any.`,
    error,
  )
}
