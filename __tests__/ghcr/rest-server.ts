import { listen } from './http.ts'
import type { HttpRequest, Listening } from './http.ts'
import { callRest, refused } from './rest.ts'
import type { Operation, PackageAt, Scope } from './rest.ts'
import type { Answer, Fake } from './fake.ts'

/** api.github.com over plain HTTP; below /api/v3 as an enterprise server. */
export const serveRest = (fake: Fake): Promise<Listening> => listen((request, origin) => answer(fake, request, origin))

/** The same without a socket, for a `fetch` in process. */
export function answer(fake: Fake, { method, url, header }: HttpRequest, origin: string): Promise<Answer> {
  const ghes = url.pathname.startsWith('/api/v3/')
  const path = ghes ? url.pathname.slice('/api/v3'.length) : url.pathname
  const operation = operationOf(method, path, url.searchParams)
  if (!operation)
    return Promise.resolve(refused({ status: 404, message: 'Not Found' }, {}, 'https://docs.github.com/rest'))
  const secret = /^(?:bearer|token) (.+)$/i.exec(header('authorization') ?? '')?.[1]
  if (secret !== undefined && !fake.state.tokens.has(secret))
    return Promise.resolve(refused({ status: 401, message: 'Bad credentials' }))
  const token = secret === undefined ? undefined : fake.state.tokens.get(secret)
  return callRest(fake, operation, { token, base: ghes ? `${origin}/api/v3` : origin, api: ghes ? 'ghes' : 'github' })
}

const number = (text: string | null, otherwise: number, most: number): number => {
  const asked = text === null ? otherwise : Math.floor(Number(text))
  return Number.isNaN(asked) || asked < 1 ? otherwise : Math.min(asked, most)
}

const packagesPath =
  /^\/(?:(orgs|users)\/([^/]+)|user)\/packages(?:\/container\/([^/]+)(\/versions(?:\/(\d+))?)?(\/restore)?)?$/

const scopeOf = (kind: string | undefined, owner = ''): Scope =>
  kind === 'orgs' || kind === 'users' ? { scope: kind, owner: decodeURIComponent(owner) } : { scope: 'user' }

/** What a method does to a package or a version, and below `/restore`. */
const verbs = new Map<string, 'get' | 'delete'>([
  ['GET', 'get'],
  ['DELETE', 'delete'],
])
const restoreVerbs = new Map<string, 'restore'>([['POST', 'restore']])
const verbOf = (method: string, restore: boolean) => (restore ? restoreVerbs : verbs).get(method)

/** Which operation a request means; a slash in a package's name has to come as %2F. */
export function operationOf(method: string, path: string, query: URLSearchParams): Operation | undefined {
  const [, repository, run] = /^\/repos\/([^/]+\/[^/]+)\/actions\/runs\/(\d+)$/.exec(path) ?? []
  if (repository !== undefined) return method === 'GET' ? { name: 'get run', repository, id: Number(run) } : undefined
  const match = packagesPath.exec(path)
  if (!match) return undefined
  const [, kind, owner, name, versions, id, restore] = match
  const scope = scopeOf(kind, owner)
  const paging = { page: number(query.get('page'), 1, Infinity), perPage: number(query.get('per_page'), 30, 100) }
  if (name === undefined) return method === 'GET' ? { name: 'list packages', at: scope, ...paging } : undefined

  const at: PackageAt = { ...scope, name: decodeURIComponent(name) }
  const verb = verbOf(method, restore !== undefined)
  if (verb === undefined) return undefined
  if (versions === undefined) return { name: `${verb} package`, at }
  if (id !== undefined) return { name: `${verb} version`, at, id: Number(id) }
  return verb === 'get'
    ? { name: 'list versions', at, state: query.get('state') === 'deleted' ? 'deleted' : 'active', ...paging }
    : undefined
}
