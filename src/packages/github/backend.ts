import { asList, asRecord, asText } from '../../lib/json.ts'
import { isDigest } from '../../registry/digest.ts'
import type { PackageApi, Version } from '../backend.ts'
import { GithubError, isGone, type GithubRequest } from '../../forge/github-errors.ts'
import { untagByCopy } from './untag.ts'
import type { Clock, ManifestStore } from '../repository.ts'
import { keptByGithub } from './skip-reasons.ts'

interface GithubOptions {
  readonly request: GithubRequest
  /** Of the image: `acme`, `shop/api`. */
  readonly owner: string
  readonly name: string
  /** Which kind of owner to ask for first; the other one is tried, too. */
  readonly ownerKind?: OwnerKind
  /** The registry's side, for taking off tags; and the mark for what is pushed for that. */
  readonly registry: ManifestStore
  readonly mark: string
  readonly clock: Clock
}

export type OwnerKind = 'orgs' | 'users'

/** A call below the package, whoever owns it. */
type Call = (verb: string, path: string, parameters?: Readonly<Record<string, unknown>>) => ReturnType<GithubRequest>

/** GitHub's packages: a version is a manifest, and has no look-up by tag or digest. */
export function openGithubPackages(options: GithubOptions): PackageApi {
  const call = openCalls(options)
  const list = (state: string) => listVersions(call, state)
  const read = ({ id }: Pick<Version, 'id'>) =>
    orGone(call('GET', '/versions/{id}', { id }).then(({ data }) => parseVersion(data)))
  const remove = async ({ id }: Pick<Version, 'id'>) => {
    await orGone(call('DELETE', '/versions/{id}', { id }))
  }
  return {
    kind: 'github',
    list: () => list('active'),
    deleted: () => list('deleted'),
    read,
    remove,
    untag: (version, tag) => untagByCopy({ ...options, list: () => list('active'), read, remove }, version, tag),
    restore: async ({ id }) => (await orGone(call('POST', '/versions/{id}/restore', { id }))) !== undefined,
  }
}

function openCalls({ request, owner, name, ownerKind = 'orgs' }: GithubOptions): Call {
  let scopes: readonly OwnerKind[] = ownerKind === 'orgs' ? ['orgs', 'users'] : ['users', 'orgs']
  return async (verb, path, parameters = {}) => {
    let refused: unknown
    for (const scope of scopes) {
      try {
        const answer = await request(`${verb} /${scope}/{owner}/packages/container/{name}${path}`, {
          owner,
          name,
          ...parameters,
        })
        scopes = [scope]
        return answer
      } catch (error) {
        if (error instanceof GithubError && isGone(error)) scopes = [scope]
        refused ??= error
        const mayBeOther = error instanceof GithubError && error.status === 404 && !isGone(error)
        if (!mayBeOther) break
      }
    }
    throw keptByGithub(refused, `${owner}/${name}`)
  }
}

const pageSize = 100

async function* listVersions(call: Call, state: string): AsyncIterable<readonly Version[]> {
  for (let page = 1; ; page++) {
    const { data, link } = await call('GET', '/versions', { state, per_page: pageSize, page })
    if (!Array.isArray(data)) throw new Error('GitHub’s list of versions cannot be read')
    yield data.map(parseVersion)
    if (!link.includes('rel="next"')) return
  }
}

function parseVersion(data: unknown): Version {
  const { id, name, metadata } = asRecord(data)
  const tags = asRecord(asRecord(metadata)['container'])['tags']
  // A version whose tags are not known must not pass for one that has none.
  if (typeof id !== 'number' || !isDigest(name) || !Array.isArray(tags))
    throw new Error(`GitHub describes a version in a way that cannot be read: ${JSON.stringify(data).slice(0, 200)}`)
  return { id: String(id), digest: name, tags: asList(tags).map(asText) }
}

/** What is gone already is as good as deleted. */
async function orGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof GithubError && isGone(error)) return undefined
    throw error
  }
}
