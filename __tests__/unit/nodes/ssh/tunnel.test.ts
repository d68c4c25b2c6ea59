import { afterAll, beforeEach, expect, test } from '@jest/globals'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execRemote, openTunnel } from '../../../../src/nodes/ssh/tunnel.ts'
import { RunDir } from '../../../../src/run/run-dir.ts'

const home = mkdtempSync(join(tmpdir(), 'tunnel-'))
const bin = join(home, 'bin')
const calls = join(home, 'calls')
const { PATH } = process.env
let runs = 0
mkdirSync(bin)

/** An ssh with this body; `args` are its arguments and `call` counts from 1. */
function fakeSsh(body: string): void {
  const program = [
    `#!${process.execPath}`,
    "const { appendFileSync, readFileSync, writeFileSync } = require('node:fs')",
    'const args = process.argv.slice(2)',
    `appendFileSync(${JSON.stringify(calls)}, JSON.stringify(args) + '\\n')`,
    `const call = readFileSync(${JSON.stringify(calls)}, 'utf8').trim().split('\\n').length`,
    body,
  ]
  writeFileSync(join(bin, 'ssh'), program.join('\n'))
  chmodSync(join(bin, 'ssh'), 0o755)
}

/** Creates the sockets of a connection and ends with a message. */
const connected = `
  const config = readFileSync(args[args.indexOf('-F') + 1], 'utf8')
  writeFileSync(args[args.indexOf('-L') + 1].split(':')[0], '')
  writeFileSync(/ControlPath (.*)/.exec(config)[1], '')
  setTimeout(() => { console.error('Timeout, server arm not responding.'); process.exit(255) }, 300)`

beforeEach(() => {
  process.env['PATH'] = bin
  writeFileSync(calls, '')
})
afterAll(() => {
  process.env['PATH'] = PATH
  rmSync(home, { recursive: true })
})

const called = () => readFileSync(calls, 'utf8').split('\n').filter(Boolean)

async function open() {
  const dir = new RunDir(join(home, `run${runs++}`))
  dir.create()
  const noted: unknown[] = []
  // The journal has the entry before ssh starts.
  const journal = { note: (entry: object) => noted.push({ ...entry, calls: called().length }) }
  const target = { user: 'ci', host: 'arm', port: 22 }
  const request = { dir, key: 'n0', target, remote: '/var/run/docker.sock', agent: '', keys: 'none' as const, journal }
  return { dir, noted, tunnel: await openTunnel(request) }
}

test('one connection that forwards the socket, which the journal records first; its end has the reason', async () => {
  fakeSsh(connected)
  const { dir, noted, tunnel } = await open()
  const { config, socket } = dir.connection('n0')
  expect(called()).toEqual([
    JSON.stringify(['-F', config, '-M', '-N', '-T', '-L', `${socket}:/var/run/docker.sock`, 'node']),
  ])
  expect(noted).toEqual([
    { kind: 'tunnel', node: 'ci@arm', config, local: socket, remote: '/var/run/docker.sock', calls: 0 },
  ])
  expect(await tunnel.lost).toBe('Timeout, server arm not responding.')
})

test('a server that drops the connection is tried again', async () => {
  fakeSsh(
    `if (call < 3) { console.error('kex_exchange_identification: read: Connection reset'); process.exit(255) }
     ${connected}`,
  )
  const { tunnel } = await open()
  expect(called()).toHaveLength(3)
  expect(await tunnel.lost).not.toContain('kex_exchange')
})

test('a server that refuses the key is not', async () => {
  fakeSsh("console.error('ci@arm: Permission denied (publickey).'); process.exit(255)")
  await expect(open()).rejects.toMatchObject({
    code: 'node',
    message: 'ci@arm requires an SSH key, but the step has none',
  })
  expect(called()).toHaveLength(1)
})

test('commands use the connection, and never open another one', async () => {
  fakeSsh("process.stdin.on('data', (script) => console.log(`ran ${script}`))")
  const result = await execRemote({ config: '/c' }, 'uname -m')
  expect([result.code, result.stdout]).toEqual([0, 'ran uname -m\n'])
  expect(called()).toEqual([JSON.stringify(['-F', '/c', '-o', 'ProxyCommand=false', 'node', 'sh', '-s'])])
})
