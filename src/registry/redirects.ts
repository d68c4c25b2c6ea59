import { readChunks, type Fetch, type RawFetch, type RawInit, type RawResponse } from '../lib/http.ts'

/** What to do with a redirect; the response itself is returned with `manual`. */
export type RedirectMode = 'follow' | 'manual' | 'error'

/** At most this many redirects are followed, as in fetch. */
const maxRedirects = 20
/** Bytes of the body of a redirect. */
const bodyLimit = 64 * 1024

/** Sends a request and follows its redirects as fetch does. A body that is streamed could not be sent again. */
export async function follow(
  raw: RawFetch,
  first: string,
  init: RawInit,
  mode: RedirectMode = 'follow',
): Promise<{ readonly response: RawResponse; readonly url: string }> {
  let url = first
  let request = init
  for (let redirects = 0; ; redirects++) {
    const response = await raw(url, request)
    const location = isRedirect(response.status) ? response.headers.get('location') : null
    if (location === null || mode === 'manual' || isStream(request.body)) return { response, url }
    if (mode === 'error') throw new Error('unexpected redirect')
    if (redirects === maxRedirects) throw new Error('too many redirects')
    await readBytes(response, bodyLimit)
    const next = new URL(location, url)
    request = redirected(request, response.status, next.origin === new URL(url).origin)
    url = next.href
  }
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

function isStream(body: RawInit['body']): boolean {
  return typeof body === 'object' && !(body instanceof Uint8Array)
}

/** https://fetch.spec.whatwg.org/#http-redirect-fetch */
function redirected({ body, ...request }: RawInit, status: number, isSameOrigin: boolean): RawInit {
  const becomesGet = status === 303 ? request.method !== 'HEAD' : request.method === 'POST' && status < 303
  // The login is for the registry alone.
  const { authorization = '', ...others } = request.headers
  const headers = isSameOrigin && authorization !== '' ? request.headers : others
  return becomesGet
    ? { ...request, method: 'GET', headers }
    : { ...request, headers, ...(body !== undefined && { body }) }
}

/** The body, up to and including the chunk that exceeds `limit` bytes. */
export async function readBytes({ body }: Pick<RawResponse, 'body'>, limit: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > limit) break
  }
  return Buffer.concat(chunks)
}

/** A `RawFetch` for tests and for callers that have only a `fetch`. */
export function rawOf(fetch: Fetch): RawFetch {
  return async (url, { body, method, headers: given, signal }) => {
    const upload = body !== undefined && ({ body, ...(isStream(body) && { duplex: 'half' }) } as RequestInit)
    const response = await fetch(url, { method, headers: given, signal, ...upload, redirect: 'manual' })
    const { status, headers } = response
    return { status, headers, body: readChunks(response, Infinity) }
  }
}
