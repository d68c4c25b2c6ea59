import type { Env } from '../lib/lists.ts'

/** The CI platform that runs this job: the addresses of its web interface and of its API, as the runner states them. */
export interface CiPlatform {
  readonly serverUrl: string
  readonly apiUrl: string
}

/** `forgejo` is Gitea as well: both have the same API. */
type PlatformKind = 'github.com' | 'ghe.com' | 'enterprise-server' | 'forgejo' | 'unknown'

/** PURE: the CI platform: GitHub Enterprise Server has the API `/api/v3`, Forgejo and Gitea have `/api/v1`. */
export function detectPlatform({ serverUrl, apiUrl }: CiPlatform): PlatformKind {
  if (serverUrl === 'https://github.com') return 'github.com'
  if (/\/api\/v1\/*$/.test(apiUrl)) return 'forgejo'
  if (/\/api\/v3\/*$/.test(apiUrl)) return 'enterprise-server'
  return /^https:\/\/[^/]+\.ghe\.com$/.test(serverUrl) ? 'ghe.com' : 'unknown'
}

/** PURE: the API of a server that the runner states no API for. */
export function defaultApiUrl(serverUrl: string): string {
  return serverUrl === 'https://github.com' ? 'https://api.github.com' : `${serverUrl}/api/v3`
}

/** PURE: whether a URL is one of the platform that issued the job's token: no other server may get that token. */
export function acceptsJobToken({ serverUrl, apiUrl }: CiPlatform, url: string): boolean {
  const originOf = (address: string) => (URL.canParse(address) ? new URL(address).origin : undefined)
  const origin = originOf(url)
  return origin !== undefined && [serverUrl, apiUrl].map(originOf).includes(origin)
}

/** PURE: whether a runner of Forgejo or Gitea runs this job. */
export function isForgejoRunner(env: Env): boolean {
  return env['FORGEJO_ACTIONS'] === 'true' || env['GITEA_ACTIONS'] === 'true'
}

/**
 * PURE: whether a step of a composite action also gets the inputs of that action as variables `INPUT_…`: with act and
 * the runners of Forgejo and Gitea, which contain it (`evaluateCompositeInputAndEnv` of nektos/act). GitHub's runner
 * sets only what the step's `with` contains, known or not.
 */
export function passesParentInputs(env: Env): boolean {
  return isForgejoRunner(env) || env['ACT'] === 'true'
}
