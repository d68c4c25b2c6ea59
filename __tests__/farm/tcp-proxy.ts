import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TcpProxyOptions {
  listen: { host: string; port: number }
  to: { host: string; port: number }
  /** Round-trip time to pretend, asked anew for every chunk. */
  rttMs: () => number
  onConnection?: () => void
}

/** Bytes that may be under way in one direction before the sender is made to wait: ample for 100 ms at 300 Mbit/s. */
const window = 4 << 20

/** A wire with latency: every chunk arrives half a round trip late, a connection one whole. It delays, it does not throttle. */
export function tcpProxy(options: TcpProxyOptions): Promise<Server> {
  const { listen, to, rttMs } = options
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, near => {
    options.onConnection?.()
    near.on('error', () => undefined)
    void (async () => {
      if (rttMs() > 0) await sleep(rttMs())
      if (near.destroyed) return
      const far = connect({ ...to, allowHalfOpen: true, noDelay: true })
      far.on('error', () => near.resetAndDestroy())
      near.on('error', () => far.resetAndDestroy())
      // A proper end is carried in the queue behind the data; only a broken connection breaks the other one.
      near.once('close', broken => { if (broken) far.destroy() })
      far.once('close', broken => { if (broken) near.destroy() })
      carry(near, far, rttMs)
      carry(far, near, rttMs)
      near.resume()
    })()
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(listen.port, listen.host, 1024, () => resolve(server))
  })
}

/** One queue and one timer per direction: timers of different lengths may fire out of order, a queue cannot. */
function carry(from: Socket, to: Socket, rttMs: () => number): void {
  const queue: { due: number; chunk: Buffer | null }[] = []
  let inFlight = 0
  let timer: NodeJS.Timeout | undefined
  const pump = (): void => {
    timer = undefined
    for (let head = queue[0]; head; head = queue[0]) {
      const wait = head.due - performance.now()
      if (wait > 0.5) {
        timer = setTimeout(pump, wait)
        return
      }
      queue.shift()
      deliver(head.chunk)
    }
  }
  const deliver = (chunk: Buffer | null): void => {
    if (chunk === null) return void to.end()
    inFlight -= chunk.length
    if (to.destroyed) return
    if (!to.write(chunk)) {
      from.pause()
      to.once('drain', () => from.resume())
    } else if (inFlight < window && !to.writableNeedDrain) from.resume()
  }
  const enqueue = (chunk: Buffer | null): void => {
    queue.push({ due: performance.now() + rttMs() / 2, chunk })
    if (!timer) pump()
  }
  from.on('data', (chunk: Buffer) => {
    inFlight += chunk.length
    if (inFlight > window) from.pause()
    enqueue(chunk)
  })
  from.on('end', () => enqueue(null))
  from.once('close', () => { if (from.errored) clearTimeout(timer) })
}
