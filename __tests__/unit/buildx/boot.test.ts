import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bootDaemon } from '../../../src/buildx/boot.ts'
import { newest } from '../../../src/buildx/find.ts'
import type { Entry } from '../../../src/run/journal.ts'
import { nodeSpec, testNode } from '../fixtures/nodes.ts'

const scratch = mkdtempSync(join(tmpdir(), 'boot-'))
const socket = join(scratch, 'engine.sock')
let requests: string[] = []
let journal: Entry[] = []

/** An engine on which a daemon starts. */
const server = createServer(({ method = '', url = '' }, answer) => {
  requests.push(`${method} ${url.replace(/\?.*/, '')}`)
  if (url === '/containers/probe/start') answer.writeHead(500).end('{}')
  else answer.end(url.includes('/logs') ? 'running server on /run/buildkit/buildkitd.sock' : '{"Id":"probe"}')
})
beforeAll(() => new Promise<void>((resolve) => server.listen(socket, resolve)))
beforeEach(() => {
  requests = []
  journal = []
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(scratch, { recursive: true })
})

interface Case {
  readonly driverOpts?: Readonly<Record<string, string>>
  readonly version?: string
  readonly hasLogin?: boolean
}

function boot({ driverOpts = {}, version = newest, hasLogin = false }: Case = {}) {
  const engine = { version: '28', os: 'linux', arch: 'amd64', cpus: 2, containerd: true, root: '/var/lib/docker' }
  const containers = { cgroupfs: false, userns: false }
  const spec = { ...nodeSpec('amd', ['linux/amd64'], 'local'), driverOpts }
  const node = testNode('amd', ['linux/amd64'], { socket, spec, engine: { ...engine, containers } })
  return bootDaemon(
    node,
    { container: 'buildx_buildkit_run-0', flags: [], files: {} },
    {
      buildx: { command: '/does/not/exist', version },
      signal: new AbortController().signal,
      journal: { note: (entry) => void journal.push(entry) },
      hasLogin: () => hasLogin,
      log: { debug: () => undefined },
    },
  )
}

describe('bootDaemon', () => {
  test('notes in the journal that the daemon boots, and that it has booted', async () => {
    await boot()?.end
    expect(journal.map(({ kind }) => kind)).toEqual(['boots', 'booted'])
    expect(requests).toContain('POST /containers/buildx_buildkit_run-0/start')
  })

  test.each<[string, Case]>([
    ['a buildx that may create another container', { version: '0.39.0' }],
    ['options that the action does not know', { driverOpts: { memory: '2g' } }],
    ['an image whose registry has a login', { hasLogin: true }],
    ['an image that cannot be parsed', { driverOpts: { image: 'No Image' } }],
  ])('leaves to buildx: %s', (_, options) => {
    expect(boot(options)).toBeUndefined()
    expect([journal, requests]).toEqual([[], []])
  })

  test('leaves to buildx: an image that buildx verifies', () => {
    process.env['BUILDX_DEFAULT_POLICY'] = '1'
    try {
      expect(boot()).toBeUndefined()
    } finally {
      delete process.env['BUILDX_DEFAULT_POLICY']
    }
    expect(requests).toEqual([])
  })
})
