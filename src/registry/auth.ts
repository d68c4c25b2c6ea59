import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { parseChallenges } from './challenge.ts'
import { protocolError, refusalError, type Purpose } from './error.ts'
import { isLoopback } from './origin.ts'
import type { Exchange, HttpRequest } from './transport.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
  /** An OAuth2 refresh token, which `docker login` keeps for some registries; used in place of the password. */
  readonly identityToken?: string
}

/** Answers a registry's challenges; remembers how it wants to be spoken to, and its tokens. */
export interface Authorizer {
  /** The Authorization header for a scope; undefined as long as the registry has not asked for one. */
  header(scope: string, purpose: Purpose): Promise<string | undefined>
  /** Learns from a 401 to a request that had the header `used`. False: asking again would change nothing. */
  learn(challenge: string, scope: string, used: string | undefined): Promise<boolean>
}

interface AuthorizerOptions {
  readonly credentials: Credentials | undefined
  readonly exchange: Exchange
  readonly now: () => number
  /** The author wants plain http for this registry: it gets the login as it is. */
  readonly plain?: boolean
}

interface Token {
  readonly header: string
  readonly staleAt: number
}

interface Realm {
  readonly realm: string
  readonly service: string | undefined
}

type Method = { readonly kind: 'none' } | { readonly kind: 'basic' } | ({ readonly kind: 'bearer' } & Realm)

export function openAuthorizer({ credentials, exchange, now, plain = false }: AuthorizerOptions): Authorizer {
  let method: Method = { kind: 'none' }
  const tokens = new Map<string, Promise<Token>>()
  /** What the registry asked for when we meant to ask for a scope of our own. */
  const asked = new Map<string, string>()

  const token = async (scope: string, realm: Realm, purpose: Purpose): Promise<Token> => {
    const kept = tokens.get(scope)
    const known = kept && (await kept)
    if (known && now() < known.staleAt) return known
    const other = tokens.get(scope)
    if (other && other !== kept) return other
    const fresh = fetchToken(tokenRequest({ ...realm, plain }, asked.get(scope) ?? scope, credentials, purpose), {
      exchange,
      now,
      purpose,
    })
    tokens.set(scope, fresh)
    // A failure is for those who waited for it, and not to be kept.
    fresh.catch(() => tokens.get(scope) === fresh && tokens.delete(scope))
    return fresh
  }

  return {
    header: async (scope, purpose) => {
      if (method.kind === 'bearer') return (await token(scope, method, purpose)).header
      return method.kind === 'basic' ? credentials && basicHeader(credentials) : undefined
    },
    learn: async (challenge, scope, used) => {
      const { next, wanted } = readMethod(challenge)
      if (next.kind === 'none' || (next.kind === 'basic' && (!credentials || used === basicHeader(credentials))))
        return false
      method = next
      if (wanted !== undefined) asked.set(scope, mergeScopes(scope, wanted))
      // Another request may have renewed it in the meantime.
      const kept = tokens.get(scope)
      const known = await kept?.catch(() => undefined)
      if (known?.header === used && tokens.get(scope) === kept) tokens.delete(scope)
      return true
    },
  }
}

export function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** Everything of a login that must not be shown. */
export function secretsOf(credentials: Credentials | undefined): readonly string[] {
  if (!credentials) return []
  const { password, identityToken = '' } = credentials
  return [password, identityToken, basicHeader(credentials).slice('Basic '.length)]
}

function readMethod(header: string): { readonly next: Method; readonly wanted: string | undefined } {
  const challenges = parseChallenges(header)
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'))
  if (!bearer)
    return { next: { kind: challenges.some(({ scheme }) => scheme === 'basic') ? 'basic' : 'none' }, wanted: undefined }
  const { parameters } = bearer
  return {
    next: { kind: 'bearer', realm: parameters.get('realm') ?? '', service: parameters.get('service') },
    wanted: parameters.get('scope'),
  }
}

/** One entry a resource, with the actions of both: `repository:acme/app:pull,push`. */
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

/** https://distribution.github.io/distribution/spec/auth/token/, and for identity tokens …/spec/auth/oauth/ */
function tokenRequest(
  { realm, service, plain }: Realm & { readonly plain: boolean },
  scope: string,
  credentials: Credentials | undefined,
  purpose: Purpose,
): HttpRequest {
  const url = tokenServer(realm, credentials !== undefined, plain, purpose)
  const limit = 1024 * 1024
  const scopes = scope.split(' ').filter((entry) => entry !== '')
  const identityToken = credentials?.identityToken
  if (identityToken !== undefined) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'multiarch-build',
      service: service ?? '',
      scope,
      refresh_token: identityToken,
    })
    // A redirect would take the form, and the token in it, along.
    return {
      method: 'POST',
      url: url.href,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      redirect: 'error',
      limit,
    }
  }
  if (service !== undefined) url.searchParams.set('service', service)
  scopes.forEach((entry) => url.searchParams.append('scope', entry))
  return {
    method: 'GET',
    url: url.href,
    limit,
    ...(credentials && { headers: { authorization: basicHeader(credentials) } }),
  }
}

/**
 * The login goes where the registry says, but never in the clear over a network, unless the author lets it go so to the
 * registry itself.
 */
function tokenServer(realm: string, login: boolean, plain: boolean, purpose: Purpose): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined
  if (!url || !/^https?:$/.test(url.protocol))
    throw protocolError('the registry names a token server that is no http address', purpose)
  if (
    login &&
    url.protocol === 'http:' &&
    !isLoopback(url.host) &&
    !isLoopback(purpose.host) &&
    !(plain && url.host === purpose.host)
  ) {
    throw protocolError(
      `the registry asks to send the login to ${url.host} over plain http, which would show it to anybody in between`,
      purpose,
    )
  }
  return url
}

interface TokenContext {
  readonly exchange: Exchange
  readonly now: () => number
  readonly purpose: Purpose
}

async function fetchToken(request: HttpRequest, { exchange, now, purpose }: TokenContext): Promise<Token> {
  const began = now()
  const answer = await exchange(request, purpose)
  if (answer.status !== 200) throw refusalError(answer, purpose, now())
  const body = asRecord(tryParseJson(new TextDecoder().decode(answer.bytes)))
  const token = asText(body['token']) || asText(body['access_token'])
  if (!/^[\x21-\x7e]+$/.test(token))
    throw protocolError(`the token server ${new URL(request.url).host} answered without a token`, purpose)
  const lifetime = typeof body['expires_in'] === 'number' && body['expires_in'] > 0 ? body['expires_in'] : 60
  // Renewed before its end, since the clocks of others differ and requests take a while.
  return { header: `Bearer ${token}`, staleAt: began + lifetime * 1000 * 0.8 }
}
