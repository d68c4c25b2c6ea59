import { RegistryError } from '../../src/registry/error.ts'
import { createGithubBackend } from '../../src/packages/github/backend.ts'
import { parseManifestInfo, type ManifestInfo } from '../../src/packages/manifest-info.ts'
import {
  createPackageRepository,
  unlessNotFound,
  type ManifestStore,
  type PackageRepository,
} from '../../src/packages/repository.ts'
import { type Clock } from '../../src/packages/backend.ts'
import { registryCalls, restCalls } from '../ghcr/calls.ts'
import { ConnectionLost } from '../ghcr/faults.ts'
import { root, type Token } from '../ghcr/permissions.ts'
import { remember } from '../ghcr/remember.ts'
import type { Answer, Fake } from '../ghcr/fake.ts'
import { GithubError, type GithubRequest } from '../../src/forge/api-client.ts'

/** A repository of the fake as the engine sees it: no sockets, the clock of the fake. */
export interface Simulated {
  readonly fake: Fake
  readonly clock: Clock
  readonly token?: Token
  readonly repository?: string
  readonly mark?: string
  readonly until?: number
  readonly ownerKind?: 'orgs' | 'users'
  /** Versions on a page, 100 unless told: small packages have many pages then, too. */
  readonly pageSize?: number
}

export function packageRepositoryIn(simulated: Simulated): PackageRepository {
  const {
    fake,
    clock,
    token = root,
    repository = 'acme/shop/api',
    mark = '999-1-cleanup',
    until = Infinity,
    ownerKind,
    pageSize,
  } = simulated
  const [owner = '', ...name] = repository.split('/')
  const registry = storeIn(fake, token)
  const api = createGithubBackend({
    request: patiently(requestIn(fake, token, pageSize), clock),
    owner,
    name: name.join('/'),
    registry,
    mark,
    clock,
    ...(ownerKind && { ownerKind }),
  })
  const packages = createPackageRepository({
    backend: api,
    registry,
    repository,
    name: `ghcr.io/${repository}`,
    clock,
    deadline: until,
  })
  return { ...packages, manifest: manifestsOf(registry, repository) }
}

/** As `createPackageRepository` reads manifests, but what has the same digest is parsed once in all histories. */
function manifestsOf(registry: ManifestStore, repository: string): PackageRepository['manifest'] {
  const cache = new Map<string, ManifestInfo>()
  const read = async (digest: string): Promise<ManifestInfo> => {
    const { bytes, mediaType } = await registry.getManifest(repository, digest)
    const info = parsed(digest, bytes, mediaType)
    cache.set(digest, info)
    return info
  }
  return async (digest) => cache.get(digest) ?? (await unlessNotFound(read(digest)))
}

const parsed = remember(parseManifestInfo)

const fetched = remember((digest: string, body: string, mediaType: string) => ({
  bytes: new TextEncoder().encode(body),
  mediaType,
  digest,
}))

/** GitHub's REST API by the routes of octokit. */
export function requestIn(fake: Fake, token: Token, pageSize = 100): GithubRequest {
  const rest = restCalls(fake, token)
  return async (route, { owner, name, id, page, state, repo }) => {
    const { isRun, scope, verb } = routeOf(route)
    const at = { scope, owner: String(owner), name: String(name) } as const
    const answer = await (isRun
      ? rest.getRun(`${String(owner)}/${String(repo)}`, Number(id))
      : verb === 'DELETE'
        ? rest.deleteVersion(at, Number(id))
        : verb === 'POST'
          ? rest.restoreVersion(at, Number(id))
          : id === undefined
            ? rest.listVersions(at, {
                page: Number(page),
                perPage: pageSize,
                state: state === 'deleted' ? 'deleted' : 'active',
              })
            : rest.getVersion(at, Number(id)))
    if (answer.status >= 400) throw refusal(answer)
    return { data: answer.body, link: answer.headers['link'] ?? '' }
  }
}

const routeOf = remember((route: string) => ({
  isRun: route.includes('/actions/runs/{id}'),
  scope: route.includes('/orgs/') ? ('orgs' as const) : ('users' as const),
  verb: route.slice(0, route.indexOf(' ')),
}))

function refusal({ status, headers, body }: Answer): GithubError {
  const message = typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : 'Unicorn!'
  return new GithubError(status, message, { retryAfter: Number(headers['retry-after'] ?? 0) })
}

/** As octokit's plugins do: waits as told, and repeats what failed on the other side. */
export function patiently(request: GithubRequest, clock: Clock): GithubRequest {
  return async (route, parameters) => {
    for (let attempt = 1; ; attempt++) {
      try {
        if (!route.startsWith('GET')) await clock.sleep(1000)
        return await request(route, parameters)
      } catch (error) {
        const limited = error instanceof GithubError && (error.status === 429 || error.message.includes('rate limit'))
        const again =
          limited || error instanceof ConnectionLost || (error instanceof GithubError && error.status >= 500)
        if (!again || attempt > 5) throw error
        await clock.sleep(limited ? (error.cause as { retryAfter: number }).retryAfter * 1000 : 1000)
      }
    }
  }
}

const noBytes = new Uint8Array()

export function storeIn(fake: Fake, token: Token = root): ManifestStore {
  const calls = registryCalls(fake, token)
  const checked = async (work: () => Promise<Answer>): Promise<Answer> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await work()
        if (answer.status < 400) return answer
        const kind =
          answer.status === 404 ? 'not-found' : answer.status === 429 || answer.status >= 500 ? 'server' : 'denied'
        throw new RegistryError(`the registry said ${answer.status}`, {
          kind,
          host: 'ghcr.io',
          status: answer.status,
          transient: kind === 'server',
        })
      } catch (error) {
        const again = error instanceof ConnectionLost || (error instanceof RegistryError && error.transient)
        if (!again || attempt > 5) throw error
      }
    }
  }
  return {
    getManifest: async (repository, reference) => {
      const { body, headers } = await checked(() => calls.getManifest(repository, reference))
      return fetched(headers['docker-content-digest'] ?? '', body as string, headers['content-type'] ?? '')
    },
    headManifest: async (repository, reference) => {
      try {
        return (await checked(() => calls.headManifest(repository, reference))).headers['docker-content-digest']
      } catch (error) {
        if (error instanceof RegistryError && error.kind === 'not-found') return undefined
        throw error
      }
    },
    putManifest: async (repository, reference, bytes, mediaType) =>
      (await checked(() => calls.putManifest(repository, reference, mediaType, new TextDecoder().decode(bytes))))
        .headers['docker-content-digest'] ?? '',
    listTags: async (repository) =>
      ((await checked(() => calls.listTags(repository, { n: 10_000 }))).body as { tags: string[] }).tags,
    getBlob: (_, digest) => Promise.resolve(new Uint8Array(fake.state.blobs.get(digest) ?? noBytes)),
  }
}
