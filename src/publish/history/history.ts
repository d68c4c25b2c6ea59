import type { Event } from '../../forge/event.ts'
import { errorMessage, isNotFound } from '../../lib/errors.ts'
import { createClientFactory, type ClientFactory, type RegistryAccess } from '../../registry/client-factory.ts'
import type { RegistryClient } from '../../registry/client.ts'
import { ociManifest } from '../../registry/manifest.ts'
import { parseTagReference, type TagReference } from '../../registry/reference.ts'
import { historyTag } from '../../run/names.ts'
import {
  addRun,
  emptyBlob,
  emptyContent,
  findRun,
  historyRef,
  parseHistory,
  renderHistory,
  type PastRun,
} from './runs.ts'

/** Milliseconds: it is read while images are built, and written while nodes are released. */
const longestRead = 10_000
const longestWrite = 2000

interface HistoryRequest {
  /** The name of the first target's cache: `ghcr.io/acme/app:buildcache-linux-amd64`. */
  readonly cache: string
  readonly event: Pick<Event, 'ref' | 'trust' | 'number' | 'baseRef' | 'defaultBranch'>
  /** Whether this run writes its cache. */
  readonly writes: boolean
  readonly registries: RegistryAccess
  readonly signal: AbortSignal
  readonly debug: (text: string) => void
}

/**
 * The times of earlier runs, in a small manifest beside the cache. As with caches, a proposal reads what accepted code
 * wrote and writes beside it, and a fork writes nothing. No failure has any effect but a missing comparison.
 */
export class RunHistory {
  readonly #request: HistoryRequest
  /** Ends all requests. */
  readonly #stop = new AbortController()
  readonly #createClient: ClientFactory
  readonly #reference: TagReference | undefined
  /** What was read: of this trust level, and for a proposal of accepted code. */
  #own: readonly PastRun[] = []
  #accepted: readonly PastRun[] = []

  constructor(request: HistoryRequest) {
    this.#request = request
    const { fetch, rawFor, isPlain, credentials } = request.registries
    const log = request.debug
    // Without `onWait`: nothing waits for it.
    const access = { fetch, credentials, log, ...(rawFor && { rawFor }), ...(isPlain && { isPlain }) }
    this.#createClient = createClientFactory(access, this.#stop.signal, { willPush: request.writes })
    this.#reference = historyOf(request.cache)
    request.signal.addEventListener('abort', () => this.#stop.abort(), { once: true })
    if (request.signal.aborted) this.#stop.abort()
  }

  /** Reads it; to be started with the builds. */
  async read(): Promise<void> {
    const { event, cache } = this.#request
    const timer = setTimeout(() => this.#stop.abort(), longestRead)
    const accepted = event.trust === 'trusted' ? undefined : historyOf(cache.replace(/-pr$/, ''))
    await Promise.all([
      this.#attempt(async () => (this.#own = await this.#load(this.#reference))),
      this.#attempt(async () => (this.#accepted = await this.#load(accepted))),
    ])
    clearTimeout(timer)
  }

  /** The last run of the same branch, or for the first one of a proposal that of its base, as far as it is read. */
  previous(): PastRun | undefined {
    const { event } = this.#request
    const { baseRef, defaultBranch = '' } = event
    return findRun(this.#own, historyRef(event)) ?? findRun(this.#accepted, `refs/heads/${baseRef ?? defaultBranch}`)
  }

  /** Adds this run; to be called after the tags are updated. */
  async write(run: PastRun): Promise<void> {
    const reference = this.#reference
    if (!this.#request.writes || !reference) return
    const timer = setTimeout(() => this.#stop.abort(), longestWrite)
    await this.#attempt(async () => {
      const client = await this.#createClient(reference)
      // Again, since other runs may have ended in the meantime.
      const [runs] = await Promise.all([this.#load(reference), putEmptyBlob(client, reference)])
      await client.putManifest(reference.path, reference.tag, renderHistory(addRun(runs, run)), ociManifest)
    })
    clearTimeout(timer)
  }

  /** Ends its requests. */
  close(): void {
    this.#stop.abort()
  }

  async #load(reference: TagReference | undefined): Promise<readonly PastRun[]> {
    return await loadRuns(reference, this.#createClient)
  }

  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#request.debug(`No comparison with an earlier run: ${errorMessage(error)}`)
    }
  }
}

/** The runs in a history, the newest first; none if there is no history. @throws RegistryError */
export async function loadRuns(
  reference: TagReference | undefined,
  createClient: ClientFactory,
): Promise<readonly PastRun[]> {
  if (!reference) return []
  const client = await createClient(reference)
  try {
    return parseHistory((await client.getManifest(reference.path, reference.tag)).bytes)
  } catch (error) {
    if (isNotFound(error)) return []
    throw error
  }
}

async function putEmptyBlob(client: RegistryClient, { path }: TagReference): Promise<void> {
  const read = async function* (offset: number) {
    yield await Promise.resolve(emptyContent.subarray(offset))
  }
  await client.putBlob(path, { blob: emptyBlob, read })
}

/** The tag of the history beside a cache; undefined if the cache is not in a registry. */
export function historyOf(cache: string): TagReference | undefined {
  const reference = parseTagReference(cache)
  return reference && parseTagReference(historyTag(cache))
}
