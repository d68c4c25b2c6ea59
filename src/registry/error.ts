import { shorten } from '../lib/issues.ts'
import { asList, asRecord, asText, tryParseJson } from '../lib/json.ts'
import { parseRetryAfter } from './retry.ts'

export type RegistryErrorKind = 'unauthorized' | 'denied' | 'not-found' | 'too-many' | 'server' | 'network' | 'protocol'

interface RegistryErrorDetails {
  readonly kind: RegistryErrorKind
  readonly host: string
  readonly repository?: string | undefined
  readonly status?: number | undefined
  /** The first of the registry's error codes, such as `MANIFEST_UNKNOWN`; the system's where there was no answer. */
  readonly code?: string | undefined
  /** Whether the same request may succeed a little later. */
  readonly transient?: boolean
  /** How long the registry asks to wait, in milliseconds. */
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
}

/** What a registry refused or got wrong; the message is one line, for users, and holds no credentials. */
export class RegistryError extends Error {
  readonly kind: RegistryErrorKind
  readonly host: string
  readonly repository: string | undefined
  readonly status: number | undefined
  readonly code: string | undefined
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
    this.transient = details.transient ?? false
    this.retryAfter = details.retryAfter
  }
}

/** What a request is for, so that its failure can be told. */
export interface Purpose {
  readonly host: string
  readonly repository?: string
  /** What it is about: `ghcr.io/acme/app:1.2`. */
  readonly subject: string
  readonly verb: 'read' | 'push' | 'delete'
  /** Values that must not be seen, even if the registry repeats them; empty without a login. */
  readonly secrets: readonly string[]
}

interface Refusal {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
}

/** The error that an answer other than success stands for. */
export function refusalError(answer: Refusal, purpose: Purpose, now: number): RegistryError {
  const { code, text } = readErrors(answer.bytes)
  const kind = kindOf(answer, code)
  const said = [String(answer.status), code].filter((part) => part !== undefined).join(' ')
  const reason = hide(text, purpose.secrets)
  return new RegistryError(
    `${purpose.subject}: ${sentence(kind, purpose)} (${said}${reason === '' ? '' : `: ${reason}`})`,
    {
      kind,
      host: purpose.host,
      repository: purpose.repository,
      status: answer.status,
      code,
      transient: kind === 'server' || kind === 'too-many',
      retryAfter: parseRetryAfter(answer.headers.get('retry-after'), now),
    },
  )
}

/** An answer that makes no sense, so that nothing can be built on it. */
export function protocolError(message: string, { host, repository, subject }: Purpose): RegistryError {
  return new RegistryError(`${subject}: ${message}`, { kind: 'protocol', host, repository })
}

function kindOf({ status, headers }: Refusal, code: string | undefined): RegistryErrorKind {
  // A token that was good, for less than the request needs: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
  const scopeTooSmall = code === 'DENIED' || /error="?insufficient_scope/i.test(headers.get('www-authenticate') ?? '')
  if (status === 401) return scopeTooSmall ? 'denied' : 'unauthorized'
  if (status === 403) return 'denied'
  if (status === 404) return 'not-found'
  if (status === 429) return 'too-many'
  return status >= 500 && status !== 501 && status !== 505 ? 'server' : 'protocol'
}

function sentence(kind: RegistryErrorKind, { host, verb, secrets }: Purpose): string {
  const login = secrets.length > 0
  switch (kind) {
    case 'unauthorized':
      return login ? `${host} does not accept the login` : `${host} asks for a login, and there is none for it`
    case 'denied':
      return login ? `${host} does not let this login ${verb} here` : `${host} lets nobody ${verb} here without a login`
    case 'not-found':
      return `${host} does not have it, or does not show it ${login ? 'to this login' : 'without a login'}`
    case 'too-many':
      return `${host} asks for fewer requests`
    case 'server':
      return `${host} failed`
    case 'network':
      return `${host} could not be reached`
    case 'protocol':
      return `${host} does not take the request`
  }
}

/**
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes; token servers have words of their
 * own.
 */
function readErrors(bytes: Uint8Array): { readonly code: string | undefined; readonly text: string } {
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

/** Some servers repeat what they were sent: the login itself, the Authorization header, a JSON Web Token. */
function hide(text: string, secrets: readonly string[]): string {
  const hidden = secrets
    .filter((secret) => secret !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
  return shorten(
    hidden.replace(/\b(bearer|basic)\s+[\w.~+/=-]{16,}/gi, '$1 ***').replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '***'),
  )
}
