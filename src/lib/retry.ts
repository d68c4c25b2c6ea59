import { setTimeout as delay } from 'node:timers/promises'

/** How often, and after which pauses, failed work is repeated. */
export interface RetryPolicy {
  /** Milliseconds before the second attempt, the third, …: there is one attempt more than there are waits. */
  readonly waits: readonly number[]
  /** The part of each wait that is random, 0 to 1, so that clients that failed together do not retry together. */
  readonly jitter?: number
  /** For all attempts together, in milliseconds: a wait that would end later is not begun. */
  readonly deadline?: number
  /** The longest wait that a server may ask for, in milliseconds. */
  readonly longestRetryAfter?: number
}

/** Time and chance; tests replace them. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<unknown>
  /** 0 to 1. */
  readonly random: () => number
}

export const systemClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => delay(ms, undefined, signal && { signal }),
  random: Math.random,
}

interface RetryOptions {
  readonly policy: RetryPolicy
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
  /** Called with every failure that is followed by another attempt. */
  readonly log?: (text: string) => void
}

/** An error that says of itself that the same request may succeed later. */
interface TransientError extends Error {
  readonly transient: true
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfter?: number | undefined
}

/** Repeats `work` as long as it fails with a transient error and the policy allows another attempt. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const waitAfter = createBackoff(options)
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt)
    } catch (error) {
      await waitAfter(error)
    }
  }
}

/** Returns a function that waits after a transient error; it throws the error if there is no further attempt. */
export function createBackoff({
  policy,
  clock = systemClock,
  signal,
  log = () => undefined,
}: RetryOptions): (error: unknown) => Promise<void> {
  const start = clock.now()
  let failures = 0
  return async (error) => {
    if (signal?.aborted || !isTransient(error)) throw error
    failures++
    const wait = nextWait(policy, failures, { retryAfter: error.retryAfter, random: clock.random() })
    if (wait === undefined || clock.now() - start + wait > (policy.deadline ?? Infinity)) throw error
    log(`${error.message}; trying again in ${(wait / 1000).toFixed(1)} s`)
    await clock.sleep(wait, signal)
  }
}

/** PURE: milliseconds to wait after the given number of failed attempts; undefined if there is no further attempt. */
export function nextWait(
  { waits, jitter = 0, longestRetryAfter = 0 }: RetryPolicy,
  failures: number,
  { retryAfter = 0, random = 1 }: { readonly retryAfter?: number | undefined; readonly random?: number } = {},
): number | undefined {
  const wait = waits[failures - 1]
  if (wait === undefined) return undefined
  return Math.max(wait * (1 - jitter + jitter * random), Math.min(retryAfter, longestRetryAfter))
}

/** Seconds or a date (https://www.rfc-editor.org/rfc/rfc9110#name-retry-after), as milliseconds from now. */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  const text = value?.trim() ?? ''
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const date = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

function isTransient(error: unknown): error is TransientError {
  return error instanceof Error && 'transient' in error && error.transient === true
}
