import { readChunks, type Fetch, type RawFetch, type RawResponse } from '../lib/http.ts'
import type { RequestInfo } from './error.ts'
import { commonHeaders, errorLimit, networkError, type HttpResponse } from './http-client.ts'

/** Bytes as they arrive. */
export type Bytes = AsyncGenerator<Uint8Array, void>

/** A request whose body is sent while it is read. */
export interface StreamRequest {
  readonly method: 'GET' | 'PUT' | 'PATCH'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Called for each time the request is sent; the length of the body must be in `content-length`. */
  readonly body?: () => Bytes
}

export interface StreamResponse extends HttpResponse {
  /** The content of a successful response to GET. `bytes` has that of any other. Must be read or returned. */
  readonly body: Bytes
}

/** Sends one request; throws a `RegistryError` of kind `network` if there is no response. */
export type HttpStream = (request: StreamRequest, info: RequestInfo) => Promise<StreamResponse>

/** Milliseconds in which no byte moves before a connection counts as lost. */
const stallTimeout = 60_000
/** Milliseconds that a registry may need to store what it has received. */
const storeTimeout = 300_000

/** At most this many redirects are followed, as in fetch. */
const maxRedirects = 20

export function createHttpStream(raw: RawFetch, signal: AbortSignal | undefined): HttpStream {
  return async (request, info) => {
    signal?.throwIfAborted()
    const watchdog = new Watchdog(signal)
    const body = request.body?.()
    try {
      const sent = body && watchBody(body, watchdog)
      const { response, url } = await follow(raw, request, { signal: watchdog.signal, body: sent })
      const { status, headers } = response
      const isContent = status >= 200 && status < 300 && request.method === 'GET'
      const bytes = isContent ? Buffer.alloc(0) : await readError(response)
      const content = isContent ? watchContent(response, watchdog, { ...info, url: request.url }) : empty()
      if (!isContent) watchdog.end()
      return { status, headers, url, bytes, body: content }
    } catch (error) {
      watchdog.end()
      signal?.throwIfAborted()
      throw networkError(error, request.url, info)
    } finally {
      // The response may come before the whole body is sent.
      void body?.return()
    }
  }
}

interface Exchange {
  readonly signal: AbortSignal
  readonly body: Bytes | undefined
}

/** Follows the redirects of a download; an upload that is redirected would have to be read again. */
async function follow(
  raw: RawFetch,
  { method, url: first, headers: given }: StreamRequest,
  { signal, body }: Exchange,
): Promise<{ readonly response: RawResponse; readonly url: string }> {
  let url = first
  const headers: Record<string, string> = { ...commonHeaders, ...given }
  for (let redirects = 0; ; redirects++) {
    const response = await raw(url, { method, headers, signal, ...(body && { body }) })
    const location = response.headers.get('location')
    if (method !== 'GET' || response.status < 300 || response.status > 399 || location === null)
      return { response, url }
    if (redirects === maxRedirects) throw new Error('too many redirects')
    await readError(response)
    const next = new URL(location, url)
    // The login is for the registry alone.
    if (next.origin !== new URL(url).origin) delete headers['authorization']
    url = next.href
  }
}

/** A `RawFetch` for tests and for callers that have only a `fetch`. */
export function rawOf(fetch: Fetch): RawFetch {
  return async (url, { body, ...init }) => {
    const upload = body && ({ body, duplex: 'half' } as RequestInit)
    const response = await fetch(url, { ...init, ...upload, redirect: 'manual' })
    const { status, headers } = response
    return { status, headers, body: readChunks(response, Infinity) }
  }
}

async function* empty(): Bytes {
  // A response without content.
}

async function readError({ body }: RawResponse): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > errorLimit) break
  }
  return Buffer.concat(chunks)
}

async function* watchBody(body: Bytes, watchdog: Watchdog): Bytes {
  watchdog.pause()
  for await (const chunk of body) {
    watchdog.reset()
    yield chunk
    // The source of the body has a watchdog of its own.
    watchdog.pause()
  }
  watchdog.reset(storeTimeout)
}

async function* watchContent(response: RawResponse, watchdog: Watchdog, info: RequestInfo & { url: string }): Bytes {
  try {
    watchdog.reset()
    for await (const chunk of response.body) {
      // While the reader waits, for example for a slow destination, nothing is expected of this server.
      watchdog.pause()
      yield chunk
      watchdog.reset()
    }
  } catch (error) {
    watchdog.throwIfCancelled()
    throw networkError(error, info.url, info)
  } finally {
    watchdog.end()
  }
}

/** Ends a connection on which nothing moves. */
class Watchdog {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer
    outer?.addEventListener('abort', this.#cancel, { once: true })
    this.reset()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  reset(ms = stallTimeout): void {
    this.pause()
    // The last chunk may be read after the response has come.
    if (this.#controller.signal.aborted) return
    const stalled = () => this.#controller.abort(new Error(`no data for ${ms / 60_000} min`))
    this.#timer = setTimeout(stalled, ms)
  }

  pause(): void {
    clearTimeout(this.#timer)
  }

  throwIfCancelled(): void {
    this.#outer?.throwIfAborted()
  }

  /** Ends the connection unless its response is complete. */
  end(): void {
    this.pause()
    this.#outer?.removeEventListener('abort', this.#cancel)
    this.#controller.abort()
  }

  readonly #cancel = (): void => this.#controller.abort(this.#outer?.reason)
}
