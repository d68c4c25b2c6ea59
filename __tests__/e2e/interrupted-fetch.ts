import { createRawFetch } from '../../src/lib/raw-fetch.ts'
import type { RawFetch } from '../../src/lib/http.ts'

/** What happens to an action at a request. */
export type Interruption = 'killed' | 'cancelled'

interface Sent {
  readonly method: string
  readonly path: string
  /** What it stores or deletes: the same for the same content in every repository. */
  readonly subject: string
  isAnswered: boolean
}

/** Whether a request changes the registry. */
export const isChange = ({ method }: Pick<Sent, 'method'>): boolean => method !== 'GET' && method !== 'HEAD'

/**
 * The requests of an action in this process, which is cancelled at one of them, or killed before one that changes the
 * registry: a kill before a request that only reads leaves what a kill before the next change leaves.
 */
export class InterruptedFetch {
  readonly sent: Sent[] = []
  readonly #at: number
  readonly #kind: Interruption
  readonly #cancel = new AbortController()
  readonly #raw = createRawFetch({})

  constructor(at = Infinity, kind: Interruption = 'killed') {
    this.#at = at
    this.#kind = kind
  }

  /** Aborts when the action is cancelled. */
  get signal(): AbortSignal {
    return this.#cancel.signal
  }

  get isKilled(): boolean {
    return this.#kind === 'killed' && this.changes.length > this.#at
  }

  /** The requests that change the registry. */
  get changes(): readonly Sent[] {
    return this.sent.filter(isChange)
  }

  /** What it changed in the registry, in order for each manifest; undefined if the registry did not answer it all. */
  get effect(): string | undefined {
    if (this.changes.some(({ isAnswered }) => !isAnswered)) return undefined
    const sorted = [...this.changes].sort((one, other) => one.subject.localeCompare(other.subject))
    return sorted.map(({ method, subject }) => `${method} ${subject}`).join('\n')
  }

  readonly raw: RawFetch = async (url, init) => {
    const { pathname, searchParams } = new URL(url)
    const [, resource = ''] = /\/(manifests\/.*|blobs\/(?:uploads|sha256:.*))/.exec(pathname) ?? []
    const subject = [resource, searchParams.get('mount'), searchParams.get('digest')].join(' ')
    const request: Sent = { method: init.method, path: pathname, subject, isAnswered: false }
    const call = this.sent.push(request) - 1
    if (this.isKilled) throw killed()
    const isCancelled = this.#kind === 'cancelled' && call === this.#at
    if (isCancelled) this.#cancel.abort()
    // The request at which it is cancelled has been sent, and the registry does what it requests.
    const answer = await this.#raw(url, isCancelled ? { ...init, signal: new AbortController().signal } : init)
    request.isAnswered = true
    return answer
  }
}

/** From then on nothing has an effect, as in a process that was killed; the code makes it an error for good. */
function killed(): Error {
  return Object.assign(new Error('killed'), { code: 'ERR_INVALID_STATE' })
}
