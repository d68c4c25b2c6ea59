import { retry, type Clock } from '../lib/retry.ts'
import type { Authorizer } from './auth.ts'
import { responseError, type RequestInfo } from './error.ts'
import { registryRetryPolicy, type HttpClient, type HttpRequest, type HttpResponse } from './http-client.ts'
import { isDigest } from './manifest.ts'

/** What all requests to one registry share. */
export interface Session {
  readonly registry: string
  readonly willPush: boolean
  readonly secrets: readonly string[]
  readonly http: HttpClient
  readonly baseUrl: (info: RequestInfo) => Promise<string>
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  readonly log: (text: string) => void
}

interface RegistryRequest extends Omit<HttpRequest, 'url' | 'limit' | 'redirect'> {
  /** After `/v2/`. */
  readonly path: string
  readonly info: RequestInfo
  /** Return a 404 response instead of throwing. */
  readonly allowNotFound?: boolean
}

/**
 * What registries accept at least:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
 */
const largestManifest = 4 * 1024 * 1024

/** Sends a request, and repeats it as long as that may help. */
export function send(session: Session, request: RegistryRequest): Promise<HttpResponse> {
  return repeat(session, () => sendOnce(session, request))
}

/** Repeats the work of one request as long as that may help. */
export function repeat<T>({ clock, signal, log }: Session, work: (attempt: number) => Promise<T>): Promise<T> {
  return retry(work, { policy: registryRetryPolicy, clock, signal, log })
}

/** Sends a request, and once more if the registry asks for another authorization. */
export async function sendOnce(session: Session, request: RegistryRequest): Promise<HttpResponse> {
  const { authorizer } = session
  const { info } = request
  const scope = tokenScope(session, info)
  const used = await authorizer.header(scope, info)
  let response = await sendAuthorized(session, request, used)
  if (response.status === 401) {
    const challenge = challengeHeader(response, await session.baseUrl(info))
    if (await authorizer.learn(challenge, scope, used))
      response = await sendAuthorized(session, request, await authorizer.header(scope, info))
  }
  const { status } = response
  if ((status >= 200 && status < 300) || (status === 404 && request.allowNotFound)) return response
  throw responseError(response, info, session.clock.now())
}

async function sendAuthorized(
  { http, baseUrl }: Session,
  { path, info, headers, ...request }: RegistryRequest,
  authorization: string | undefined,
): Promise<HttpResponse> {
  const url = `${await baseUrl(info)}/v2/${path}`
  const allHeaders = { ...headers, ...(authorization !== undefined && { authorization }) }
  return await http({ ...request, url, headers: allHeaders, limit: largestManifest }, info)
}

/** The challenge of the registry itself: a server that it redirects to must not get the login. */
function challengeHeader({ url, headers }: HttpResponse, baseUrl: string): string {
  return new URL(url).origin === new URL(baseUrl).origin ? (headers.get('www-authenticate') ?? '') : ''
}

export function requestInfo(
  { registry, secrets }: Session,
  verb: RequestInfo['verb'],
  repository?: string,
  reference?: string,
): RequestInfo {
  if (repository === undefined) return { host: registry, subject: registry, verb, secrets }
  const suffix = reference === undefined ? '' : `${isDigest(reference) ? '@' : ':'}${reference}`
  return { host: registry, repository, subject: `${registry}/${repository}${suffix}`, verb, secrets }
}

function tokenScope({ willPush }: Session, { repository, verb }: RequestInfo): string {
  if (repository === undefined) return ''
  const actions = verb === 'delete' ? 'delete' : verb === 'push' || willPush ? 'pull,push' : 'pull'
  return `repository:${repository}:${actions}`
}
