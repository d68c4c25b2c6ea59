import { isIP } from 'node:net'
import type { Event } from '../forge/event.ts'
import type { TargetCache } from '../inputs/cache/cache.ts'
import { cacheTag } from '../inputs/cache/specs.ts'
import { errorMessage } from '../lib/errors.ts'
import { isLocalAddress } from '../lib/local-address.ts'
import { withTimeout } from '../lib/time.ts'
import { byPreference, chooseCache, type CacheState } from '../plan/cache-choice.ts'
import { createClientFactory, type ClientFactory, type RegistryAccess } from '../registry/client-factory.ts'
import type { Repository } from '../registry/reference.ts'
import { historyOf, loadRuns } from './history/history.ts'
import { isSameProposal } from './history/runs.ts'

/** Milliseconds. */
const longestWait = 2000
/** How many caches are looked up at the same time. */
const mostLookups = 8

interface LookupRequest {
  readonly event: Pick<Event, 'ref' | 'trust' | 'number'>
  /** Where the images are pushed. */
  readonly images: readonly Repository[]
  readonly registries: RegistryAccess
  readonly signal: AbortSignal
  readonly debug: (text: string) => void
  /** Milliseconds from the first request that builds wait at most; usually they do not wait at all. */
  readonly longestWait?: number
}

/**
 * Finds out which caches exist in registries, while the nodes are connected, so that each build imports only one. The
 * only effect of a failure is that a build imports several.
 */
export class CacheLookup {
  readonly #request: LookupRequest
  /** Ends all requests. */
  readonly #stop = new AbortController()
  readonly #createClient: ClientFactory
  /** Of specifications, as far as they are known. */
  readonly #states = new Map<string, CacheState>()
  readonly #questions = new Map<string, Promise<void>>()
  /** By the name of a cache: resolves when enough is known to choose. */
  readonly #lookups = new Map<string, Promise<void>>()
  /** The last lookup of each sequence; the sequences run at the same time. */
  readonly #sequences: Promise<void>[] = []
  /** Whether the proposal of this run was the last one that wrote the caches of proposals. */
  #isOwn = false
  #reading: Promise<void> | undefined
  #until = 0

  constructor(request: LookupRequest) {
    this.#request = request
    const { fetch, rawFor, isPlain, credentials } = request.registries
    // Without `onWait`: nothing waits for it for long.
    const access = { fetch, credentials, log: request.debug, ...(rawFor && { rawFor }), ...(isPlain && { isPlain }) }
    this.#createClient = createClientFactory(access, this.#stop.signal, { willPush: false })
    request.signal.addEventListener('abort', () => this.#stop.abort(), { once: true })
    if (request.signal.aborted) this.#stop.abort()
  }

  /** Starts to ask for these caches. */
  start(caches: readonly TargetCache[]): void {
    for (const cache of caches.filter(isInRegistry)) {
      if (this.#lookups.has(cache.name)) continue
      if (this.#lookups.size === 0) this.#until = Date.now() + (this.#request.longestWait ?? longestWait)
      this.#reading ??= this.#readWriter(cache)
      const at = this.#lookups.size % mostLookups
      const lookup = (this.#sequences[at] ?? Promise.resolve()).then(() => this.#lookUp(cache))
      this.#sequences[at] = lookup
      this.#lookups.set(cache.name, lookup)
    }
  }

  /** The targets, each with the cache that its build imports; see `chooseCache`. */
  async choose<T extends { readonly cache?: TargetCache }>(targets: readonly T[]): Promise<readonly T[]> {
    const caches = targets.flatMap(({ cache }) => cache ?? [])
    this.start(caches)
    const lookups = Promise.all(caches.map(({ name }) => this.#lookups.get(name) ?? Promise.resolve()))
    const late = () => new Error('The registry did not report in time which caches exist.')
    await withTimeout(Math.max(0, this.#until - Date.now()), lookups, late).catch(this.#report)
    this.close()
    return targets.map((target) => {
      const { cache } = target
      if (!cache || !isInRegistry(cache)) return target
      return { ...target, cache: chooseCache(cache, (from) => this.#states.get(from) ?? 'unknown', this.#isOwn) }
    })
  }

  /** Ends its requests. */
  close(): void {
    this.#stop.abort()
  }

  /** Asks for one cache after another, until one exists or cannot be queried. */
  async #lookUp(cache: TargetCache): Promise<void> {
    if (cache.ofProposals !== undefined) {
      // At the same time as the history: usually one of them is imported.
      void Promise.all(cache.from.slice(0, 2).map((from) => this.#ask(from)))
      await this.#reading
    }
    for (const from of byPreference(cache, this.#isOwn)) {
      await this.#ask(from)
      if (this.#states.get(from) !== 'empty') return
    }
  }

  #ask(from: string): Promise<void> {
    const question = this.#questions.get(from) ?? this.#query(from)
    this.#questions.set(from, question)
    return question
  }

  async #query(from: string): Promise<void> {
    const reference = cacheTag(from)
    if (!reference || this.#isOfNode(reference) || this.#stop.signal.aborted) return
    try {
      const digest = await (await this.#createClient(reference)).headManifest(reference.path, reference.tag)
      this.#states.set(from, digest === undefined ? 'empty' : 'filled')
    } catch (error) {
      this.#report(error)
    }
  }

  /** `localhost` of a cache is the node, whose registry is another one than that of this machine. */
  #isOfNode({ registry }: Repository): boolean {
    if (this.#request.images.some((image) => image.registry === registry)) return false
    const host = new URL(`https://${registry}`).hostname.replace(/^\[|\]$/g, '')
    return isIP(host) === 0 ? /(?:^|\.)localhost$/.test(host) : isLocalAddress(host)
  }

  /** Reads who wrote the caches of proposals. A fork never does. */
  async #readWriter({ name, ofProposals }: TargetCache): Promise<void> {
    const { event } = this.#request
    if (ofProposals === undefined || event.trust !== 'pr') return
    try {
      const [last] = await loadRuns(historyOf(name), this.#createClient)
      this.#isOwn = last !== undefined && isSameProposal(last.ref, event)
    } catch (error) {
      this.#report(error)
    }
  }

  readonly #report = (error: unknown): void => this.#request.debug(`Caches: ${errorMessage(error)}`)
}

function isInRegistry({ from }: TargetCache): boolean {
  return from.every((specification) => cacheTag(specification) !== undefined)
}
