import type { RawFetch, RawInit, RawResponse } from '../lib/http.ts'
import type { RequestInfo } from './error.ts'
import { commonHeaders, errorLimit, networkError, type HttpResponse } from './http-client.ts'
import { follow, readBytes } from './redirects.ts'

/** Bytes as they arrive. */
export type Bytes = AsyncGenerator<Uint8Array, void>

/** A request whose body is sent while it is read. */
export interface StreamRequest {
  readonly method: 'GET' | 'PUT' | 'PATCH'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Called for each time the request is sent; the length of the body must be in `content-length`. */
  readonly body?: () => Bytes
  /** Whether many megabytes are expected: a chunk is then valid until `validChunks` later ones are requested. */
  readonly isLarge?: boolean
}

export interface StreamResponse extends HttpResponse {
  /** The content of a successful response to GET. `bytes` has that of any other. Must be read or returned. */
  readonly body: Bytes
}

/** Sends one request; throws a `RegistryError` of kind `network` if there is no response. */
export type HttpStream = (request: StreamRequest, info: RequestInfo) => Promise<StreamResponse>

/** Milliseconds of waiting in which fewer bytes than `slowest` move before a connection counts as lost. */
const stallTimeout = 60_000
/** A server that sends a byte now and then would keep the run waiting for as long as it likes. */
const slowest = 64 * 1024
/** Milliseconds that a registry may need to store what it has received. */
const storeTimeout = 300_000

export function createHttpStream(raw: RawFetch, signal: AbortSignal | undefined): HttpStream {
  return async (request, info) => {
    signal?.throwIfAborted()
    const watchdog = new Watchdog(signal)
    const body = request.body?.()
    try {
      const sent = body && watchBody(body, watchdog)
      const { response, url } = await follow(raw, request.url, exchangeOf(request, watchdog.signal, sent))
      const { status } = response
      const isContent = status >= 200 && status < 300 && request.method === 'GET'
      const bytes = isContent ? Buffer.alloc(0) : await readBytes(response, errorLimit)
      const content = isContent ? watchContent(response, watchdog, { ...info, url: request.url }) : empty()
      if (!isContent) watchdog.end()
      return { status, headers: response.headers, url, bytes, body: content }
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

function exchangeOf(request: StreamRequest, signal: AbortSignal, body: Bytes | undefined): RawInit {
  const { method, headers, isLarge = false } = request
  return { method, headers: { ...commonHeaders, ...headers }, signal, isLarge, ...(body && { body }) }
}

async function* empty(): Bytes {
  // A response without content.
}

async function* watchBody(body: Bytes, watchdog: Watchdog): Bytes {
  watchdog.pause()
  for await (const chunk of body) {
    watchdog.wait()
    yield chunk
    // The source of the body has a watchdog of its own.
    watchdog.pause()
    watchdog.move(chunk.length)
  }
  watchdog.restart(storeTimeout)
}

async function* watchContent(response: RawResponse, watchdog: Watchdog, info: RequestInfo & { url: string }): Bytes {
  try {
    watchdog.restart()
    for await (const chunk of response.body) {
      // While the reader waits, for example for a slow destination, nothing is expected of this server.
      watchdog.pause()
      watchdog.move(chunk.length)
      yield chunk
      watchdog.wait()
    }
  } catch (error) {
    watchdog.throwIfCancelled()
    throw networkError(error, info.url, info)
  } finally {
    watchdog.end()
  }
}

/** Ends a connection on which nothing, or hardly anything, moves. */
class Watchdog {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal | undefined
  /** It runs on while nothing is waited for: to set a timer for each chunk takes longer than to read the clock. */
  #timer: NodeJS.Timeout | undefined
  #limit = stallTimeout
  /** When the current waiting began. */
  #since: number | undefined
  /** Milliseconds of waiting, and bytes, since enough bytes have moved. */
  #waited = 0
  #moved = 0

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer
    outer?.addEventListener('abort', this.#cancel, { once: true })
    this.wait()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The server has to move bytes from now on. */
  wait(): void {
    this.pause()
    // The last chunk may be read after the response has come.
    if (this.#controller.signal.aborted) return
    this.#since = performance.now()
    this.#timer ??= setTimeout(this.#check, Math.max(0, this.#limit - this.#waited))
  }

  readonly #check = (): void => {
    this.#timer = undefined
    if (this.#since === undefined) return
    const waited = this.#waited + performance.now() - this.#since
    if (waited < this.#limit) this.#timer = setTimeout(this.#check, this.#limit - waited)
    else this.#controller.abort(new Error(this.#moved === 0 ? noData(this.#limit) : tooSlow(this.#limit)))
  }

  restart(ms = stallTimeout): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#limit = ms
    this.#forget()
    this.#since = undefined
    this.wait()
  }

  pause(): void {
    if (this.#since !== undefined) this.#waited += performance.now() - this.#since
    this.#since = undefined
  }

  move(bytes: number): void {
    this.#moved += bytes
    if (this.#moved >= slowest) this.#forget()
  }

  #forget(): void {
    this.#waited = 0
    this.#moved = 0
  }

  throwIfCancelled(): void {
    this.#outer?.throwIfAborted()
  }

  /** Ends the connection unless its response is complete. */
  end(): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#cancel)
    this.#controller.abort()
  }

  readonly #cancel = (): void => this.#controller.abort(this.#outer?.reason)
}

const noData = (ms: number) => `no data for ${ms / 60_000} min`
const tooSlow = (ms: number) => `less than ${slowest / 1024} KiB in ${ms / 60_000} min`
