import { shorten } from '../lib/issues.ts'
import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { parseRetryAfter } from '../lib/retry.ts'

type RegistryErrorKind = 'unauthorized' | 'denied' | 'not-found' | 'too-many' | 'server' | 'network' | 'protocol'

/** Where a login comes from: the step's inputs, the CI platform's token, or the job's own Docker configuration. */
export type LoginOrigin = 'inputs' | 'token' | 'job'

interface RegistryErrorDetails {
  readonly kind: RegistryErrorKind
  readonly host: string
  readonly repository?: string | undefined
  readonly status?: number | undefined
  /** The first of the registry's error codes, such as `MANIFEST_UNKNOWN`; the system's if there was no response. */
  readonly code?: string | undefined
  /** Where the login of the request comes from. */
  readonly origin?: LoginOrigin | undefined
  /** Whether the same request may succeed later. */
  readonly transient?: boolean
  /** How long the registry asks to wait, in milliseconds. */
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
}

/** A failed request to a registry; the message is one line, for users, and contains no credentials. */
export class RegistryError extends Error {
  readonly kind: RegistryErrorKind
  readonly host: string
  readonly repository: string | undefined
  readonly status: number | undefined
  readonly code: string | undefined
  readonly origin: LoginOrigin | undefined
  readonly transient: boolean
  readonly retryAfter: number | undefined

  constructor(message: string, details: RegistryErrorDetails) {
    super(message, { cause: details.cause })
    this.name = 'RegistryError'
    this.kind = details.kind
    this.host = details.host
    this.repository = details.repository
    this.status = details.status
    this.code = details.code
    this.origin = details.origin
    this.transient = details.transient ?? false
    this.retryAfter = details.retryAfter
  }
}

/** What a request is for, so that its error can say so. */
export interface RequestInfo {
  readonly host: string
  readonly repository?: string
  /** What the request is about: `ghcr.io/acme/app:1.2`. */
  readonly subject: string
  readonly verb: 'read' | 'push' | 'delete'
  /** Values that errors must not show, even if the registry repeats them; empty without a login. */
  readonly secrets: readonly string[]
  readonly origin?: LoginOrigin | undefined
}

interface ErrorResponse {
  readonly status: number
  readonly headers: Pick<Headers, 'get'>
  readonly bytes: Uint8Array
}

/** The error for a response that is not successful. */
export function responseError(response: ErrorResponse, info: RequestInfo, now: number): RegistryError {
  const { code, text } = parseErrorBody(response.bytes)
  const kind = errorKind(response, code)
  const status = [String(response.status), code].filter((part) => part !== undefined).join(' ')
  const reason = redact(text, info.secrets)
  const details = reason === '' ? status : `${status}: ${reason}`
  return new RegistryError(`${info.subject}: ${formatKind(kind, info)} (${details})`, {
    kind,
    host: info.host,
    repository: info.repository,
    status: response.status,
    code,
    origin: info.origin,
    transient: kind === 'server' || kind === 'too-many',
    retryAfter: parseRetryAfter(response.headers.get('retry-after'), now),
  })
}

/** The error for a response that the registry's API does not allow. */
export function protocolError(message: string, { host, repository, subject }: RequestInfo): RegistryError {
  return new RegistryError(`${subject}: ${message}`, { kind: 'protocol', host, repository })
}

function errorKind({ status, headers }: ErrorResponse, code: string | undefined): RegistryErrorKind {
  // The token was accepted, but its scope is too small: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
  const scopeTooSmall = code === 'DENIED' || /error="?insufficient_scope/i.test(headers.get('www-authenticate') ?? '')
  if (status === 401) return scopeTooSmall ? 'denied' : 'unauthorized'
  if (status === 403) return 'denied'
  if (status === 404) return 'not-found'
  if (status === 429) return 'too-many'
  return status >= 500 && status !== 501 && status !== 505 ? 'server' : 'protocol'
}

function formatKind(kind: RegistryErrorKind, { host, verb, secrets }: RequestInfo): string {
  const login = secrets.length > 0
  switch (kind) {
    case 'unauthorized':
      return login ? `${host} rejected the login` : `${host} requires a login, and none is configured for it`
    case 'denied':
      return login ? `${host} does not allow this login to ${verb}` : `${host} requires a login to ${verb}`
    case 'not-found':
      return `${host} does not have it, or does not show it ${login ? 'to this login' : 'without a login'}`
    case 'too-many':
      return `${host} limits the rate of requests`
    case 'server':
      return `${host} reported a server error`
    case 'network':
      return `${host} could not be reached`
    case 'protocol':
      return `${host} rejected the request`
  }
}

/**
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes; token servers use fields of their
 * own.
 */
function parseErrorBody(bytes: Uint8Array): { readonly code: string | undefined; readonly text: string } {
  const body = asRecord(tryParseJson(new TextDecoder().decode(bytes)))
  const first = asRecord(asList(body['errors'])[0])
  const code = asText(first['code'])
  const text =
    asText(first['message']) ||
    asText(body['error_description']) ||
    asText(body['details']) ||
    asText(body['error']) ||
    asText(body['message'])
  return { code: /^[A-Z][A-Z_]{1,40}$/.test(code) ? code : undefined, text: text === code ? '' : text }
}

/** Some servers repeat what they received: the login itself, the Authorization header, a JSON Web Token. */
function redact(text: string, secrets: readonly string[]): string {
  const redacted = secrets
    .filter((secret) => secret !== '')
    .reduce((result, secret) => result.replaceAll(secret, '***'), text)
  return shorten(
    redacted.replace(/\b(bearer|basic)\s+[\w.~+/=-]{16,}/gi, '$1 ***').replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '***'),
  )
}
