import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { isLoopback } from '../lib/proxy.ts'
import { parseChallenges } from './challenge.ts'
import { protocolError, responseError, type LoginOrigin, type RequestInfo } from './error.ts'
import type { HttpClient, HttpRequest } from './http-client.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
  /** An OAuth2 refresh token, which `docker login` stores for some registries; used instead of the password. */
  readonly identityToken?: string
  readonly origin?: LoginOrigin
}

/** Answers a registry's challenges; remembers its authentication method and its tokens. */
export interface Authorizer {
  /** The Authorization header for a scope; undefined until the registry has sent a challenge. */
  header(scope: string, info: RequestInfo): Promise<string | undefined>
  /** Handles a 401 to a request with the header `used`. @returns whether another attempt could succeed */
  learn(challenge: string, scope: string, used: string | undefined): Promise<boolean>
}

interface AuthorizerOptions {
  readonly credentials: Credentials | undefined
  readonly http: HttpClient
  readonly now: () => number
  /** Whether plain http is configured for a host: it may get the login unencrypted. */
  readonly isPlain?: (host: string) => boolean
}

interface Token {
  readonly header: string
  /** Milliseconds since the epoch; the token is renewed then. */
  readonly staleAt: number
}

interface Realm {
  readonly realm: string
  readonly service: string | undefined
}

type Method = { readonly kind: 'none' } | { readonly kind: 'basic' } | ({ readonly kind: 'bearer' } & Realm)

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { credentials } = options
  let method: Method = { kind: 'none' }
  const tokens = new TokenCache(options)
  return {
    header: async (scope, info) => {
      if (method.kind === 'bearer') return (await tokens.get(scope, method, info)).header
      return method.kind === 'basic' ? credentials && basicHeader(credentials) : undefined
    },
    learn: async (challenge, scope, used) => {
      const { next, requestedScope } = parseMethod(challenge)
      if (next.kind === 'none') return false
      if (next.kind === 'basic' && (!credentials || used === basicHeader(credentials))) return false
      method = next
      await tokens.reject(scope, used, requestedScope)
      return true
    },
  }
}

/** The tokens of one registry, one for each scope. */
class TokenCache {
  private readonly options: AuthorizerOptions
  private readonly tokens = new Map<string, Promise<Token>>()
  /** The scopes that the registry requested, by the scope that was asked for. */
  private readonly requestedScopes = new Map<string, string>()

  constructor(options: AuthorizerOptions) {
    this.options = options
  }

  async get(scope: string, realm: Realm, info: RequestInfo): Promise<Token> {
    const { credentials, http, now, isPlain = () => false } = this.options
    const cached = this.tokens.get(scope)
    const token = cached && (await cached)
    if (token && now() < token.staleAt) return token
    // Another request may have renewed it in the meantime.
    const renewed = this.tokens.get(scope)
    if (renewed && renewed !== cached) return await renewed
    const url = tokenServer(realm.realm, { login: credentials !== undefined, isPlain, info })
    const request = tokenRequest(url, realm.service, this.requestedScopes.get(scope) ?? scope, credentials)
    const fetched = fetchToken(request, { http, now, info })
    this.tokens.set(scope, fetched)
    // An error is for the requests that waited for it, and is not cached.
    fetched.catch(() => this.tokens.get(scope) === fetched && this.tokens.delete(scope))
    return await fetched
  }

  /** Removes a token that the registry rejected, unless another request has renewed it already. */
  async reject(scope: string, used: string | undefined, requestedScope: string | undefined): Promise<void> {
    if (requestedScope !== undefined) this.requestedScopes.set(scope, mergeScopes(scope, requestedScope))
    const cached = this.tokens.get(scope)
    const token = await cached?.catch(() => undefined)
    if (token?.header === used && this.tokens.get(scope) === cached) this.tokens.delete(scope)
  }
}

export function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** The parts of a login that must not be shown. */
export function credentialSecrets(credentials: Credentials | undefined): readonly string[] {
  if (!credentials) return []
  const { password, identityToken = '' } = credentials
  return [password, identityToken, basicHeader(credentials).slice('Basic '.length)]
}

