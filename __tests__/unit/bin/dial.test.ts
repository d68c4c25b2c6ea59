import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { dialBuildkit, upgradeRequest } from '../../../src/bin/dial.ts'

const dir = mkdtempSync(join(tmpdir(), 'dial-'))
const engine = join(dir, 'engine.sock')
const buildkitd = join(dir, 'buildkitd.sock')
let server: Server
let requests: string[]
const closers: (() => void)[] = []

/** A frame of the engine: stream 1 is standard output, 2 standard error. */
function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

function onUpgrade({ url = '', headers }: IncomingMessage, socket: Duplex): void {
  requests.push(`UPGRADE ${url} ${headers.upgrade ?? ''}`)
  closers.push(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
  socket.write(Buffer.concat([frame(2, 'a warning'), frame(1, 'hello')]))
  socket.on('data', (chunk: Buffer) => socket.write(frame(1, `echo ${chunk.toString()}`)))
}

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`)
    const isExec = request.url === '/containers/b0/exec'
    response.writeHead(isExec ? 201 : 404).end(isExec ? '{"Id":"e1"}' : '{"message":"no such container"}')
    request.resume()
  })
  server.on('upgrade', onUpgrade)
  server.listen(engine)
  const plain = createSocketServer((socket) => socket.end('from buildkitd')).listen(buildkitd)
  await Promise.all([once(server, 'listening'), once(plain, 'listening')])
  closers.push(() => plain.close())
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  closers.forEach((close) => close())
  rmSync(dir, { recursive: true })
})
beforeEach(() => {
  requests = []
})

async function readUntil(stream: Duplex, end: string): Promise<string> {
  let text = ''
  while (!text.endsWith(end)) text += String((await once(stream, 'data'))[0])
  return text
}

test('a BuildKit in a container: a command in it, of which only the standard output is read', async () => {
  const stream = await dialBuildkit(['container', engine, 'b0'])
  expect(await readUntil(stream, 'hello')).toBe('hello')
  stream.write('request')
  expect(await readUntil(stream, 'request')).toBe('echo request')
  expect(requests).toEqual(['POST /containers/b0/exec', 'UPGRADE /exec/e1/start tcp'])
  stream.on('error', () => undefined).destroy()
})

test('a container that does not exist is an error', async () => {
  await expect(dialBuildkit(['container', engine, 'gone'])).rejects.toThrow('no such container')
})

test('a socket of this machine', async () => {
  const stream = await dialBuildkit(['socket', buildkitd])
  expect(await readUntil(stream, 'buildkitd')).toBe('from buildkitd')
  stream.destroy()
})

test('an engine that does not upgrade the connection', async () => {
  const plain = createServer((_, response) => response.writeHead(404).end()).listen(join(dir, 'old.sock'))
  closers.push(() => plain.close())
  await once(plain, 'listening')
  await expect(upgradeRequest(join(dir, 'old.sock'), '/grpc', { protocol: 'h2c' })).rejects.toThrow('HTTP 404')
  await expect(upgradeRequest(join(dir, 'none.sock'), '/grpc', { protocol: 'h2c' })).rejects.toThrow('ENOENT')
})
