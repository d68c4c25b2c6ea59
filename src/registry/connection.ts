import type { Authorizer } from './auth.ts'
import { isDigest } from './digest.ts'
import { refusalError, type Purpose } from './error.ts'
import { retry, type Retrying } from './retry.ts'
import type { Answer, Exchange, HttpRequest } from './transport.ts'

/** What all operations work with. */
export interface Connection {
  readonly registry: string
  readonly willPush: boolean
  readonly secrets: readonly string[]
  readonly exchange: Exchange
  readonly origin: (purpose: Purpose) => Promise<string>
  readonly authorizer: Authorizer
  readonly retrying: Retrying
}

interface Operation extends Omit<HttpRequest, 'url' | 'limit' | 'redirect'> {
  /** After `/v2/`. */
  readonly path: string
  readonly purpose: Purpose
  /** A 404 is an answer, too. */
  readonly mayMiss?: boolean
}

/**
 * What registries accept at least:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
 */
const largestManifest = 4 * 1024 * 1024

/** Sends it until there is an answer to build on. */
export function perform(connection: Connection, operation: Operation): Promise<Answer> {
  return retry(() => attemptOnce(connection, operation), connection.retrying)
}

/** Sends it, and once more if the registry wants another authorization than it got. */
export async function attemptOnce(connection: Connection, operation: Operation): Promise<Answer> {
  const { authorizer } = connection
  const { purpose } = operation
  const scope = scopeOf(connection, purpose)
  const used = await authorizer.header(scope, purpose)
  let answer = await send(connection, operation, used)
  if (
    answer.status === 401 &&
    (await authorizer.learn(challengeOf(answer, await connection.origin(purpose)), scope, used))
  ) {
    answer = await send(connection, operation, await authorizer.header(scope, purpose))
  }
  if ((answer.status >= 200 && answer.status < 300) || (answer.status === 404 && operation.mayMiss)) return answer
  throw refusalError(answer, purpose, connection.retrying.pacing.now())
}

async function send(
  { exchange, origin }: Connection,
  { path, purpose, headers, ...request }: Operation,
  authorization: string | undefined,
): Promise<Answer> {
  const url = `${await origin(purpose)}/v2/${path}`
  return exchange(
    {
      ...request,
      url,
      headers: { ...headers, ...(authorization !== undefined && { authorization }) },
      limit: largestManifest,
    },
    purpose,
  )
}

/** A server that the registry merely redirects to has no business with the login. */
function challengeOf({ url, headers }: Answer, origin: string): string {
  return new URL(url).origin === new URL(origin).origin ? (headers.get('www-authenticate') ?? '') : ''
}

export function purposeOf(
  { registry, secrets }: Connection,
  verb: Purpose['verb'],
  repository?: string,
  reference?: string,
): Purpose {
  if (repository === undefined) return { host: registry, subject: registry, verb, secrets }
  const name = reference === undefined ? '' : `${isDigest(reference) ? '@' : ':'}${reference}`
  return { host: registry, repository, subject: `${registry}/${repository}${name}`, verb, secrets }
}

function scopeOf({ willPush }: Connection, { repository, verb }: Purpose): string {
  if (repository === undefined) return ''
  const actions = verb === 'delete' ? 'delete' : verb === 'push' || willPush ? 'pull,push' : 'pull'
  return `repository:${repository}:${actions}`
}
