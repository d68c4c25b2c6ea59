import { listen } from './http.ts'
import type { HttpRequest, Listening } from './http.ts'
import { accessByBearer, issueToken } from './registry-auth.ts'
import { callRegistry, routeOf } from './registry.ts'
import { getStored } from './registry-blobs.ts'
import type { Answer, Fake } from './fake.ts'

/** ghcr.io over plain HTTP. */
export const serveRegistry = (fake: Fake): Promise<Listening> =>
  listen((request, origin) => answer(fake, request, origin))

/** The same without a socket, for a `fetch` in process. */
export function answer(fake: Fake, request: HttpRequest, origin: string): Promise<Answer> {
  const { method, url, header, body } = request
  const stored = /^\/ghcr1\/blobs\/(sha256:[0-9a-f]+)$/.exec(url.pathname)?.[1]
  if (stored !== undefined) return Promise.resolve(getStored(fake, stored, header('range')))
  // Docker tries OAuth2 first; ghcr.io has none.
  if (url.pathname === '/token')
    return Promise.resolve(
      method === 'GET'
        ? issueToken(fake.state, url.searchParams, header('authorization'))
        : { status: 405, headers: {} },
    )
  const access = accessByBearer(fake.state, header('authorization'))
  if (!access) return Promise.resolve(challenge(method, url, origin))
  return callRegistry(fake, { method, path: url.pathname, query: url.searchParams, header, body, access })
}

/** Where to get a bearer, and for what. */
function challenge(method: string, url: URL, origin: string): Answer {
  const repository = routeOf(url.pathname)?.repository ?? 'user/image'
  const actions = method === 'GET' || method === 'HEAD' ? 'pull' : 'pull,push'
  const scope = `repository:${repository}:${actions}`
  return {
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="${origin}/token",service="ghcr.io",scope="${scope}"` },
    body: { errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] },
  }
}
