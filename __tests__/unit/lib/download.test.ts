import { afterEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { validChunks } from '../../../src/lib/download.ts'
import { createRawFetch } from '../../../src/lib/raw-fetch.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server that answers every request with these bytes and hangs up; it returns the requests. */
async function serve(...answer: readonly (string | Buffer)[]): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = []
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (request) => {
      requests.push(request.toString())
      for (const part of answer) socket.write(part)
      socket.end()
    })
  })
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/blob?part=1`, requests }
}

const signal = new AbortController().signal

async function get(url: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await createRawFetch({})(url, { method: 'GET', headers, signal, isLarge: true })
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body) chunks.push(Buffer.from(chunk))
  return { ...response, bytes: Buffer.concat(chunks) }
}

const content = Buffer.alloc(5_000_000)
for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at)
const ok = (length: number, ...headers: string[]) =>
  ['HTTP/1.1 200 OK', `Content-Length: ${length}`, ...headers, '', ''].join('\r\n')

test('a large response has every byte in order, and the request all headers', async () => {
  const { url, requests } = await serve(ok(content.length, 'Vary: a', 'vary: b', 'X-Empty:'), content)
  const { status, headers, bytes } = await get(url, { authorization: 'Bearer token' })
  expect([status, headers.get('vary'), headers.get('x-empty'), headers.get('x')]).toEqual([200, 'a, b', '', null])
  expect(bytes.equals(content)).toBe(true)
  expect(requests).toHaveLength(1)
  expect(requests[0]).toMatch(
    /^GET \/blob\?part=1 HTTP\/1\.1\r\nauthorization: Bearer token\r\nhost: 127\.0\.0\.1:\d+\r\n/,
  )
})

test('a chunk stays as it is until three later ones are requested, also if the reader is slow', async () => {
  const { url } = await serve(ok(content.length), content)
  const response = await createRawFetch({})(url, { method: 'GET', headers: {}, signal, isLarge: true })
  const valid: Uint8Array[] = []
  const copies: Buffer[] = []
  for await (const chunk of response.body) {
    // By then the socket has read as much as it may.
    await delay(5)
    if (valid.push(chunk) === validChunks) copies.push(Buffer.from(valid.shift() ?? chunk))
  }
  expect(Buffer.concat([...copies, ...valid]).equals(content)).toBe(true)
})

test('a head in two parts, an empty response, and bytes beyond the length', async () => {
  expect((await get((await serve('HTTP/1.1 200 OK\r\nContent-', 'Length: 2\r\n\r\nok')).url)).bytes.toString()).toBe(
    'ok',
  )
  expect((await get((await serve(ok(0))).url)).bytes).toHaveLength(0)
  expect((await get((await serve(ok(2), 'okay')).url)).bytes.toString()).toBe('ok')
})

test('a redirect is returned, and an error with its text', async () => {
  const moved = await get((await serve('HTTP/1.1 307 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n')).url)
  expect([moved.status, moved.headers.get('location')]).toEqual([307, '/x'])
  const denied = await get((await serve('HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied')).url)
  expect([denied.status, denied.bytes.toString()]).toEqual([403, 'denied'])
})

test('a response without its length is requested again by another client', async () => {
  const { url, requests } = await serve('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n')
  expect((await get(url)).bytes.toString()).toBe('ok')
  expect(requests).toHaveLength(2)
})

test('a connection that ends early is an error with a code', async () => {
  await expect(get((await serve(ok(content.length), content.subarray(0, 1_000_000))).url)).rejects.toMatchObject({
    code: 'ECONNRESET',
  })
  await expect(get('http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a short response: whole, ended early, and before the whole request is sent', async () => {
  const fetchShort = async (url: string, body?: AsyncGenerator<Uint8Array, void>) => {
    const headers = body ? { 'content-length': '1000000000' } : {}
    const response = await createRawFetch({})(url, { method: 'PUT', headers, signal, ...(body && { body }) })
    const chunks: Uint8Array[] = []
    for await (const chunk of response.body) chunks.push(chunk)
    return `${response.status} ${Buffer.concat(chunks).toString()}`
  }
  expect(await fetchShort((await serve(ok(4), 'okay')).url)).toBe('200 okay')
  await expect(fetchShort((await serve(ok(5), 'okay')).url)).rejects.toMatchObject({ code: 'ECONNRESET' })
  const endless = async function* () {
    for (;;) yield await Promise.resolve(content.subarray(0, 1000))
  }
  const refused = await serve('HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo long')
  expect(await fetchShort(refused.url, endless())).toBe('413 too long')
})

test('many requests at the same time share a few connections', async () => {
  let connections = 0
  const server = createHttpServer((_, response) => response.end('ok')).on('connection', () => connections++)
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const raw = createRawFetch({})
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const responses = await Promise.all(
    Array.from({ length: 40 }, () => raw(url, { method: 'GET', headers: {}, signal })),
  )
  expect(responses.map(({ status }) => status)).toEqual(Array(40).fill(200))
  expect(connections).toBe(10)
  server.closeAllConnections()
})

test('a header that would end the line is refused', async () => {
  const { url, requests } = await serve(ok(0))
  await expect(get(url, { range: 'bytes=1-\r\nx: y' })).rejects.toThrow('a header of the request is not valid')
  expect(requests).toEqual([])
})
