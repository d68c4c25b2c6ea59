import { createRawFetch } from '../../src/lib/raw-fetch.ts'
import type { RawFetch } from '../../src/lib/http.ts'

/** What happens to an action at a request. */
export type Interruption = 'killed' | 'cancelled'

interface Sent {
  readonly method: string
  readonly path: string
}

/** The requests of an action in this process, which ends at one of them. */
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
    return this.#kind === 'killed' && this.sent.length > this.#at
  }

  readonly raw: RawFetch = async (url, init) => {
    const call = this.sent.push({ method: init.method, path: new URL(url).pathname }) - 1
    if (this.isKilled) throw killed()
    if (call !== this.#at) return await this.#raw(url, init)
    this.#cancel.abort()
    // It has been sent, and the registry does what it requests.
    return await this.#raw(url, { ...init, signal: new AbortController().signal })
  }
}

/** From then on nothing has an effect, as in a process that was killed; the code makes it an error for good. */
function killed(): Error {
  return Object.assign(new Error('killed'), { code: 'ERR_INVALID_STATE' })
}
