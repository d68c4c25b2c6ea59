import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureDaemon, removeOldMarkers } from '../../../src/buildx/persistent.ts'
import { openJournal } from '../../../src/run/journal.ts'
import { RunDir } from '../../../src/run/run-dir.ts'
import { testNode } from '../fixtures/nodes.ts'

const scratch = mkdtempSync(join(tmpdir(), 'persistent-'))
const socket = join(scratch, 'engine.sock')
const name = 'mab-keep-01234567-trusted-01234567'
const daemon = { node: testNode('amd', ['linux/amd64'], { socket }), name }
const log = { info: () => undefined, debug: (text: string) => void debug.push(text) }
let requests: string[] = []
let debug: string[] = []
let volumes: string[] = []

/** An engine on which the daemon runs. */
const server = createServer(({ method = '', url = '' }, answer) => {
  requests.push(`${method} ${decodeURIComponent(url.replace(/\?.*/, ''))}`)
  const say = (status: number, body: unknown) => answer.writeHead(status).end(JSON.stringify(body))
  if (url.startsWith('/containers/')) say(200, { State: { Status: 'running' } })
  else if (method === 'DELETE') say(204, {})
  else if (method === 'POST') say(201, {})
  else if (url.startsWith('/volumes?')) say(200, { Volumes: volumes.map((Name) => ({ Name })) })
  else say(404, {})
})
beforeAll(() => new Promise<void>((resolve) => server.listen(socket, resolve)))
beforeEach(() => {
  requests = []
  debug = []
})
afterAll(() => {
  server.close()
  rmSync(scratch, { recursive: true })
})

test('a build waits for three requests if the daemon runs: its record, its state and its lock', async () => {
  const dir = new RunDir(join(scratch, 'run'))
  const buildx = { command: '/does/not/exist', version: '0.38.2' }
  await ensureDaemon(daemon, 'instance', { buildx, dir, journal: openJournal(dir), holder: 'this run', log })
  expect(requests.map((request) => request.replace(/_used_\d{8}$/, '_used')).sort()).toEqual([
    `GET /containers/buildx_buildkit_${name}/json`,
    `GET /volumes/buildx_buildkit_${name}_boot`,
    'POST /volumes/create',
  ])
  expect(debug).toEqual([])
})

test('of the records of its use the newest stays', async () => {
  volumes = ['20261123', '20261124', '20200101'].map((day) => `buildx_buildkit_${name}_used_${day}`)
  await removeOldMarkers(daemon, log)
  expect(requests.slice(1).sort()).toEqual([
    `DELETE /volumes/buildx_buildkit_${name}_used_20200101`,
    `DELETE /volumes/buildx_buildkit_${name}_used_20261123`,
  ])
})

test('records that cannot be removed are no error', async () => {
  const gone = { ...daemon, node: testNode('amd', ['linux/amd64'], { socket: join(scratch, 'gone.sock') }) }
  await removeOldMarkers(gone, log)
  expect(debug).toEqual([expect.stringContaining('amd: ')])
})
