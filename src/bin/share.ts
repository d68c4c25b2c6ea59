import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex } from 'node:stream'

/** Bytes that may be on the way: the context of a build, and its results. */
const connectionWindow = 16 * 1024 * 1024
const streamWindow = 4 * 1024 * 1024

const options = {
  settings: { initialWindowSize: streamWindow, enablePush: false },
  // buildx sends one header for each method of its session.
  maxHeaderListPairs: 2000,
  // In MiB: all builds share one connection.
  maxSessionMemory: 512,
}

/**
 * Serves one connection to a BuildKit (gRPC, over HTTP/2) at a Unix socket to any number of clients. Listens when the
 * BuildKit has answered.
 *
 * @param onEnd called once, when the connection has ended
 */
export function shareConnection(connection: Duplex, socket: string, onEnd: () => void): void {
  const upstream = connect('http://buildkit', { ...options, createConnection: () => connection })
  upstream.on('error', () => undefined).once('close', onEnd)
  upstream.once('remoteSettings', () => {
    upstream.setLocalWindowSize(connectionWindow)
    const server = createServer(options)
    server.on('session', (session) => session.setLocalWindowSize(connectionWindow))
    server.on('sessionError', () => undefined).on('error', onEnd)
    server.on('stream', (stream: ServerHttp2Stream, _: unknown, flags: number, raw: unknown) => {
      forwardCall(upstream, stream, { headers: groupHeaders(raw), endStream: isLast(flags) })
    })
    upstream.once('close', () => server.close())
    server.listen(socket)
  })
}

interface Call {
  readonly headers: OutgoingHttpHeaders
  /** Whether the client sends nothing else. */
  readonly endStream: boolean
}

function forwardCall(upstream: ClientHttp2Session, client: ServerHttp2Stream, { headers, endStream }: Call): void {
  client.on('error', () => undefined)
  if (upstream.closed || upstream.destroyed) {
    client.close(constants.NGHTTP2_REFUSED_STREAM)
    return
  }
  const call = upstream.request(headers, { endStream })
  call.on('error', () => undefined)
  if (!endStream) client.pipe(call)
  call.on('response', (_: unknown, flags: number, raw: unknown) => {
    client.respond(groupHeaders(raw), isLast(flags) ? { endStream: true } : { waitForTrailers: true })
    if (!isLast(flags)) call.pipe(client)
  })
  forwardTrailers(call, client)
  client.on('close', () => call.close(client.rstCode || constants.NGHTTP2_CANCEL))
  call.on('close', () => {
    if (call.rstCode !== constants.NGHTTP2_NO_ERROR) client.close(call.rstCode)
  })
}

/** The status of a gRPC call is in its trailers. */
function forwardTrailers(call: ClientHttp2Stream, client: ServerHttp2Stream): void {
  const trailers = new Promise<OutgoingHttpHeaders>((resolve) => {
    call.once('trailers', (_: unknown, __: unknown, raw: unknown) => resolve(groupHeaders(raw)))
    call.once('close', () => resolve({}))
  })
  client.once('wantTrailers', () => {
    void trailers.then((headers) => {
      if (!client.destroyed) client.sendTrailers(headers)
    })
  })
}

function isLast(flags: number): boolean {
  return (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
}

/**
 * Headers from the list in which Node received them, names and values in turn: a header that occurs several times
 * stays several headers, since gRPC does not split values at commas.
 */
export function groupHeaders(raw: unknown): OutgoingHttpHeaders {
  const list = Array.isArray(raw) ? raw.map(String) : []
  const headers: Record<string, string[]> = {}
  for (let at = 0; at + 1 < list.length; at += 2) (headers[list[at] ?? ''] ??= []).push(list[at + 1] ?? '')
  const entries = Object.entries(headers)
  return Object.fromEntries(entries.map(([name, values]) => [name, values.length === 1 ? values[0] : values]))
}
