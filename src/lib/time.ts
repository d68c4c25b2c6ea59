import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { asRecord } from './json.ts'

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** The promise's value, or the error that `timeoutError` creates after `ms`. The work itself is not ended. */
export async function withTimeout<T>(ms: number, work: Promise<T>, timeoutError: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timeoutError()), ms)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Runs an attempt with a signal that aborts after `ms`, with the error that `timeoutError` creates, or with `signal`.
 * It has a timer of its own, since Node 20 loses a timeout signal that only `AbortSignal.any` refers to.
 */
export async function withDeadline<T>(
  ms: number,
  signal: AbortSignal | undefined,
  timeoutError: () => Error,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController()
  const timer = setTimeout(() => either.abort(timeoutError()), ms)
  const cancel = () => either.abort(signal?.reason)
  signal?.addEventListener('abort', cancel, { once: true })
  if (signal?.aborted) cancel()
  try {
    return await attempt(either.signal)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
  }
}

/** The promise's value; if the signal aborts first, its reason is thrown at once. The work itself is not ended. */
export async function withAbort<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  signal.throwIfAborted()
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error('cancelled'))
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (stop) signal.removeEventListener('abort', stop)
  }
}

const noticeInterval = 5000
/** Intervals between two notices, after the first. */
const noticeEvery = 6

/** Calls `notify` with the milliseconds waited, after 5 s, 30 s and every 30 s after that, until the work has ended. */
export async function withNotices<T>(work: Promise<T>, notify: (waited: number) => void): Promise<T> {
  let intervals = 0
  const timer = setInterval(() => {
    intervals++
    if (intervals === 1 || intervals % noticeEvery === 0) notify(intervals * noticeInterval)
  }, noticeInterval)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}

/** Logs what the work waits for, and for how long: `Waiting for arm: probing the node (5 s)`. */
export async function logWait<T>(what: string, work: Promise<T>, log: (text: string) => void): Promise<T> {
  return await withNotices(work, (waited) => log(`Waiting for ${what} (${waited / 1000} s)`))
}

/** Milliseconds between two checks; one takes microseconds. */
const checkInterval = 4

/** Resolves when the path exists; rejects after `timeout` milliseconds, or once the signal aborts. */
export async function waitForFile(path: string, timeout: number, signal?: AbortSignal): Promise<void> {
  const exists = () => Promise.resolve(existsSync(path))
  await waitUntil(exists, { timeout, signal, message: `${path} was not created within ${timeout / 1000} s` })
}

/**
 * Resolves when a process accepts connections at the socket, which is a moment after its file appears; rejects after
 * `timeout` milliseconds, or once the signal aborts.
 */
export async function waitForSocket(path: string, timeout: number, signal?: AbortSignal): Promise<void> {
  const message = `no process accepted connections at ${path} within ${timeout / 1000} s`
  await waitUntil(() => connects(path), { timeout, signal, message })
}

interface WaitOptions {
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly message: string
}

async function waitUntil(check: () => Promise<boolean>, { timeout, signal, message }: WaitOptions): Promise<void> {
  const end = Date.now() + timeout
  while (!(await check())) {
    signal?.throwIfAborted()
    if (Date.now() > end) throw new Error(message)
    await sleep(checkInterval)
  }
}

/** Repeats a request once if the socket refuses it: a socket's file appears a moment before it accepts connections. */
export async function retryOnRefused<T>(request: () => Promise<T>): Promise<T> {
  return await request().catch(async (error: unknown) => {
    const causes = [error, asRecord(error)['cause']]
    if (!causes.some((cause) => asRecord(cause)['code'] === 'ECONNREFUSED')) throw error
    await sleep(100)
    return await request()
  })
}

export function connects(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    const settle = (connected: boolean) => {
      socket.destroy()
      resolve(connected)
    }
    socket.once('connect', () => settle(true)).once('error', () => settle(false))
  })
}
