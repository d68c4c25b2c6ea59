import { EngineClient, EngineError } from '../nodes/engine/client.ts'
import { startSessionForwarder } from '../nodes/ssh/forwarder.ts'
import { reconnect } from '../nodes/ssh/tunnel.ts'
import type { Entry } from '../run/journal.ts'

type Connection = Extract<Entry, { readonly kind: 'tunnel' | 'forwarder' }>

/** The connections of a run, restored when they are needed: main ends them with its keys. */
export class Connections {
  readonly #connections: readonly Connection[]
  readonly #authenticate: () => Promise<void>
  readonly #restored = new Map<string, Promise<unknown>>()
  #authenticated: Promise<void> | undefined

  /**
   * @param entries of the journal, the latest first
   * @param authenticate makes the run's SSH keys available again
   */
  constructor(entries: readonly Entry[], authenticate: () => Promise<void>) {
    this.#connections = entries.filter((entry) => entry.kind === 'tunnel' || entry.kind === 'forwarder')
    this.#authenticate = authenticate
  }

  /** Sends a request to the engine at a socket, over the connection that main opened or over a new one like it. */
  async withEngine<T>(socket: string, request: (engine: EngineClient) => Promise<T>): Promise<T> {
    const engine = new EngineClient(socket)
    return await request(engine).catch(async (first: unknown) => {
      const connection = this.#connections.find(({ local }) => local === socket)
      // An engine that responded, if only with an error, would respond no better over another connection.
      if (!connection || !(first instanceof EngineError && first.status === 0)) throw first
      await this.#restore(connection)
      return await request(engine)
    })
  }

  /** Once for each connection, however many requests need it. */
  async #restore(connection: Connection): Promise<void> {
    const restored = this.#restored.get(connection.local) ?? this.#reconnect(connection)
    this.#restored.set(connection.local, restored)
    await restored
  }

  async #reconnect(connection: Connection): Promise<void> {
    this.#authenticated ??= this.#authenticate()
    await this.#authenticated
    if (connection.kind === 'tunnel') {
      await reconnect(connection)
      return
    }
    const tunnel = this.#connections.findLast(({ kind, config }) => kind === 'tunnel' && config === connection.config)
    if (tunnel) await this.#restore(tunnel)
    await startSessionForwarder(connection)
  }
}
