import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { errorMessage } from '../../lib/errors.ts'
import type { Fetch } from '../../registry/fetch.ts'
import { withDeadline, sleep } from '../../lib/time.ts'

/** An answer that is no file, or none at all. */
export class DownloadError extends Error {
  /** HTTP status, or 0 where nothing answered. */
  readonly status: number

  constructor(url: string, status: number, reason: string, cause?: unknown) {
    super(`${url}: ${reason}`, { cause })
    this.name = 'DownloadError'
    this.status = status
  }
}

export interface DownloadWorld {
  readonly fetch: Fetch
  readonly signal: AbortSignal
  /** Milliseconds before each new attempt. */
  readonly waits?: readonly number[]
}

const longest = 120_000
const usualWaits = [1000, 4000]

/** The whole answer as text, at most `limit` bytes. @throws DownloadError */
export async function fetchText(
  url: string,
  limit: number,
  world: DownloadWorld,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  return await patiently(url, world, async (signal) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of bodyOf(url, limit, await world.fetch(url, { headers, signal }))) chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8')
  })
}

/**
 * Writes the answer into a new file, at most `limit` bytes. Resolves with its SHA-256 in hexadecimal and its size.
 * @throws DownloadError
 */
export async function downloadFile(
  url: string,
  path: string,
  limit: number,
  world: DownloadWorld,
): Promise<{ readonly digest: string; readonly size: number }> {
  return await patiently(url, world, async (signal) => {
    const hash = createHash('sha256')
    let size = 0
    const file = await open(path, 'w', 0o700)
    try {
      for await (const chunk of bodyOf(url, limit, await world.fetch(url, { signal }))) {
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

async function* bodyOf(url: string, limit: number, response: Response): AsyncGenerator<Uint8Array> {
  if (!response.ok) throw new DownloadError(url, response.status, `HTTP ${response.status}`)
  const announced = Number(response.headers.get('content-length') ?? NaN)
  let size = 0
  for await (const chunk of response.body ?? []) {
    const bytes: unknown = chunk
    if (!(bytes instanceof Uint8Array)) continue
    size += bytes.length
    if (size > limit) throw new DownloadError(url, response.status, `longer than ${limit / 1024 / 1024} MiB`)
    yield bytes
  }
  // Some proxies end an answer early without a word.
  if (response.headers.get('content-encoding') === null && Number.isFinite(announced) && size !== announced)
    throw new DownloadError(url, 0, `${size} of ${announced} bytes came`)
}

async function patiently<T>(
  url: string,
  { signal, waits = usualWaits }: DownloadWorld,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await withDeadline(longest, signal, () => new Error(`it took longer than ${longest / 1000} s`), attempt)
    } catch (error) {
      signal.throwIfAborted()
      const failure = error instanceof DownloadError ? error : new DownloadError(url, 0, reasonOf(error), error)
      const wait = waits[tries]
      if (wait === undefined || !(failure.status === 0 || failure.status === 429 || failure.status >= 500))
        throw failure
      await sleep(wait)
    }
  }
}

/** fetch says only that it failed; its cause says why. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined
    ? errorMessage(error.cause) || errorMessage(error)
    : errorMessage(error)
}