function parseMethod(header: string): { readonly next: Method; readonly requestedScope: string | undefined } {
  const challenges = parseChallenges(header)
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'))
  if (!bearer) {
    const kind = challenges.some(({ scheme }) => scheme === 'basic') ? 'basic' : 'none'
    return { next: { kind }, requestedScope: undefined }
  }
  const { parameters } = bearer
  return {
    next: { kind: 'bearer', realm: parameters.get('realm') ?? '', service: parameters.get('service') },
    requestedScope: parameters.get('scope'),
  }
}

/** One entry per resource, with the actions of all scopes: `repository:acme/app:pull,push`. */
export function mergeScopes(...scopes: readonly string[]): string {
  const resources = new Map<string, Set<string>>()
  for (const entry of scopes.flatMap((scope) => scope.split(/\s+/)).filter((scope) => scope !== '')) {
    const colon = entry.lastIndexOf(':')
    const resource = colon < 0 ? entry : entry.slice(0, colon)
    const actions = colon < 0 ? [] : entry.slice(colon + 1).split(',')
    resources.set(resource, new Set([...(resources.get(resource) ?? []), ...actions]))
  }
  return [...resources]
    .map(([resource, actions]) => (actions.size === 0 ? resource : `${resource}:${[...actions].join(',')}`))
    .join(' ')
}

const tokenLimit = 1024 * 1024

/** https://distribution.github.io/distribution/spec/auth/token/, and for identity tokens …/spec/auth/oauth/ */
function tokenRequest(
  url: URL,
  service: string | undefined,
  scope: string,
  credentials: Credentials | undefined,
): HttpRequest {
  if (credentials?.identityToken !== undefined) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'multiarch-build',
      service: service ?? '',
      scope,
      refresh_token: credentials.identityToken,
    })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    // A redirect would send the form, and the token in it, to another server.
    return { method: 'POST', url: url.href, headers, body: form.toString(), redirect: 'error', limit: tokenLimit }
  }
  if (service !== undefined) url.searchParams.set('service', service)
  for (const entry of scope.split(' ')) if (entry !== '') url.searchParams.append('scope', entry)
  const headers = credentials && { headers: { authorization: basicHeader(credentials) } }
  return { method: 'GET', url: url.href, limit: tokenLimit, ...headers }
}

interface TokenServerOptions {
  /** Whether the request contains a login. */
  readonly login: boolean
  readonly isPlain: (host: string) => boolean
  readonly info: RequestInfo
}

/**
 * The token server that the registry names. A login is never sent there unencrypted over a network, unless plain http
 * is configured for the token server's host.
 */
function tokenServer(realm: string, { login, isPlain, info }: TokenServerOptions): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined
  if (!url || !/^https?:$/.test(url.protocol))
    throw protocolError('the registry names a token server whose address is not an http address', info)
  const isSafe = url.protocol === 'https:' || isLoopback(url.host) || isLoopback(info.host)
  if (login && !isSafe && !isPlain(url.host))
    throw protocolError(
      `the registry requests the login for ${url.host} over plain http, where others can read it; to allow that, set ` +
        `\`http: true\` for ${url.host} in \`registries\``,
      info,
    )
  return url
}

interface TokenContext {
  readonly http: HttpClient
  readonly now: () => number
  readonly info: RequestInfo
}

async function fetchToken(request: HttpRequest, { http, now, info }: TokenContext): Promise<Token> {
  const start = now()
  const response = await http(request, info)
  if (response.status !== 200) throw responseError(response, info, now())
  const body = asRecord(tryParseJson(new TextDecoder().decode(response.bytes)))
  const token = asText(body['token']) || asText(body['access_token'])
  if (!/^[\x21-\x7e]+$/.test(token))
    throw protocolError(`the token server ${new URL(request.url).host} returned no token`, info)
  const lifetime = typeof body['expires_in'] === 'number' && body['expires_in'] > 0 ? body['expires_in'] : 60
  // Renewed before it expires, since clocks differ and requests take a while.
  return { header: `Bearer ${token}`, staleAt: start + lifetime * 1000 * 0.8 }
}

export interface Login {
  readonly registry: string
  readonly username: string
  readonly password: string
  /** A part of the registry, `acme/app@push`: only for builds that pull and push there. */
  readonly scope?: string
  /** An AWS key, to be exchanged for a password; empty: the job's own. */
  readonly ecr?: boolean
  /** At Docker Hub, by the job's OIDC token, which is to be exchanged for a password. */
  readonly hubOidc?: true
  /** The CI platform's token, which is used by default: a login that the job already has there takes precedence. */
  readonly isPlatformToken?: boolean
}
