import { retry, type Clock } from '../lib/retry.ts'
import { withNotices } from '../lib/time.ts'
import type { Authorizer } from './auth.ts'
import { responseError, type LoginOrigin, type RequestInfo } from './error.ts'
import { registryRetryPolicy, type HttpClient, type HttpRequest, type HttpResponse } from './http-client.ts'
import type { HttpStream, StreamRequest, StreamResponse } from './http-stream.ts'
import { isDigest } from './manifest.ts'

/** What all requests to one registry share. */
export interface Session {
  readonly registry: string
  readonly willPush: boolean
  readonly secrets: readonly string[]
  readonly origin: LoginOrigin | undefined
  readonly http: HttpClient
  readonly stream: HttpStream
  readonly baseUrl: (info: RequestInfo) => Promise<string>
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  readonly log: (text: string) => void
  /** Called with what a long wait is for, and its milliseconds so far. */
  readonly onWait: OnWait
}

export type OnWait = (text: string, waited: number) => void

interface Target {
  /** After `/v2/`; or an upload, which may be at another server. */
  readonly path: string | URL
  readonly info: RequestInfo
  /** The repository that a blob is mounted from, to be read with the same token. */
  readonly mountFrom?: string
}

interface RegistryRequest extends Target, Omit<HttpRequest, 'url' | 'limit' | 'redirect'> {
  /** Return a 404 response instead of throwing. */
  readonly allowNotFound?: boolean
}

interface RegistryStream extends Target, Omit<StreamRequest, 'url'> {}

/**
 * What registries accept at least:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
 */
const largestManifest = 4 * 1024 * 1024

/** Sends a request, and repeats it as long as that may help. */
export function send(session: Session, request: RegistryRequest): Promise<HttpResponse> {
  return repeat(session, request.info, () => sendOnce(session, request))
}

/** Of requests that wait at the same time only the one that has waited longest is reported. */
export function atMostOnce(onWait: OnWait): OnWait {
  let reportedAt = -Infinity
  return (text, waited) => {
    const now = performance.now()
    if (now - reportedAt < minPause) return
    reportedAt = now
    onWait(text, waited)
  }
}

/** Milliseconds. */
const minPause = 4000

const activities = { read: 'reading', push: 'pushing', delete: 'deleting' } as const

/** Repeats the work of one request as long as that may help. */
export function repeat<T>(
  { clock, signal, log, onWait }: Session,
  { host, subject, verb }: RequestInfo,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  return withNotices(retry(work, { policy: registryRetryPolicy, clock, signal, log }), (waited) =>
    onWait(`Waiting for ${host}: ${activities[verb]} ${subject} (${waited / 1000} s)`, waited),
  )
}

/** Sends a request, and once more if the registry asks for another authorization. */
export async function sendOnce(
  session: Session,
  { allowNotFound, ...request }: RegistryRequest,
): Promise<HttpResponse> {
  const response = await authorize(session, request, (target) =>
    session.http({ ...request, ...target, limit: largestManifest }, request.info),
  )
  return checkStatus(response, request.info, { allowNotFound, now: session.clock.now() })
}

/** As `sendOnce`, for a request whose body or whose response is streamed. */
export async function streamOnce(session: Session, request: RegistryStream): Promise<StreamResponse> {
  const response = await authorize(session, request, (target) =>
    session.stream({ ...request, ...target }, request.info),
  )
  return checkStatus(response, request.info, { now: session.clock.now() })
}

function checkStatus<R extends HttpResponse>(
  response: R,
  info: RequestInfo,
  { allowNotFound = false, now }: { readonly allowNotFound?: boolean | undefined; readonly now: number },
): R {
  const { status } = response
  if ((status >= 200 && status < 300) || (status === 404 && allowNotFound)) return response
  throw responseError(response, info, now)
}

/** What of a request depends on the registry: its URL, and its headers with the login. */
type Addressed = Required<Pick<HttpRequest, 'url' | 'headers'>>

async function authorize<R extends HttpResponse>(
  session: Session,
  request: Target & Pick<HttpRequest, 'headers'>,
  attempt: (target: Addressed) => Promise<R>,
): Promise<R> {
  const { authorizer } = session
  const { path, info, headers } = request
  const base = await session.baseUrl(info)
  const url = path instanceof URL ? path.href : `${base}/v2/${path}`
  // Another server gets no login: it checks a signature in the URL.
  if (new URL(url).origin !== new URL(base).origin) return await attempt({ url, headers: { ...headers } })
  const scope = tokenScope(session, request)
  const send = (authorization: string | undefined) =>
    attempt({ url, headers: { ...headers, ...(authorization !== undefined && { authorization }) } })
  const used = await authorizer.header(scope, info)
  const response = await send(used)
  const canLearn = response.status === 401 && (await authorizer.learn(challengeHeader(response, base), scope, used))
  return canLearn ? await send(await authorizer.header(scope, info)) : response
}

/** The challenge of the registry itself: a server that it redirects to must not get the login. */
function challengeHeader({ url, headers }: HttpResponse, baseUrl: string): string {
  return new URL(url).origin === new URL(baseUrl).origin ? (headers.get('www-authenticate') ?? '') : ''
}

export function requestInfo(
  { registry, secrets, origin }: Session,
  verb: RequestInfo['verb'],
  repository?: string,
  reference?: string,
): RequestInfo {
  if (repository === undefined) return { host: registry, subject: registry, verb, secrets, origin }
  const suffix = reference === undefined ? '' : `${isDigest(reference) ? '@' : ':'}${reference}`
  return { host: registry, repository, subject: `${registry}/${repository}${suffix}`, verb, secrets, origin }
}

function tokenScope({ willPush }: Session, { info: { repository, verb }, mountFrom }: Target): string {
  if (repository === undefined) return ''
  const actions = verb === 'delete' ? 'delete' : verb === 'push' || willPush ? 'pull,push' : 'pull'
  // The destination comes first: some registries read only the first scope (google/go-containerregistry, write.go).
  const source = mountFrom === undefined ? '' : ` repository:${mountFrom}:pull`
  return `repository:${repository}:${actions}${source}`
}
