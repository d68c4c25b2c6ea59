import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRunChecker } from '../../../src/gc/run-status.ts'
import { collectRunnerGarbage } from '../../../src/gc/runner.ts'
import { logRunnerGarbage } from '../../../src/gc/log.ts'
import { describeOwner, writeOwner, type RunDirOwner } from '../../../src/run/owner.ts'
import { RunDir } from '../../../src/run/run-dir.ts'

let parent: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'parent-'))
})
afterEach(() => rmSync(parent, { recursive: true }))

const run = { scope: '01234567', runId: '9', runAttempt: 1 }
const runs = createRunChecker({ ...run, attemptsEnd: true }, () => Promise.resolve('denied'))
let dirs = 0

function make(owner?: RunDirOwner): string {
  const dir = join(parent, `mab-${String(dirs++).padStart(10, '0')}`)
  mkdirSync(dir, { mode: 0o700 })
  if (owner) writeOwner(new RunDir(dir), owner)
  return dir
}

test('a run directory is removed when its runner has certainly ended, and not before', async () => {
  const self = await describeOwner({ ...run, runId: '5' })
  // As on a runner: the step has ended, its runner has not.
  const ended = { ...self, main: '4194303:1' }
  const gone = { ...ended, runner: '4194303:1' }
  const [host = ''] = self.boot.split(' ')
  const finished = [make(gone), make({ ...ended, boot: `${host} another-boot` })]
  const running = [
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
  symlinkSync(parent, join(parent, 'mab-aaaaaaaaaa'))
  mkdirSync(join(parent, 'mab-other'))
  const own = make(gone)
  const { removed, failed } = await collectRunnerGarbage(new RunDir(own), run, runs, [parent])
  expect([...removed].sort()).toEqual(finished)
  expect(failed).toEqual([])
  expect([...running, own, old, join(parent, 'mab-other')].filter((dir) => !existsSync(dir))).toEqual([])
})

test('what was removed from this runner is logged, one line each', () => {
  const lines: string[] = []
  const log = { info: (text: string) => lines.push(text), debug: () => undefined }
  logRunnerGarbage({ removed: ['/tmp/mab-1', '/tmp/mab-2'], failed: ['/tmp/mab-3: EPERM'], strays: 1 }, log)
  logRunnerGarbage({ removed: [], failed: [], strays: 2 }, log)
  expect(lines).toEqual([
    'Removed leftovers of finished runs on this runner: /tmp/mab-1, /tmp/mab-2.',
    'Killed stray processes of 1 finished run on this runner.',
    'Leftovers on this runner were not removed: /tmp/mab-3: EPERM. The next run removes them.',
    'Killed stray processes of 2 finished runs on this runner.',
  ])
})
