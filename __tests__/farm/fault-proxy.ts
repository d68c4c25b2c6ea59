import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

export interface Fault {
  /** Answer with this instead of asking the registry. */
  status?: number
  headers?: Record<string, string>
  body?: string
  /** Reset the connection instead of answering. */
  cut?: boolean
  /** Wait this long first; without status or cut the request then goes through. */
  delayMs?: number
  method?: string
  /** Source of a regular expression on the path. */
  match?: string
  /** Which peer: 'host' or the name of a node. */
  from?: string
  /** Let this many matching requests through first. */
  skip?: number
  /** How many requests it hits; without it, all. */
  times?: number
}

export interface RequestLog {
  method: string
  path: string
  status: number
  time: number
  ms: number
  from: string
  agent: string
  fault: boolean
}

export interface FaultProxy {
  faults: Fault[]
  requests: RequestLog[]
  listener(): Server
}

export interface ProxyOptions {
  /** The registry itself. */
  upstreamSocket: string
  nameOf: (address: string) => string
  /** Where on this host and port number a blob is to be fetched instead, if anywhere. */
  elsewhere?: (path: string) => { port: number; path: string } | undefined
}

/** In front of a registry: keeps a log of what was asked, and misbehaves when told to. */
export function faultProxy({ upstreamSocket, nameOf, elsewhere }: ProxyOptions): FaultProxy {
  const proxy: FaultProxy = {
    faults: [],
    requests: [],
    listener: () => createServer((req, res) => void handle(req, res)),
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const started = Date.now()
    const from = nameOf(req.socket.remoteAddress ?? '')
    const entry: RequestLog = {
      method: req.method ?? '',
      path: req.url ?? '',
      status: 0,
      time: started,
      ms: 0,
      from,
      agent: req.headers['user-agent'] ?? '',
      fault: false,
    }
    proxy.requests.push(entry)
    res.once('close', () => {
      entry.status ||= res.headersSent ? res.statusCode : 0
      entry.ms = Date.now() - started
    })
    const fault = take(proxy.faults, entry)
    if (fault) {
      entry.fault = true
      if (fault.delayMs) await new Promise((resolve) => setTimeout(resolve, fault.delayMs))
      if (fault.cut) return void req.socket.resetAndDestroy()
      if (fault.status) {
        // The body has to be read to its end, or the client sees a broken pipe instead of the answer.
        req.resume()
        const body =
          fault.body ??
          JSON.stringify({ errors: [{ code: 'UNAVAILABLE', message: `fault ${fault.status} set by the farm` }] })
        res.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(body)
        return
      }
    }
    const place = entry.method === 'GET' ? elsewhere?.(entry.path) : undefined
    if (place) {
      const { hostname } = new URL(`http://${req.headers.host ?? '127.0.0.1'}`)
      res.writeHead(307, { location: `http://${hostname}:${place.port}${place.path}` }).end()
      return
    }
    forward(req, res, upstreamSocket)
  }
  return proxy
}

function take(faults: Fault[], entry: RequestLog): Fault | undefined {
  const at = faults.findIndex(
    (f) =>
      (f.method === undefined || f.method === entry.method) &&
      (f.match === undefined || new RegExp(f.match).test(entry.path)) &&
      (f.from === undefined || f.from === entry.from),
  )
  const fault = faults[at]
  if (!fault) return undefined
  if (fault.skip) {
    fault.skip--
    return undefined
  }
  if (fault.times !== undefined && --fault.times <= 0) faults.splice(at, 1)
  return fault
}

/** The Host header goes through as it came, so the registry's Location headers lead back here. */
function forward(req: IncomingMessage, res: ServerResponse, socketPath: string): void {
  // Asked to close, the registry hangs up as soon as it has the last byte; our end of the body then fails, and its
  // answer is lost.
  const headers = { ...req.headers, connection: 'keep-alive' }
  const upstream = httpRequest(
    { socketPath, method: req.method, path: req.url, headers, agent: false, setHost: false },
    (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(res)
      answer.on('error', () => res.destroy())
    },
  )
  upstream.on('error', (error) => {
    if (!res.destroyed) process.stderr.write(`${req.method} ${req.url} could not be passed on: ${String(error)}\n`)
    if (res.headersSent) res.destroy()
    else res.writeHead(502).end()
  })
  res.on('error', () => upstream.destroy())
  res.once('close', () => upstream.destroy())
  req.pipe(upstream)
}
