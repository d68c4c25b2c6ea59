import { asList, asRecord, asText } from '../lib/json.ts'
import { shorten } from '../lib/issues.ts'
import { attemptWithin } from '../lib/time.ts'
import { protocolError, RegistryError, type Purpose } from './error.ts'

export type Fetch = typeof globalThis.fetch

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer> | string
  /** `follow` unless said: fetch then takes the Authorization header off before it goes to another origin. */
  readonly redirect?: 'manual' | 'error'
  /** The most bytes that a good answer may have. */
  readonly limit: number
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where it came from in the end: a redirect may lead to a server that is not the registry. */
  readonly url: string
}

/** One request and its whole answer; throws a `RegistryError` of kind `network` where there was none. */
export type Exchange = (request: HttpRequest, purpose: Purpose) => Promise<Answer>

/** For one attempt, from the connection to the last byte. */
const longestAttempt = 60_000
/** Enough of a refusal to find its reason; the rest, perhaps a page of HTML, is of no use. */
const refusalLimit = 64 * 1024

export function openTransport(fetch: Fetch, signal: AbortSignal | undefined): Exchange {
  return async (request, purpose) => {
    signal?.throwIfAborted()
    try {
      return await attemptWithin(
        longestAttempt,
        signal,
        () => new Error('waited for a minute'),
        (ours) => exchange(fetch, request, purpose, ours),
      )
    } catch (error) {
      signal?.throwIfAborted()
      throw error instanceof RegistryError ? error : networkError(error, request.url, purpose)
    }
  }
}

async function exchange(fetch: Fetch, request: HttpRequest, purpose: Purpose, signal: AbortSignal): Promise<Answer> {
  const { method, url, headers, body, redirect = 'follow', limit } = request
  const response = await fetch(url, {
    method,
    headers: { 'accept-encoding': 'identity', 'user-agent': 'multiarch-build', ...headers },
    redirect,
    signal,
    ...(body !== undefined && { body }),
  })
  const bytes = response.ok ? await readBody(response, limit) : await readBody(response, refusalLimit)
  if (bytes.length > limit && response.ok)
    throw protocolError(`the answer is longer than ${limit / 1024 / 1024} MiB`, purpose)
  return { status: response.status, headers: response.headers, bytes, url: response.url || url }
}

/** The body, or a little more than `limit` bytes of it. */
async function readBody(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  while (reader && length <= limit) {
    const { done, value } = asRecord(await reader.read())
    if (done === true) return Buffer.concat(chunks)
    if (!(value instanceof Uint8Array)) continue
    chunks.push(value)
    length += value.length
  }
  await reader?.cancel()
  return Buffer.concat(chunks)
}

/** Nothing of these changes within minutes: a wrong name, a certificate, TLS where there is none. */
const lasting =
  /^(ENOTFOUND|ERR_INVALID|ERR_SSL|ERR_TLS|EPROTO|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH)/
const untrusted = /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|ERR_TLS_CERT)/

/** Whether a connection failed because of the server's certificate, so that there is a TLS server at least. */
export function isUntrusted(code: string | undefined): boolean {
  return code !== undefined && untrusted.test(code)
}

function networkError(error: unknown, url: string, { host, repository, subject }: Purpose): RegistryError {
  const code = codeOf(error)
  const server = new URL(url).host
  const reason = code ?? innermost(error)
  const message = isUntrusted(code)
    ? `${subject}: the certificate of ${server} is not trusted (${code}); NODE_EXTRA_CA_CERTS can name a file with its authority`
    : `${subject}: no answer from ${server} (${reason})`
  // fetch refuses some ports (https://fetch.spec.whatwg.org/#port-blocking), and redirects where we allow none.
  const transient = code === undefined ? !/redirect|bad port/i.test(reason) : !lasting.test(code)
  return new RegistryError(message, { kind: 'network', host, repository, code, transient, cause: error })
}

/** fetch wraps the reason, at times twice (one error for all addresses of a name). */
function codeOf(error: unknown, depth = 0): string | undefined {
  const { code, cause, errors } = asRecord(error)
  if (typeof code === 'string') return code
  return depth > 4 || cause === undefined
    ? asList(errors).map((one) => codeOf(one, depth + 1))[0]
    : codeOf(cause, depth + 1)
}

function innermost(error: unknown, depth = 0): string {
  const { message, cause } = asRecord(error)
  return cause === undefined || depth > 4 ? shorten(asText(message) || String(error)) : innermost(cause, depth + 1)
}
