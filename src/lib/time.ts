export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** The promise's value, or an error that `late` makes once `ms` have passed. The work itself goes on. */
export async function withTimeout<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const alarm = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms)
  })
  try {
    return await Promise.race([work, alarm])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * What an attempt gives that is ended by its signal once `ms` have passed, with the error that `late` makes, or with
 * `signal`. By a timer of its own: Node 20 forgets a timeout that only `AbortSignal.any` knows.
 */
export async function withDeadline<T>(
  ms: number,
  signal: AbortSignal | undefined,
  late: () => Error,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController()
  const timer = setTimeout(() => either.abort(late()), ms)
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

/**
 * The promise's value, unless the signal comes first: then its reason is thrown at once, and the work goes on unheard.
 */
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
