import { hours, seconds } from './clock.ts'
import type { Clock } from './clock.ts'
import type { Token } from './permissions.ts'

export interface LimitRules {
  /** Secondary limit: points in a window; a read costs 1, anything else 5. */
  points: number
  windowMs: number
  /** How it is told; both are seen in the field. */
  status: 403 | 429
  retryAfter: number
  /** A call made in spite of it starts the wait anew. */
  prolong: boolean
  /** Primary limit: requests an hour; for GITHUB_TOKEN counted for its repository. */
  perHour: { actions: number; classic: number }
}

export const githubLimits: LimitRules = {
  points: 900,
  windowMs: 60 * seconds,
  status: 403,
  retryAfter: 60,
  prolong: true,
  perHour: { actions: 1000, classic: 5000 },
}

interface Usage {
  windowStart: number
  points: number
  blockedUntil: number
  hourStart: number
  used: number
}
export type Limiter = Map<string, Usage>

export interface Limited {
  headers: Record<string, string>
  refusal?: { status: number; message: string; documentation: string }
}

/** The limits, what was used of them, and the clock that both follow. */
export interface Limits {
  limiter: Limiter
  rules: LimitRules
  clock: Clock
}

type LimitedToken = Exclude<Token, { kind: 'root' }>

const subject = (token: LimitedToken): string =>
  token.kind === 'actions' ? `repository ${token.repository.toLowerCase()}` : `user ${token.login.toLowerCase()}`

/** Counts a call against its bearer, and says whether it went too far. */
export function spend({ limiter, rules, clock }: Limits, token: Token | undefined, method: string): Limited {
  if (!token || token.kind === 'root') return { headers: {} }
  const now = clock.now()
  const usage = limiter.get(subject(token)) ?? { windowStart: now, points: 0, blockedUntil: 0, hourStart: now, used: 0 }
  limiter.set(subject(token), usage)

  const primary = spendPrimary(rules, usage, token, now)
  if (primary.refusal) return primary
  const wait = spendSecondary(rules, usage, method, now)
  if (wait === undefined) return primary
  return {
    headers: { ...primary.headers, 'retry-after': String(wait) },
    refusal: { status: rules.status, ...secondary },
  }
}

/** Counts the request against those of the hour. */
function spendPrimary(rules: LimitRules, usage: Usage, token: LimitedToken, now: number): Limited {
  if (now - usage.hourStart >= hours) Object.assign(usage, { hourStart: now, used: 0 })
  const perHour = rules.perHour[token.kind]
  const exhausted = usage.used >= perHour
  if (!exhausted) usage.used++
  const headers = primaryHeaders(perHour, usage)
  if (!exhausted) return { headers }
  return {
    headers,
    refusal: {
      status: 403,
      message: `API rate limit exceeded for ${token.kind === 'actions' ? 'installation' : 'user'}.`,
      documentation: 'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api',
    },
  }
}

/** Counts the points of the request. Returns the seconds to wait if they exceed the limit. */
function spendSecondary(rules: LimitRules, usage: Usage, method: string, now: number): number | undefined {
  if (now - usage.windowStart >= rules.windowMs) Object.assign(usage, { windowStart: now, points: 0 })
  const blocked = now < usage.blockedUntil
  if (!blocked) usage.points += method === 'GET' || method === 'HEAD' ? 1 : 5
  if (!blocked && usage.points <= rules.points) return undefined
  if (!blocked || rules.prolong) usage.blockedUntil = now + rules.retryAfter * seconds
  return Math.ceil((usage.blockedUntil - now) / seconds)
}

export const secondary = {
  message: 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.',
  documentation: 'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits',
}

const primaryHeaders = (perHour: number, usage: Usage): Record<string, string> => ({
  'x-ratelimit-limit': String(perHour),
  'x-ratelimit-remaining': String(perHour - usage.used),
  'x-ratelimit-used': String(usage.used),
  'x-ratelimit-reset': String(Math.ceil((usage.hourStart + hours) / seconds)),
  'x-ratelimit-resource': 'core',
})
