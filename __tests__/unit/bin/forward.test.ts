import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { waitForSocket } from '../../../src/lib/time.ts'
import { lacksSessions } from '../../../src/nodes/ssh/forwarder.ts'

const dir = mkdtempSync(join(tmpdir(), 'forward-'))
const [guard, local, calls] = ['n0.ssh', 'n0-r.sock', 'calls'].map((name) => join(dir, name)) as [
  string,
  string,
  string,
]
const entry = fileURLToPath(new URL('../../../src/bin/forward.ts', import.meta.url))
let forwarder: ChildProcess

/** An ssh that returns its input in capital letters, or whose server refuses the session. */
const ssh = `#!${process.execPath}
const { appendFileSync, existsSync } = require('node:fs')
appendFileSync(${JSON.stringify(calls)}, JSON.stringify(process.argv.slice(2)) + '\\n')
if (existsSync(${JSON.stringify(join(dir, 'full'))})) {
  console.error('mux_client_request_session: session request failed: Session open refused by peer')
  process.exit(255)
}
process.stdin.on('data', (chunk) => process.stdout.write(String(chunk).toUpperCase()))
`

beforeAll(async () => {
  writeFileSync(guard, '')
  writeFileSync(join(dir, 'ssh'), ssh)
  chmodSync(join(dir, 'ssh'), 0o755)
  const env = { ...process.env, PATH: [dir, process.env['PATH']].join(delimiter), NODE_OPTIONS: '' }
  const args = ['--import', import.meta.resolve('tsx'), entry, 'ssh', guard, local, 'dial it']
  forwarder = spawn(process.execPath, args, { env, stdio: 'inherit' })
  await waitForSocket(local, 60_000)
}, 70_000)
afterAll(() => {
  forwarder.kill()
  rmSync(dir, { recursive: true })
})

async function send(message: string): Promise<string> {
  const socket = createConnection(local)
  socket.end(message)
  return await text(socket)
}

test('each connection is a session of the open connection, which ssh must not replace', async () => {
  expect(await Promise.all([send('one'), send('two')])).toEqual(['ONE', 'TWO'])
  const args = JSON.stringify(['-F', guard, '-o', 'ProxyCommand=false', 'node', 'dial it'])
  expect(new Set(readFileSync(calls, 'utf8').trim().split('\n'))).toEqual(new Set([args]))
  expect(lacksSessions(local)).toBe(false)
})

test('a session that the server refuses ends the connection, and leaves the reason', async () => {
  writeFileSync(join(dir, 'full'), '')
  expect(await send('three')).toBe('')
  expect(lacksSessions(local)).toBe(true)
  expect(lacksSessions(join(dir, 'n0.sock'))).toBe(false)
  rmSync(join(dir, 'full'))
})

test('it ends when the run directory is removed', async () => {
  rmSync(guard)
  const [code] = (await once(forwarder, 'exit')) as [number]
  expect([code, existsSync(guard)]).toEqual([0, false])
})
