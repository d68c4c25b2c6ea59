import { isNotFound } from '../lib/errors.ts'
import { limitResponses, type Fetch } from '../lib/http.ts'
import { asRecord, asText } from '../lib/json.ts'

/** An error response of GitHub's API, with GitHub's own message. */
export class GithubError extends Error {
  readonly status: number
  constructor(status: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'GithubError'
    this.status = status
  }
}

/** Whether the version does not exist; if the package is not found, the token may not be allowed to see it. */
export function isVersionNotFound(error: GithubError): boolean {
  return isNotFound(error) && /version not found/i.test(error.message)
}

/** One call of GitHub's REST API, `GET /orgs/{owner}/…`; an error response is a `GithubError`. */
export type GithubRequest = (
  route: string,
  parameters: Readonly<Record<string, unknown>>,
) => Promise<{ readonly data: unknown; readonly link: string }>

interface ApiOptions {
  readonly apiUrl: string
  readonly token: string
  readonly fetch: Fetch
  readonly log: (text: string) => void
  /** Called with what a long wait is for. */
  readonly onWait: (text: string) => void
  /** When to give up, in milliseconds since the epoch; waits that would end later are not begun. */
  readonly until: number
}

const maxWaits = 5
/** Milliseconds. */
const callTimeout = 30_000
/** Bytes; a page of 100 versions has less than one MiB. */
const longestAnswer = 16 * 1024 * 1024

/** The API of packages, which may be that of another GitHub server than the one that runs this job. */
export function createGithubRequest(options: ApiOptions): GithubRequest {
  return createRequest(async () => {
    const [{ Octokit }, plugins] = await Promise.all([import('@octokit/rest'), loadPlugins()])
    return new (Octokit.plugin(...plugins))({ ...clientOptions(options), auth: options.token })
  })
}

/** The API of the CI platform that runs this job, of which `@actions/github` knows the headers and the token. */
export function createPlatformRequest(options: ApiOptions): GithubRequest {
  return createRequest(async () => {
    const [{ getOctokit }, plugins] = await Promise.all([import('@actions/github'), loadPlugins()])
    return getOctokit(options.token, clientOptions(options), ...plugins)
  })
}

/**
 * Sends each request with the first client whose token is allowed to, beginning with the one that succeeded last.
 *
 * @param clients one for each token
 */
export function firstAllowed(clients: readonly GithubRequest[]): GithubRequest {
  let current = 0
  return async (route, parameters) => {
    let denied: unknown = new GithubError(401, 'there is no token for this server')
    for (const [index, request] of clients.entries()) {
      if (index < current) continue
      try {
        const response = await request(route, parameters)
        current = index
        return response
      } catch (error) {
        if (!isDenied(error)) throw error
        denied = index === current ? error : denied
      }
    }
    throw denied
  }
}

/** Whether a token may not do something; what it may not see does not exist for it. */
function isDenied(error: unknown): boolean {
  if (!(error instanceof GithubError) || /rate limit/i.test(error.message)) return false
  const { status } = error
  return status === 401 || status === 403 || (isNotFound(error) && !isVersionNotFound(error))
}

interface Client {
  readonly request: (
    route: string,
    parameters: Record<string, unknown>,
  ) => Promise<{ readonly data: unknown; readonly headers: { readonly link?: string | undefined } }>
}

/** Loads the client with the first request: most jobs send none. */
function createRequest(load: () => Promise<Client>): GithubRequest {
  let client: Promise<Client> | undefined
  return async (route, parameters) => {
    client ??= load()
    const { request } = await client
    try {
      const { data, headers } = await request(route, { ...parameters })
      return { data, link: headers.link ?? '' }
    } catch (error) {
      throw toGithubError(error)
    }
  }
}

/** Waits as `retry-after` says, repeats what failed on GitHub's side, and pauses for a second between two changes. */
async function loadPlugins() {
  const [{ retry }, { throttling }] = await Promise.all([
    import('@octokit/plugin-retry'),
    import('@octokit/plugin-throttling'),
  ])
  return [retry, throttling] as const
}

function clientOptions({ apiUrl, fetch, log, onWait, until }: ApiOptions) {
  const onRateLimit = (after: number, { method, url }: Route, _: unknown, count: number): boolean => {
    onWait(`GitHub limits the rate of requests: ${method} ${url} must wait for ${after} s`)
    return count < maxWaits && Date.now() + after * 1000 < until
  }
  const mute = (): undefined => undefined
  return {
    baseUrl: apiUrl,
    userAgent: 'multiarch-build',
    log: { debug: mute, info: mute, warn: log, error: log },
    request: { fetch: withTimeouts(limitResponses(fetch, longestAnswer), until) },
    retry: { doNotRetry: [400, 401, 403, 404, 410, 422, 429, 451] },
    throttle: { onRateLimit, onSecondaryRateLimit: onRateLimit },
  }
}

interface Route {
  readonly method: string
  readonly url: string
}

function withTimeouts(fetch: Fetch, until: number): Fetch {
  return (url, init) =>
    fetch(url, { ...init, signal: AbortSignal.timeout(Math.max(1, Math.min(callTimeout, until - Date.now()))) })
}

function toGithubError(error: unknown): unknown {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number' || !('response' in error))
    return error
  const message = asText(asRecord(asRecord(error.response)['data'])['message'])
  return new GithubError(error.status, message || error.message, error)
}
