import { setTimeout as delay } from 'node:timers/promises'

/** How patiently a request is repeated; tests put their own clock here. */
export interface Pacing {
  /** How often a request is sent at most. */
  readonly attempts: number
  /** For all attempts together, in milliseconds. */
  readonly deadline: number
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>
  /** Milliseconds since the epoch, since registries name dates. */
  readonly now: () => number
  readonly random: () => number
}

export const patient: Pacing = {
  attempts: 6,
  deadline: 180_000,
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal && { signal })
  },
  now: Date.now,
  random: Math.random,
}

const firstWait = 300
const longestBackoff = 10_000
/** A registry may ask for hours; the job's author rather hears of it. */
const longestRetryAfter = 60_000

export interface Retrying {
  readonly pacing: Pacing
  readonly signal: AbortSignal | undefined
  readonly log: (text: string) => void
}

/** Repeats `work` while its error says that this may help. */
export async function retry<T>(work: (attempt: number) => Promise<T>, { pacing, signal, log }: Retrying): Promise<T> {
  const began = pacing.now()
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt)
    } catch (error) {
      if (signal?.aborted || !isTransient(error) || attempt >= pacing.attempts) throw error
      const wait = waitAfter(attempt, error.retryAfter, pacing.random())
      if (pacing.now() - began + wait > pacing.deadline) throw error
      log(`${error.message}; trying again in ${(wait / 1000).toFixed(1)} s`)
      await pacing.sleep(wait, signal)
    }
  }
}

/** Seconds or a date (https://www.rfc-editor.org/rfc/rfc9110#name-retry-after), as milliseconds from now. */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  const text = value?.trim() ?? ''
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const date = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** Doubles from time to time; half of it is chance, so that lanes that failed together do not come back together. */
function waitAfter(attempt: number, retryAfter: number | undefined, random: number): number {
  const backoff = Math.min(firstWait * 2 ** (attempt - 1), longestBackoff)
  const jittered = backoff / 2 + (random * backoff) / 2
  return retryAfter === undefined ? jittered : Math.max(jittered, Math.min(retryAfter, longestRetryAfter))
}

interface Transient {
  readonly message: string
  readonly transient: true
  readonly retryAfter?: number | undefined
}

function isTransient(error: unknown): error is Transient {
  return error instanceof Error && 'transient' in error && error.transient === true
}
