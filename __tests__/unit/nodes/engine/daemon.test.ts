import { afterAll, beforeEach, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDaemon, type DaemonContainer } from '../../../../src/nodes/engine/daemon.ts'
import { asRecord, tryParseJson } from '../../../../src/lib/json.ts'

const scratch = mkdtempSync(join(tmpdir(), 'daemon-'))
const servers: Server[] = []
let requests: string[] = []
let created: Record<string, unknown> = {}
let archive = Buffer.alloc(0)

const daemon: DaemonContainer = {
  name: 'buildx_buildkit_run-0',
  image: 'registry.example.com:5000/buildkit:1',
  command: ['--debug'],
  env: ['A=b'],
  network: 'host',
  volume: 'buildx_buildkit_run-0_state',
  files: new Map([['buildkitd.toml', Buffer.from('debug = true\n')]]),
  mode: { cgroupfs: true, userns: false },
}

/** What the engine answers, by the beginning of the request; any other request succeeds. */
type Answers = Readonly<Record<string, (answer: ServerResponse) => unknown>>

const fails = (answer: ServerResponse) => answer.writeHead(500).end('{"message":"no device driver"}')
const refuse = (status: number) => (answer: ServerResponse) =>
  answer.writeHead(status).end('{"message":"no such image"}')
const logs = (text: string) => (answer: ServerResponse) => answer.end(text)
const plain: Answers = {
  'POST /containers/probe/start': fails,
  'GET /containers/buildx_buildkit_run-0/logs': logs('running server on /run/buildkit/buildkitd.sock'),
}

async function start(answers: Answers, more: Partial<DaemonContainer> = {}, signal = new AbortController().signal) {
  const socket = join(scratch, `s${servers.length}`)
  const server = createServer((request, answer) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const line = `${request.method ?? ''} ${request.url ?? ''}`
      const body = Buffer.concat(chunks)
      requests.push(line)
      if (line.startsWith('POST /containers/create?')) created = asRecord(tryParseJson(body.toString()))
      if (line.startsWith('PUT ')) archive = body
      const found = Object.entries(answers).find(([beginning]) => line.startsWith(beginning))
      if (found) found[1](answer)
      else answer.end('{"Id":"probe"}')
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return await startDaemon(socket, { ...daemon, ...more }, signal)
}

beforeEach(() => {
  requests = []
})
afterAll(() => {
  servers.forEach((server) => {
    server.closeAllConnections()
    server.close()
  })
  rmSync(scratch, { recursive: true, force: true })
})

describe('startDaemon', () => {
  test('creates the container that buildx creates', async () => {
    expect(await start(plain)).toBe(true)
    expect(created).toEqual({
      Image: 'registry.example.com:5000/buildkit:1',
      Cmd: ['--debug'],
      Env: ['A=b'],
      HostConfig: {
        Privileged: true,
        Init: true,
        RestartPolicy: { Name: 'unless-stopped' },
        Mounts: [{ Type: 'volume', Source: 'buildx_buildkit_run-0_state', Target: '/var/lib/buildkit' }],
        NetworkMode: 'host',
        CgroupParent: '/docker/buildx',
      },
    })
    expect(requests.filter((line) => line.startsWith('DELETE /containers/buildx'))).toEqual([])
  })

  test('its files belong to root', async () => {
    await start(plain, { files: new Map([['certs/a/ca.pem', Buffer.from('x'.repeat(600))]]) })
    const list = execFileSync('tar', ['--numeric-owner', '-tvf', '-'], { input: archive, encoding: 'utf8' })
    expect(list.split('\n').map((line) => line.replace(/ .* (?=buildkit)/, ' '))).toEqual([
      'drwxr-xr-x buildkit/',
      'drwxr-xr-x buildkit/certs/',
      'drwxr-xr-x buildkit/certs/a/',
      '-rw-r--r-- buildkit/certs/a/ca.pem',
      '',
    ])
    expect(list.match(/ 0\/0 /g)).toHaveLength(4)
    expect(execFileSync('tar', ['-xOf', '-'], { input: archive, encoding: 'utf8' })).toBe('x'.repeat(600))
  })

  test('pulls a newer image of a tag; an image that cannot be pulled is used', async () => {
    expect(await start({ ...plain, 'POST /images/create': fails })).toBe(true)
    expect(requests[0]).toBe('POST /images/create?fromImage=registry.example.com%3A5000%2Fbuildkit&tag=1')
  })

  test('an image by digest is pulled if the engine has none', async () => {
    const image = `app:1@sha256:${'0'.repeat(64)}`
    expect(await start(plain, { image })).toBe(true)
    expect(requests.filter((line) => line.includes('/images/create'))).toEqual([])
    expect(await start({ ...plain, 'GET /images/': refuse(404) }, { image })).toBe(true)
    expect(requests).toContain(`POST /images/create?fromImage=app&tag=sha256:${'0'.repeat(64)}`)
  })

  test('without an image there is no container', async () => {
    const missing = { 'POST /images/create': fails, 'POST /containers/create': refuse(404) }
    await expect(start(missing)).rejects.toThrow('no such image')
    expect(requests.filter((line) => !line.includes('create'))).toEqual([])
  })

  test.each<[string, Answers]>([
    ['does not start', { ...plain, 'POST /containers/buildx_buildkit_run-0/start': fails }],
    ['ends', { ...plain, 'GET /containers/buildx_buildkit_run-0/logs': logs('buildkitd: invalid configuration') }],
    ['has logs that cannot be read', { ...plain, 'GET /containers/buildx_buildkit_run-0/logs': fails }],
    ['could have a GPU', { 'GET /containers/buildx_buildkit_run-0/logs': logs('running server on x') }],
  ])('a container that %s is removed', async (_, answers) => {
    expect(await start(answers)).toBe(false)
    expect(requests.at(-1)).toBe('DELETE /containers/buildx_buildkit_run-0?force=1&v=1')
  })

  test('after an abort nothing is requested any more', async () => {
    const cancel = new AbortController()
    const abort = () => cancel.abort()
    const answers = { ...plain, 'POST /containers/buildx_buildkit_run-0/start': abort }
    expect(await start(answers, {}, cancel.signal)).toBe(false)
    expect(requests.filter((line) => line.startsWith('DELETE /containers/buildx'))).toEqual([])
  })
})
