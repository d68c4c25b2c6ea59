import { acceptsJobToken, detectPlatform, type CiPlatform } from '../../forge/platform.ts'
import { isLoopback } from '../../lib/proxy.ts'
import { RegistryError } from '../../registry/error.ts'
import { createRegistryClient, type RegistryClient } from '../../registry/client.ts'
import { isDigest } from '../../registry/manifest.ts'
import {
  NotDeletedError,
  splitOwner,
  trimSlashes,
  urlHost,
  type BackendCapabilities,
  type BackendDefinition,
  type PackageBackend,
  type PackageVersion,
} from '../backend.ts'
import { createRestoreCache, type RestoreCache } from '../oci/restore.ts'
import { movedTag, unlessNotFound } from '../repository.ts'
import { createForgejoApi, forgejoHost, type ForgejoApi, type ForgejoApiOptions } from './api.ts'
import { createForgejoTags, type ForgejoTags } from './tags.ts'

/** Forgejo and Gitea: the address of the API that they give their jobs identifies them. */
export const forgejoBackend: BackendDefinition = {
  endpoint: (registry, platform, explicit) => {
    if (!explicit && detectPlatform(platform) !== 'forgejo') return undefined
    return serverUrl(registry, platform) ?? (explicit && `${schemeFor(registry)}://${registry}`)
  },
  create: async (server, { platform, registries, token }, { repository, client, since, signal }) =>
    createForgejoBackend({
      ...splitOwner(repository.path),
      serverUrl: server,
      token: (await registries.credentials(repository))?.password ?? (acceptsJobToken(platform, server) ? token : ''),
      client,
      fetch: registries.fetch,
      log: registries.log,
      signal,
      since,
    }),
}

/** Packages are served on the host of the CI platform itself. */
function serverUrl(registry: string, platform: CiPlatform): string | undefined {
  return urlHost(platform.serverUrl) === registry ? trimSlashes(platform.serverUrl) : undefined
}

/** As for registries, plain http is used on this machine only. */
function schemeFor(host: string): 'http' | 'https' {
  return isLoopback(host) ? 'http' : 'https'
}

export interface ForgejoOptions extends ForgejoApiOptions {
  /**
   * Everything to be deleted, and everything that refers to it, is younger: the start of the run that pushed it, less
   * the possible difference between clocks. Saves a request for each older tag.
   */
  readonly since?: Date | undefined
  /** For the registry of the same server; by default one that uses the token. */
  readonly client?: RegistryClient | undefined
}

interface Context {
  readonly api: ForgejoApi
  readonly client: RegistryClient
  /** `acme/app`, lower case. */
  readonly repository: string
  readonly tags: ForgejoTags
  readonly restoreCache: RestoreCache
}

const capabilities: BackendCapabilities = {
  listsById: false,
  listsUntagged: true,
  resolvesEachTag: false,
  deletesReferenced: false,
  deletesConcurrently: true,
  lowercasesTags: true,
}

/**
 * Forgejo and Gitea store a row for each tag, and one for each manifest that was pushed by its digest; a manifest
 * exists as long as one row has it. The API deletes a row even if an index needs it, so that is checked first.
 */
export function createForgejoBackend(options: ForgejoOptions): PackageBackend {
  const { owner, name, client = createClient(options), since } = options
  const repository = `${owner}/${name}`.toLowerCase()
  const api = createForgejoApi(options)
  const context: Context = {
    api,
    client,
    repository,
    tags: createForgejoTags(api, client, repository, since?.getTime() ?? 0),
    restoreCache: createRestoreCache(client, repository),
  }
  return {
    title: "Forgejo's packages API",
    capabilities,
    list: () => list(context),
    read: (version) => withSkipReason(read(context, version)),
    remove: (version) => withSkipReason(remove(context, version)),
    untag: (version, tag) => withSkipReason(untag(context, version, tag)),
    restore: ({ digest }) => context.restoreCache.restore(digest),
  }
}

/** The registry accepts a token as the password of any user. */
function createClient({ serverUrl, token, owner, fetch, signal, log, clock }: ForgejoOptions): RegistryClient {
  return createRegistryClient({
    registry: forgejoHost(serverUrl),
    fetch,
    willPush: true,
    ...(token !== '' && { credentials: { username: owner, password: token } }),
    ...(signal && { signal }),
    ...(log && { log }),
    ...(clock && { clock }),
  })
}

