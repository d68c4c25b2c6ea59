import { EngineClient, EngineError } from '../nodes/engine/client.ts'
import { startSessionForwarder } from '../nodes/ssh/forwarder.ts'
import { reconnect } from '../nodes/ssh/tunnel.ts'
import type { Entry } from '../run/journal.ts'

/** Sends a request to an engine over the connection that main opened, or over a new one like it. */
export async function withEngine<T>(
  socket: string,
  entries: readonly Entry[],
  request: (engine: EngineClient) => Promise<T>,
): Promise<T> {
  const engine = new EngineClient(socket)
  return await request(engine).catch(async (first: unknown) => {
    const tunnels = entries.filter((entry) => entry.kind === 'tunnel' || entry.kind === 'forwarder')
    const tunnel = tunnels.find(({ local }) => local === socket)
    // An engine that responded, if only with an error, would respond no better over another connection.
    if (!tunnel || !(first instanceof EngineError && first.status === 0)) throw first
    const under =
      tunnel.kind === 'forwarder'
        ? tunnels.findLast(({ kind, config }) => kind === 'tunnel' && config === tunnel.config)
        : tunnel
    if (under) await reconnect(under)
    if (tunnel.kind === 'forwarder') await startSessionForwarder(tunnel)
    return await request(engine)
  })
}
