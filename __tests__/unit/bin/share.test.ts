import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type Http2Server,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StandardOutput } from '../../../src/bin/dial.ts'
import { groupHeaders, shareConnection } from '../../../src/bin/share.ts'
import { waitForSocket } from '../../../src/lib/time.ts'

let dir: string
let server: Http2Server
let answer: (stream: ServerHttp2Stream, raw: unknown) => void
let sessions: number
let connection: Socket
const clients: ClientHttp2Session[] = []
let state: { ended: boolean }

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'share-'))
  sessions = 0
  server = createServer()
    .on('session', () => sessions++)
    .on('stream', (stream: ServerHttp2Stream, _: unknown, __: unknown, raw: unknown) => {
      stream.on('error', () => undefined)
      answer(stream, raw)
    })
  server.listen(join(dir, 'buildkitd.sock'))
  await once(server, 'listening')
  const own = { ended: false }
  state = own
  const onEnd = () => (own.ended = true)
  connection = createConnection(join(dir, 'buildkitd.sock'))
  shareConnection(connection, join(dir, 'b0.sock'), onEnd)
  await waitForSocket(join(dir, 'b0.sock'), 5000)
})
afterEach(() => {
  clients.splice(0).forEach((client) => client.destroy())
  connection.destroy()
  server.close()
  rmSync(dir, { recursive: true })
})

function open(): ClientHttp2Session {
  const client = connect('http://localhost', { createConnection: () => createConnection(join(dir, 'b0.sock')) })
  client.on('error', () => undefined)
  clients.push(client)
  return client
}

async function call(client: ClientHttp2Session, body: Buffer, headers: OutgoingHttpHeaders = {}) {
  const stream = client.request({ ':method': 'POST', ':path': '/Control/Solve', te: 'trailers', ...headers })
  const chunks: Buffer[] = []
  let trailers: unknown
  stream.on('trailers', (values: unknown) => (trailers = values))
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('error', () => undefined)
  stream.end(body)
  await new Promise((resolve) => stream.once('close', resolve))
  return { code: stream.rstCode, body: Buffer.concat(chunks), trailers }
}

/** Sends back what it receives, with a status in trailers as gRPC does. */
function echo(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.pipe(stream)
}

describe('shareConnection', () => {
  test('any number of clients share one connection; bodies and trailers arrive whole', async () => {
    answer = echo
    const bodies = [Buffer.alloc(0), Buffer.from('small'), Buffer.alloc(9_000_000, 'large')]
    const results = await Promise.all(bodies.map((body) => call(open(), body)))
    expect(results.map(({ body }, index) => body.equals(bodies[index] ?? body))).toEqual([true, true, true])
    expect(results.map(({ code, trailers }) => [code, trailers])).toEqual(
      results.map(() => [0, expect.objectContaining({ 'grpc-status': '0' })]),
    )
    expect(sessions).toBe(1)
  })

  test('a header that occurs several times stays several headers', async () => {
    let received: unknown
    answer = (stream, raw) => {
      received = groupHeaders(raw)
      stream.respond({ ':status': 200 }, { endStream: true })
    }
    const methods = ['/Auth/Credentials', '/FileSync/DiffCopy']
    await call(open(), Buffer.alloc(0), { 'x-session-method': methods })
    expect(received).toMatchObject({ 'x-session-method': methods, te: 'trailers', ':path': '/Control/Solve' })
  })

  test('an error code of either side reaches the other', async () => {
    answer = (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    expect((await call(open(), Buffer.from('x'))).code).toBe(constants.NGHTTP2_INTERNAL_ERROR)
    const cancelled = new Promise<number>((resolve) => {
      answer = (stream) => {
        stream.respond({ ':status': 200 })
        stream.once('close', () => resolve(stream.rstCode))
      }
    })
    const stream = open().request({ ':method': 'POST' })
    stream.on('error', () => undefined)
    await once(stream, 'response')
    stream.close(constants.NGHTTP2_CANCEL)
    expect(await cancelled).toBe(constants.NGHTTP2_CANCEL)
  })

  test('a client that disconnects cancels its calls only', async () => {
    const closed = new Promise<void>((resolve) => {
      answer = (stream) => {
        stream.respond({ ':status': 200 })
        stream.once('close', resolve)
      }
    })
    const client = open()
    const stream = client.request({ ':method': 'POST' })
    stream.on('error', () => undefined)
    await once(stream, 'response')
    client.destroy()
    await closed
    answer = echo
    expect((await call(open(), Buffer.from('next'))).body.toString()).toBe('next')
    expect(state.ended).toBe(false)
    connection.destroy()
    await once(connection, 'close')
    await new Promise((resolve) => setImmediate(resolve))
    expect(state.ended).toBe(true)
  })
})

test('StandardOutput: frames in chunks of any size, without standard error', () => {
  const frame = (stream: number, text: string) => {
    const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
    header.writeUInt32BE(text.length, 4)
    return Buffer.concat([header, Buffer.from(text)])
  }
  const input = Buffer.concat([frame(1, 'one '), frame(2, 'error'), frame(1, ''), frame(1, 'two')])
  for (const size of [1, 3, 8, 11, input.length]) {
    const output = new StandardOutput()
    for (let at = 0; at < input.length; at += size) output.write(input.subarray(at, at + size))
    expect(String(output.read())).toBe('one two')
  }
})
