import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLiveness } from '../../../src/gc/run-status.ts'
import { reapHost } from '../../../src/gc/host.ts'
import { tellHost } from '../../../src/gc/log.ts'
import { describeOwner, writeOwner, type DirOwner } from '../../../src/run/owner.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

let place: string
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'place-'))
})
afterEach(() => rmSync(place, { recursive: true }))

const run = { scope: '01234567', runId: '9', runAttempt: 1 }
const liveness = openLiveness({ ...run, attemptsEnd: true }, () => Promise.resolve('denied'))
let dirs = 0

function make(owner?: DirOwner): string {
  const dir = join(place, `mab-${String(dirs++).padStart(10, '0')}`)
  mkdirSync(dir, { mode: 0o700 })
  if (owner) writeOwner(new RunDir(dir), owner)
  return dir
}

test('a directory goes when what ran its job is gone for certain, and not before', async () => {
  const self = await describeOwner({ ...run, runId: '5' })
  // As on a runner: the step has ended, its runner goes on.
  const ended = { ...self, main: '4194303:1' }
  const gone = { ...ended, runner: '4194303:1' }
  const [host = ''] = self.boot.split(' ')
  const dead = [make(gone), make({ ...ended, boot: `${host} another-boot` })]
  const alive = [
    make(self),
    make(ended),
    make({ ...gone, main: self.main }),
    make({ ...gone, pids: 'pid:[1]' }),
    make({ ...gone, boot: '' }),
    make({ ...gone, boot: 'another-machine another-boot' }),
    make({ ...gone, runner: '' }),
    make({ ...gone, runId: run.runId }),
    make(),
  ]
  const old = make()
  utimesSync(old, 0, 0)
  symlinkSync(place, join(place, 'mab-aaaaaaaaaa'))
  mkdirSync(join(place, 'mab-other'))
  const own = make(gone)
  const { removed, failed } = await reapHost(new RunDir(own), run, liveness, [place])
  expect([...removed].sort()).toEqual(dead)
  expect(failed).toEqual([])
  expect([...alive, own, old, join(place, 'mab-other')].filter((dir) => !existsSync(dir))).toEqual([])
})

test('what was removed from this runner is told, one line each', () => {
  const told: string[] = []
  const log = { info: (text: string) => told.push(text), debug: () => undefined }
  tellHost({ removed: ['/tmp/mab-1', '/tmp/mab-2'], failed: ['/tmp/mab-3: EPERM'], strays: 1 }, log)
  tellHost({ removed: [], failed: [], strays: 2 }, log)
  expect(told).toEqual([
    'Removed what runs that are over had left on this runner: /tmp/mab-1, /tmp/mab-2.',
    'Ended processes of 1 run that is over on this runner.',
    'Left on this runner for the next run: /tmp/mab-3: EPERM',
    'Ended processes of 2 runs that are over on this runner.',
  ])
})
