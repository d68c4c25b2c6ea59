import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanUp, type CleanupRequest } from '../../../src/stories/undo.ts'
import { openJournal, readJournal } from '../../../src/run/journal.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

let dir = new RunDir('')
let asked: string[] = []
let engine: Server
beforeEach(async () => {
  dir = new RunDir(mkdtempSync(join(tmpdir(), 'mab-cleanup-')))
  asked = []
  engine = createServer(({ method = '', url = '' }, answer) => {
    asked.push(`${method} ${url}`)
    answer.writeHead(204).end()
  })
  await new Promise<void>((resolve) => engine.listen(join(dir.path, 's'), resolve))
})
afterEach(() => {
  engine.closeAllConnections()
  engine.close()
})

async function clean(): Promise<readonly string[]> {
  const told: string[] = []
  const never = () => Promise.reject(new Error('nobody is to be asked'))
  const packages: CleanupRequest['packages'] = {
    choice: 'auto',
    platform: { serverUrl: '', apiUrl: '' },
    token: '',
    ownerKind: undefined,
    registries: { credentials: never, fetch: never, log: () => undefined },
    githubClient: () => never,
    clock: { now: () => Date.now(), sleep: never },
  }
  const log = {
    info: (text: string) => told.push(text),
    warn: (text: string) => told.push(`warning: ${text}`),
    line: () => undefined,
    debug: () => undefined,
    annotate: () => undefined,
    lines: () => undefined,
  }
  await cleanUp({ dir, main: '', tags: 'auto', began: 0, packages, run: { runId: '1', runAttempt: 1 }, log })
  return told
}

const container = { kind: 'container', node: 'arm', container: 'c', volume: 'c_state' } as const

test('removes what was made, and the directory', async () => {
  openJournal(dir).note({ ...container, socket: join(dir.path, 's') })
  expect(await clean()).toEqual(['Removed the builder on arm.'])
  expect(asked).toEqual(['DELETE /containers/c?force=1&v=1', 'DELETE /volumes/c_state?force=1'])
  expect(existsSync(dir.path)).toBe(false)
})

test('a post step that was killed once its containers were gone, keys and connection after them, finishes without a word', async () => {
  const journal = openJournal(dir)
  journal.note({ ...container, socket: join(dir.path, 'nobody') })
  journal.note({ kind: 'removed', container: 'c' })
  expect(readJournal(dir)).toHaveLength(2)
  expect(await clean()).toEqual([])
  expect([asked, existsSync(dir.path)]).toEqual([[], false])
})
