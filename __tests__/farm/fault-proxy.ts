import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

export interface Fault {
  /** Respond with this status instead of forwarding the request. */
  status?: number
  headers?: Record<string, string>
  body?: string
  /** Reset the connection instead of responding. */
  cut?: boolean
  /** Reset the connection after this many bytes of the body, in either direction. */
  cutAfter?: number
  /** What happens first; only for a proxy in the process of the test. */
  before?: () => unknown
  /** Wait this long first; without status or cut the request then goes through. */
  delayMs?: number
  method?: string
  /** Source of a regular expression on the path. */
  match?: string
  /** The client: 'host' or the name of a node. */
  from?: string
  /** Forward this many matching requests first. */
  skip?: number
  /** The number of requests it affects; all by default. */
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

type Upstream = { socketPath: string } | { host: string; port: number }

export interface ProxyOptions {
  /** The registry itself. */
  upstream: Upstream
  nameOf: (address: string) => string
  /** Where on this host a blob is to be fetched instead, if it is not served here. */
  redirect?: (path: string) => { port: number; path: string } | undefined
}

/** A proxy in front of a registry: logs every request and injects faults. */
export function faultProxy({ upstream, nameOf, redirect }: ProxyOptions): FaultProxy {
  const proxy: FaultProxy = {
    faults: [],
    requests: [],
    listener: () => createServer((req, res) => void handle(req, res)),
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const entry = logRequest(req, res, nameOf)
    proxy.requests.push(entry)
    const fault = take(proxy.faults, entry)
    if (fault) {
      entry.fault = true
      await fault.before?.()
      if (fault.cutAfter !== undefined) cutBody(req, res, fault.cutAfter)
      if (fault.delayMs) await new Promise((resolve) => setTimeout(resolve, fault.delayMs))
      if (answerWithFault(fault, req, res)) return
    }
    const other = entry.method === 'GET' ? redirect?.(entry.path) : undefined
    if (!other) {
      forward(req, res, upstream)
      return
    }
    const { hostname } = new URL(`http://${req.headers.host ?? '127.0.0.1'}`)
    res.writeHead(307, { location: `http://${hostname}:${other.port}${other.path}` }).end()
  }
  return proxy
}

function logRequest(req: IncomingMessage, res: ServerResponse, nameOf: ProxyOptions['nameOf']): RequestLog {
  const started = Date.now()
  const entry: RequestLog = {
    method: req.method ?? '',
    path: req.url ?? '',
    status: 0,
    time: started,
    ms: 0,
    from: nameOf(req.socket.remoteAddress ?? ''),
    agent: req.headers['user-agent'] ?? '',
    fault: false,
  }
  res.once('close', () => {
    entry.status ||= res.headersSent ? res.statusCode : 0
    entry.ms = Date.now() - started
  })
  return entry
}

/** @returns whether the fault ends the request; a fault that only delays does not */
function answerWithFault({ cut, status, headers, body }: Fault, req: IncomingMessage, res: ServerResponse): boolean {
  if (cut) {
    req.socket.resetAndDestroy()
    return true
  }
  if (!status) return false
  // The body has to be read to its end, or the client sees a broken pipe instead of the answer.
  req.resume()
  const error = { code: 'UNAVAILABLE', message: `fault ${status} set by the farm` }
  res
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(body ?? JSON.stringify({ errors: [error] }))
  return true
}

/** Counts the bytes of the request and of its answer. */
function cutBody(req: IncomingMessage, res: ServerResponse, limit: number): void {
  let sent = 0
  const count = (chunk: unknown): void => {
    sent += chunk instanceof Uint8Array ? chunk.length : 0
    if (sent > limit) req.socket.resetAndDestroy()
  }
  req.on('data', count)
  const write = res.write.bind(res) as (chunk: unknown) => boolean
  res.write = (chunk: unknown) => {
    const isWritten = write(chunk)
    count(chunk)
    return isWritten
  }
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
function forward(req: IncomingMessage, res: ServerResponse, upstream: Upstream): void {
  // Asked to close, the registry hangs up as soon as it has the last byte; our end of the body then fails, and its
  // answer is lost.
  const headers = { ...req.headers, connection: 'keep-alive' }
  const sent = httpRequest(
    { ...upstream, method: req.method, path: req.url, headers, agent: false, setHost: false },
    (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(res)
      answer.on('error', () => res.destroy())
    },
  )
  sent.on('error', (error) => {
    if (!res.destroyed) process.stderr.write(`${req.method} ${req.url} could not be passed on: ${String(error)}\n`)
    if (res.headersSent) res.destroy()
    else res.writeHead(502).end()
  })
  res.on('error', () => sent.destroy())
  res.once('close', () => sent.destroy())
  req.pipe(sent)
}
