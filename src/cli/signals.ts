import { constants } from 'node:os'

/** Those that end a command. */
const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

type Name = (typeof names)[number]
type Listener = (signal: 'SIGINT' | 'SIGTERM') => void

/** Receives the signals that end a command: until `close`, none ends this process before it has cleaned up. */
export class Signals {
  #first: Name | undefined
  readonly #listeners = new Set<Listener>()
  readonly #receive = (name: Name): void => {
    this.#first ??= name
    // A step handles these two only: SIGHUP, which a terminal sends when it is closed, would kill it.
    for (const listener of this.#listeners) listener(name === 'SIGINT' ? name : 'SIGTERM')
  }

  constructor() {
    for (const name of names) process.on(name, this.#receive)
  }

  /** What a shell reports for a program that the first signal ended; undefined without a signal. */
  exitCode(): number | undefined {
    return this.#first === undefined ? undefined : 128 + constants.signals[this.#first]
  }

  /** @returns a function that removes the listener */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    for (const name of names) process.off(name, this.#receive)
  }
}