/** If a later page has another row of a digest, the digest is repeated with all its tags so far. */
async function* list({ api, tags }: Context): AsyncIterable<readonly PackageVersion[]> {
  const tagsByDigest = new Map<string, ReadonlyMap<string, number>>()
  const add = (digest: string, more: readonly (readonly [tag: string, taggedAt: number])[]) =>
    tagsByDigest.set(digest, new Map([...(tagsByDigest.get(digest) ?? []), ...more]))
  try {
    for await (const { rows } of api.pages()) {
      const untagged = rows.flatMap(({ version }) => (isDigest(version) ? [version] : []))
      const tagged = await tags.of(rows)
      untagged.forEach((digest) => add(digest, []))
      tagged.forEach(({ tag, digest, taggedAt }) => add(digest, [[tag, taggedAt]]))
      yield [...new Set([...tagged.map(({ digest }) => digest), ...untagged])].map((digest) =>
        toVersion(digest, tagsByDigest.get(digest) ?? new Map()),
      )
    }
  } catch (error) {
    throw toSkipReason(error)
  }
}

function toVersion(digest: string, tags: ReadonlyMap<string, number>): PackageVersion {
  const taggedAt = Math.max(...tags.values())
  return { id: digest, digest, tags: [...tags.keys()], ...(Number.isFinite(taggedAt) && { taggedAt }) }
}

async function read({ api, tags }: Context, { digest }: PackageVersion): Promise<PackageVersion | undefined> {
  const current = (await tags.all()).filter((content) => content.digest === digest).map(({ tag }) => tag)
  if (current.length === 0 && !(await api.has(digest))) return undefined
  return { id: digest, digest, tags: current }
}

async function remove(context: Context, version: PackageVersion): Promise<void> {
  const { api, client, repository, tags, restoreCache } = context
  const { digest } = version
  const expected = new Set(version.tags.map(rowName))
  const contents = await tags.all()
  const current = contents.filter((content) => content.digest === digest).map(({ tag }) => tag)
  const others = current.filter((tag) => !expected.has(tag))
  if (others.length > 0) throw new NotDeletedError(`it also has the tag ${others.join(', ')}, so it is kept.`)
  const users = contents.filter(({ children }) => children.includes(digest)).map(({ tag }) => tag)
  if (users.length > 0) throw new NotDeletedError(`the image with the tag ${users.join(', ')} needs it, so it is kept.`)
  const manifest = await unlessNotFound(client.getManifest(repository, digest))
  if (manifest) restoreCache.record(manifest, current)
  for (const tag of current) await api.delete(tag)
  await api.delete(digest)
}

async function untag({ api, client, repository }: Context, version: PackageVersion, tag: string): Promise<void> {
  const { digest } = version
  const row = rowName(tag)
  const current = await client.headManifest(repository, row)
  if (current === undefined) return
  if (current !== digest) throw new NotDeletedError(movedTag)
  const others = version.tags.map(rowName).filter((other) => other !== row)
  const digests = await Promise.all(others.map((other) => client.headManifest(repository, other)))
  // Without any row the manifest would be deleted, which breaks every index that refers to it.
  if (!digests.includes(digest) && !(await api.has(digest))) {
    const { bytes, mediaType } = await client.getManifest(repository, digest)
    await client.putManifest(repository, digest, bytes, mediaType)
  }
  await api.delete(row)
}

/** Forgejo and Gitea store tags in lower case only. */
function rowName(tag: string): string {
  return tag.toLowerCase()
}

async function withSkipReason<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw toSkipReason(error)
  }
}

const permissionHint =
  'Provide a personal access token with the scope `write:package`, of a user who can write the owner’s packages; ' +
  'the default token of a job often has no permission to delete packages.'

function toSkipReason(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error
  const needsPermission = error.kind === 'denied' || error.kind === 'unauthorized'
  return new NotDeletedError(needsPermission ? `${error.message}. ${permissionHint}` : error.message, error)
}
