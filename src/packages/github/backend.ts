import { isNotFound } from '../../lib/errors.ts'
import { acceptsJobToken, detectPlatform, type CiPlatform } from '../../forge/platform.ts'
import { asList, asRecord, asText } from '../../lib/json.ts'
import { isDigest } from '../../registry/manifest.ts'
import type { Repository } from '../../registry/reference.ts'
import {
  splitOwner,
  trimSlashes,
  urlHost,
  type BackendCapabilities,
  type BackendDefinition,
  type Clock,
  type OwnerKind,
  type PackageAccess,
  type PackageBackend,
  type PackageVersion,
} from '../backend.ts'
import type { ManifestStore } from '../repository.ts'
import { lastTaggedError, toSkipReason } from './skip-reasons.ts'
import { untagByCopy } from './untag.ts'
import { firstAllowed, GithubError, isVersionNotFound, type GithubRequest } from '../../forge/api-client.ts'

/** GitHub Container Registry: of github.com, of GitHub Enterprise Server, of a `ghe.com` tenant. */
export const githubBackend: BackendDefinition = {
  endpoint: (registry, platform, explicit) =>
    githubApi(registry, platform) ?? (explicit && trimSlashes(platform.apiUrl)),
  create: async (apiUrl, access, { repository, client, until, mark }) => {
    const { githubClient, ownerKind, clock } = access
    const tokens = await findTokens(apiUrl, access, repository)
    return createGithubBackend({
      ...splitOwner(repository.path),
      request: firstAllowed(tokens.map((token) => githubClient(apiUrl, token, until))),
      registry: client,
      mark,
      clock,
      ...(ownerKind && { ownerKind }),
    })
  },
}

/** The job's token if this server issued it, and the password of the login at its registry, which may delete more. */
async function findTokens(
  apiUrl: string,
  { platform, token, registries }: PackageAccess,
  repository: Repository,
): Promise<readonly string[]> {
  const isRegistryOfApi = githubApi(repository.registry, platform) === apiUrl
  const login = isRegistryOfApi ? await registries.credentials(repository) : undefined
  const tokens = [acceptsJobToken(platform, apiUrl) ? token : '', login?.password ?? '']
  return [...new Set(tokens)].filter((candidate) => candidate !== '')
}

/** Undefined if the registry is not one of GitHub's. */
function githubApi(registry: string, platform: CiPlatform): string | undefined {
  if (registry === 'ghcr.io') return 'https://api.github.com'
  const tenant = /^containers\.([a-z0-9-]+\.ghe\.com)$/.exec(registry)?.[1]
  if (tenant !== undefined) return `https://api.${tenant}`
  // With subdomain isolation, without which GitHub Enterprise Server has no container registry.
  const isEnterprise =
    detectPlatform(platform) === 'enterprise-server' && registry === `containers.${urlHost(platform.serverUrl)}`
  return isEnterprise ? trimSlashes(platform.apiUrl) : undefined
}

interface GithubOptions {
  readonly request: GithubRequest
  /** Of the image: `acme`, `shop/api`. */
  readonly owner: string
  readonly name: string
  /** The kind of owner to try first; the other one is tried as well. */
  readonly ownerKind?: OwnerKind
  /** To remove single tags, which needs a push. */
  readonly registry: ManifestStore
  /** The ownership annotation of what is pushed for that. */
  readonly mark: string
  readonly clock: Clock
}

/** A call below the package, for every kind of owner. */
type Call = (verb: string, path: string, parameters?: Readonly<Record<string, unknown>>) => ReturnType<GithubRequest>

/**
 * Deletions run one after the other, as GitHub asks:
 * https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
 */
const capabilities: BackendCapabilities = {
  listsById: true,
  listsUntagged: true,
  resolvesEachTag: false,
  deletesReferenced: true,
  deletesConcurrently: false,
  lowercasesTags: false,
}

/** In GitHub's packages a version is a manifest; versions cannot be looked up by tag or digest. */
export function createGithubBackend(options: GithubOptions): PackageBackend {
  const call = createCalls(options)
  const list = (state: string) => listVersions(call, state)
  const read = ({ id }: Pick<PackageVersion, 'id'>) =>
    undefinedIfGone(call('GET', '/versions/{id}', { id }).then(({ data }) => parseVersion(data)))
  const remove = async ({ id }: Pick<PackageVersion, 'id'>) => {
    await undefinedIfGone(call('DELETE', '/versions/{id}', { id }))
  }
  return {
    title: "GitHub's packages API",
    capabilities,
    list: () => list('active'),
    listDeleted: () => list('deleted'),
    read,
    remove,
    untag: (version, tag) => untagByCopy({ ...options, list: () => list('active'), read, remove }, version, tag),
    lastTaggedError: () => lastTaggedError(`${options.owner}/${options.name}`),
    restore: async ({ id }) => (await undefinedIfGone(call('POST', '/versions/{id}/restore', { id }))) !== undefined,
  }
}

function createCalls({ request, owner, name, ownerKind = 'orgs' }: GithubOptions): Call {
  let scopes: readonly OwnerKind[] = ownerKind === 'orgs' ? ['orgs', 'users'] : ['users', 'orgs']
  return async (verb, path, parameters = {}) => {
    let firstError: unknown
    for (const scope of scopes) {
      try {
        const route = `${verb} /${scope}/{owner}/packages/container/{name}${path}`
        const answer = await request(route, { owner, name, ...parameters })
        scopes = [scope]
        return answer
      } catch (error) {
        if (error instanceof GithubError && isVersionNotFound(error)) scopes = [scope]
        firstError ??= error
        const mayBeOtherKind = error instanceof GithubError && isNotFound(error) && !isVersionNotFound(error)
        if (!mayBeOtherKind) break
      }
    }
    throw toSkipReason(firstError, `${owner}/${name}`)
  }
}

const pageSize = 100
/** With more versions than 500,000 the cleanup would need more memory than a run has. */
const mostPages = 5000

async function* listVersions(call: Call, state: string): AsyncIterable<readonly PackageVersion[]> {
  for (let page = 1; page <= mostPages; page++) {
    const { data, link } = await call('GET', '/versions', { state, per_page: pageSize, page })
    if (!Array.isArray(data)) throw new Error('GitHub returned a list of versions that cannot be parsed')
    yield data.map(parseVersion)
    if (!link.includes('rel="next"')) return
  }
  throw new Error(`GitHub's list of versions has more than ${mostPages} pages: nothing is deleted`)
}

function parseVersion(data: unknown): PackageVersion {
  const { id, name, metadata, created_at: created } = asRecord(data)
  const tags = asRecord(asRecord(metadata)['container'])['tags']
  // A version with unknown tags must not be treated as untagged.
  if (typeof id !== 'number' || !isDigest(name) || !Array.isArray(tags))
    throw new Error(`GitHub returned a version that cannot be parsed: ${JSON.stringify(data).slice(0, 200)}`)
  // It does not change when the manifest is pushed again or a tag is moved.
  const createdAt = Date.parse(asText(created))
  const version = { id: String(id), digest: name, tags: asList(tags).map(asText) }
  return Number.isNaN(createdAt) ? version : { ...version, createdAt }
}

/** A version that does not exist any more counts as deleted. */
async function undefinedIfGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof GithubError && isVersionNotFound(error)) return undefined
    throw error
  }
}
