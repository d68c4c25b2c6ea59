import { asRecord, asText } from '../lib/json.ts'
import { GithubError, type GithubRequest } from './github-errors.ts'
import type { Fetch } from '../registry/fetch.ts'

interface OctokitOptions {
  readonly apiUrl: string
  readonly token: string
  readonly fetch: Fetch
  readonly log: (text: string) => void
  /** When to give up, in milliseconds since the epoch; waits that would end later are not begun. */
  readonly until: number
}

const mostWaits = 5
const longestCall = 30_000

/**
 * GitHub's REST API, as patient as GitHub asks: waits as `retry-after` says, repeats what failed on its side, and lets
 * a second pass between two changes. Loaded only where a GitHub package is touched.
 */
export function openOctokit(options: OctokitOptions): GithubRequest {
  let client: ReturnType<typeof load> | undefined
  return async (route, parameters) => {
    client ??= load(options)
    const octokit = await client
    try {
      const answer: { readonly data: unknown; readonly headers: { readonly link?: string | undefined } } =
        await octokit.request(route, { ...parameters })
      return { data: answer.data, link: answer.headers.link ?? '' }
    } catch (error) {
      throw readError(error)
    }
  }
}

async function load({ apiUrl, token, fetch, log, until }: OctokitOptions) {
  const [{ Octokit }, { retry }, { throttling }] = await Promise.all([
    import('@octokit/rest'),
    import('@octokit/plugin-retry'),
    import('@octokit/plugin-throttling'),
  ])
  const wait = (
    after: number,
    { method, url }: { readonly method: string; readonly url: string },
    count: number,
  ): boolean => {
    log(`GitHub asks to wait ${after} s before ${method} ${url}`)
    return count < mostWaits && Date.now() + after * 1000 < until
  }
  const mute = (): undefined => undefined
  return new (Octokit.plugin(retry, throttling))({
    auth: token,
    baseUrl: apiUrl,
    userAgent: 'multiarch-build',
    log: { debug: mute, info: mute, warn: log, error: log },
    request: { fetch: withDeadline(fetch, until) },
    retry: { doNotRetry: [400, 401, 403, 404, 410, 422, 429, 451] },
    throttle: {
      onRateLimit: (after, request, _, count) => wait(after, request, count),
      onSecondaryRateLimit: (after, request, _, count) => wait(after, request, count),
    },
  })
}

function withDeadline(fetch: Fetch, until: number): Fetch {
  return (url, init) =>
    fetch(url, { ...init, signal: AbortSignal.timeout(Math.max(1, Math.min(longestCall, until - Date.now()))) })
}

function readError(error: unknown): unknown {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number' || !('response' in error))
    return error
  const said = asText(asRecord(asRecord(error.response)['data'])['message'])
  return new GithubError(error.status, said === '' ? error.message : said, error)
}
