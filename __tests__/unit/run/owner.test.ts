import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRunChecker } from '../../../src/gc/run-status.ts'
import { collectRunnerGarbage } from '../../../src/gc/runner.ts'
import { logRunnerGarbage } from '../../../src/gc/log.ts'
import { describeOwner, removeOwnerLast, writeOwner, type RunDirOwner } from '../../../src/run/owner.ts'
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

test('a removal that is cut off leaves the owner, so that a later run removes the rest', async () => {
  const gone = { ...(await describeOwner({ ...run, runId: '5' })), main: '4194303:1', runner: '4194303:1' }
  const dir = make(gone)
  for (const name of ['agent.sock', 'zone']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'zone', 'key'), '')
  let left = 2
  const cutOff = (path: string) => {
    if (left-- === 0) throw new Error('killed')
    rmSync(path, { recursive: true })
  }
  expect(() => removeOwnerLast(dir, cutOff)).toThrow('killed')
  expect(readdirSync(dir)).toEqual(['owner'])
  const { removed } = await collectRunnerGarbage(new RunDir(join(parent, 'mab-9999999999')), run, runs, [parent])
  expect(removed).toEqual([dir])
  expect(existsSync(dir)).toBe(false)
})

test('of a link in place of the directory only the link is removed', () => {
  const [target, link] = [make(), join(parent, 'mab-8888888888')]
  writeFileSync(join(target, 'file'), '')
  symlinkSync(target, link)
  removeOwnerLast(link)
  removeOwnerLast(join(parent, 'mab-7777777777'))
  expect([existsSync(link), readdirSync(target)]).toEqual([false, ['file']])
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
