import { findErrorCode, isUntrusted, type RawFetch } from '../lib/http.ts'
import { shorten } from '../lib/issues.ts'
import { localAddressCode } from '../lib/local-address.ts'
import { asRecord, asText } from '../lib/json.ts'
import type { RetryPolicy } from '../lib/retry.ts'
import { withDeadline } from '../lib/time.ts'
import { protocolError, RegistryError, type RequestInfo } from './error.ts'
import { follow, readBytes, type RedirectMode } from './redirects.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer> | string
  /** Default `follow`: without the Authorization header if it leads to another origin. */
  readonly redirect?: RedirectMode
  /** The most bytes that a successful response may have. */
  readonly limit: number
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Pick<Headers, 'get'>
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The URL of the last redirect: it may lead to a server that is not the registry. */
  readonly url: string
}

/** Sends one request and reads its whole response; throws a `RegistryError` of kind `network` if there is none. */
export type HttpClient = (request: HttpRequest, info: RequestInfo) => Promise<HttpResponse>

/** For all APIs of registries: up to six attempts within three minutes. A registry may ask for waits of hours. */
export const registryRetryPolicy: RetryPolicy = {
  waits: [300, 600, 1200, 2400, 4800],
  jitter: 0.5,
  deadline: 180_000,
  longestRetryAfter: 60_000,
}

/** For blobs: an attempt takes as long as their bytes need, so the attempts together have no deadline. */
export const blobRetryPolicy: RetryPolicy = { waits: registryRetryPolicy.waits, jitter: 0.5, longestRetryAfter: 60_000 }

/** For one attempt, from the connection to the last byte, in milliseconds. */
const attemptTimeout = 60_000
/** Bytes of an error response that are read to find the reason; the rest may be a page of HTML. */
export const errorLimit = 64 * 1024

export const commonHeaders = { 'accept-encoding': 'identity', 'user-agent': 'multiarch-build' }

export function createHttpClient(raw: RawFetch, signal: AbortSignal | undefined): HttpClient {
  return async (request, info) => {
    signal?.throwIfAborted()
    const timeout = () => new Error('no complete response within a minute')
    try {
      return await withDeadline(attemptTimeout, signal, timeout, (either) => sendRequest(raw, request, info, either))
    } catch (error) {
      signal?.throwIfAborted()
      throw error instanceof RegistryError ? error : networkError(error, request.url, info)
    }
  }
}

async function sendRequest(
  raw: RawFetch,
  { method, url: first, headers, body, redirect, limit }: HttpRequest,
  info: RequestInfo,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const init = { method, headers: { ...commonHeaders, ...headers }, signal, ...(body !== undefined && { body }) }
  const { response, url } = await follow(raw, first, init, redirect)
  const { status } = response
  const isGood = status >= 200 && status < 300
  const bytes = await readBytes(response, isGood ? limit : errorLimit)
  if (bytes.length > limit && isGood)
    throw protocolError(`the response is longer than ${limit / 1024 / 1024} MiB`, info)
  return { status, headers: response.headers, bytes, url }
}

/** Errors that do not change within minutes: an unknown host name, a certificate, TLS where there is none. */
const permanent =
  /^(ENOTFOUND|ERR_INVALID|ERR_SSL|ERR_TLS|EPROTO|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH)/
const certificateHint = 'set `ca` for it in `registries`, or name a file with its authority in NODE_EXTRA_CA_CERTS'

const addressHint = 'if this is intended, list that host in `registries`'

/** The error for a request that got no complete response. */
export function networkError(error: unknown, url: string, { host, repository, subject }: RequestInfo): RegistryError {
  const code = findErrorCode(error)
  const server = new URL(url).host
  const reason = code === undefined || code.startsWith('ERR_INVALID') ? rootMessage(error) : code
  const ofAddress = `${subject}: the registry refers to ${reason}; ${addressHint}`
  const ofCertificate = `${subject}: the certificate of ${server} is not trusted (${code ?? ''}); ${certificateHint}`
  const ofServer = `${subject}: no answer from ${server} (${reason})`
  const message = code === localAddressCode ? ofAddress : isUntrusted(code) ? ofCertificate : ofServer
  // Redirects that are not allowed have no code.
  const transient = code === undefined ? !/redirect/i.test(reason) : !permanent.test(code)
  return new RegistryError(message, { kind: 'network', host, repository, code, transient, cause: error })
}

function rootMessage(error: unknown, depth = 0): string {
  const { message, cause } = asRecord(error)
  return cause === undefined || depth > 4 ? shorten(asText(message) || String(error)) : rootMessage(cause, depth + 1)
}
