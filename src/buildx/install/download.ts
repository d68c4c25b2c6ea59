import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { errorMessage } from '../../lib/errors.ts'
import type { Fetch } from '../../lib/http.ts'
import { retry } from '../../lib/retry.ts'
import { withDeadline } from '../../lib/time.ts'

/** A response that is not a file, or no response at all. */
export class DownloadError extends Error {
  /** HTTP status; 0 if there was no complete response. */
  readonly status: number

  constructor(url: string, status: number, reason: string, cause?: unknown) {
    super(`${url}: ${reason}`, { cause })
    this.name = 'DownloadError'
    this.status = status
  }

  /** Whether the same request may succeed later. */
  get transient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

export interface DownloadDeps {
  readonly fetch: Fetch
  readonly signal: AbortSignal
  /** Milliseconds before each new attempt. */
  readonly waits?: readonly number[]
}

/** For each attempt, in milliseconds. */
const attemptDeadline = 120_000
const defaultWaits = [1000, 4000]

/** The whole response as text, at most `limit` bytes. @throws DownloadError */
export async function fetchText(
  url: string,
  limit: number,
  deps: DownloadDeps,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  return await withRetries(url, deps, async (signal) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of readBody(url, limit, await deps.fetch(url, { headers, signal }))) chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8')
  })
}

/**
 * Writes the response into a new file, at most `limit` bytes. Resolves with its SHA-256 in hexadecimal and its size.
 *
 * @throws DownloadError
 */
export async function downloadFile(
  url: string,
  path: string,
  limit: number,
  deps: DownloadDeps,
): Promise<{ readonly digest: string; readonly size: number }> {
  return await withRetries(url, deps, async (signal) => {
    const hash = createHash('sha256')
    let size = 0
    const file = await open(path, 'w', 0o700)
    try {
      for await (const chunk of readBody(url, limit, await deps.fetch(url, { signal }))) {
        hash.update(chunk)
        size += chunk.length
        await file.write(chunk)
      }
    } finally {
      await file.close()
    }
    return { digest: hash.digest('hex'), size }
  })
}

async function* readBody(url: string, limit: number, response: Response): AsyncGenerator<Uint8Array> {
  if (!response.ok) throw new DownloadError(url, response.status, `HTTP ${response.status}`)
  const announced = Number(response.headers.get('content-length') ?? NaN)
  let size = 0
  for await (const chunk of response.body ?? []) {
    const bytes: unknown = chunk
    if (!(bytes instanceof Uint8Array)) continue
    size += bytes.length
    if (size > limit) throw new DownloadError(url, response.status, `larger than ${limit / 1024 / 1024} MiB`)
    yield bytes
  }
  // Some proxies end a response early and report no error.
  if (response.headers.get('content-encoding') === null && Number.isFinite(announced) && size !== announced)
    throw new DownloadError(url, 0, `received ${size} of ${announced} bytes`)
}

async function withRetries<T>(
  url: string,
  { signal, waits = defaultWaits }: DownloadDeps,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeout = () => new Error(`no complete response within ${attemptDeadline / 1000} s`)
  const work = () =>
    withDeadline(attemptDeadline, signal, timeout, attempt).catch((error: unknown) => {
      signal.throwIfAborted()
      throw error instanceof DownloadError ? error : new DownloadError(url, 0, failureReason(error), error)
    })
  return await retry(work, { policy: { waits }, signal })
}

/** The message of fetch's own error says only that it failed; its cause has the reason. */
function failureReason(error: unknown): string {
  return error instanceof Error && error.cause !== undefined
    ? errorMessage(error.cause) || errorMessage(error)
    : errorMessage(error)
}
