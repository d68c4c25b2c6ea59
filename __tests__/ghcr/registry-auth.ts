import { findPackage } from './state.ts'
import type { State } from './state.ts'
import { registryActions } from './permissions.ts'
import type { Token } from './permissions.ts'
import type { Answer } from './fake.ts'

export type Action = 'pull' | 'push'

/** What the bearer of a request may do with a repository. */
export interface Access {
  token: Token | undefined
  may(repository: string, action: Action): boolean
}

export const ociError = (
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: { errors: [{ code, message }] },
})

export const split = (repository: string): [string, string] => {
  const slash = repository.indexOf('/')
  return slash < 0 ? [repository, ''] : [repository.slice(0, slash), repository.slice(slash + 1)]
}

export function allowed(state: State, repository: string, token: Token | undefined): Action[] {
  const [owner, name] = split(repository)
  return registryActions(state, owner, findPackage(state, owner, name), token)
}

/** For calls in process: whoever holds the token needs no bearer for it. */
export const accessOf = (state: State, token: Token | undefined): Access => ({
  token,
  may: (repository, action) => token?.kind === 'root' || allowed(state, repository, token).includes(action),
})

interface Grant {
  secret: string | null
  scopes: Record<string, string[]>
}

const seal = (grant: Grant): string => Buffer.from(JSON.stringify(grant)).toString('base64url')

const parseScopes = (scopes: readonly string[]): Record<string, string[]> =>
  Object.fromEntries(
    scopes
      .flatMap((scope) => scope.split(' '))
      .flatMap((scope) => {
        const [, repository = '', actions = ''] = /^repository:([^:]+):(.+)$/.exec(scope) ?? []
        return repository === '' ? [] : [[repository, actions.split(',')]]
      }),
  )

/** GET /token: a user and a token in, a bearer for the scopes out; the anonymous may only pull what is public. */
export function issueToken(state: State, query: URLSearchParams, authorization: string | undefined): Answer {
  const basic = /^basic (.+)$/i.exec(authorization ?? '')?.[1]
  const secret =
    basic === undefined
      ? null
      : Buffer.from(basic, 'base64')
          .toString()
          .replace(/^[^:]*:/, '')
  if (secret !== null && !state.tokens.has(secret)) return ociError(403, 'DENIED', 'denied')
  const token = secret === null ? undefined : state.tokens.get(secret)
  const scopes = parseScopes(query.getAll('scope'))
  for (const repository of Object.keys(scopes)) {
    if (allowed(state, repository, token).length === 0)
      return ociError(403, 'DENIED', 'requested access to the resource is denied')
  }
  return { status: 200, headers: {}, body: { token: seal({ secret, scopes }) } }
}

/** Reads a bearer that `issueToken` gave; the secret itself in base64 is one too, for everything it may do. */
export function accessByBearer(state: State, authorization: string | undefined): Access | undefined {
  const bearer = /^bearer (.+)$/i.exec(authorization ?? '')?.[1]
  if (bearer === undefined) return undefined
  const plain = Buffer.from(bearer, 'base64').toString()
  for (const secret of [bearer, plain]) if (state.tokens.has(secret)) return accessOf(state, state.tokens.get(secret))
  try {
    const { secret, scopes } = JSON.parse(plain) as Grant
    const token = secret === null ? undefined : state.tokens.get(secret)
    return {
      token,
      may: (repository, action) =>
        (scopes[repository] ?? []).includes(action) && allowed(state, repository, token).includes(action),
    }
  } catch {
    return undefined
  }
}
