import { describe, expect, test } from '@jest/globals'
import { classifyRunRef, maxJobAge, type CurrentRun, type RunRef } from '../../../src/gc/run-status.ts'
import { createRunChecker } from '../../../src/gc/run-status.ts'
import {
  persistentBuilderName,
  parseResourceName,
  runBuilderName,
  repositoryScope,
  reservationVolume,
  usageVolume,
} from '../../../src/run/names.ts'
import { event } from '../fixtures/job.ts'
import type { RunState } from '../../../src/forge/run-status.ts'

const scope = repositoryScope(event)
const self: CurrentRun = { scope, runId: '100', runAttempt: 2, attemptsEnd: true }
const trace = (given: Partial<RunRef> = {}): RunRef => ({ scope, runId: '99', runAttempt: 1, age: 1000, ...given })

describe('names', () => {
  test('of a run: read back from container and volume', () => {
    const name = runBuilderName('mab-0123456789', event)
    const owner = { kind: 'run', name: `${name}-0`, scope, runId: '4711', runAttempt: 1, isReservation: false }
    expect(
      [`/buildx_buildkit_${name}-0`, `buildx_buildkit_${name}-0_state`, reservationVolume(`${name}-0`)].map(
        parseResourceName,
      ),
    ).toEqual([owner, owner, { ...owner, isReservation: true }])
  })

  test('of a persistent builder: one for each repository, trust level and settings; its volumes differ', () => {
    const name = persistentBuilderName(scope, 'trusted', { a: 1 })
    expect(
      new Set([
        name,
        persistentBuilderName(scope, 'pr', { a: 1 }),
        persistentBuilderName(scope, 'trusted', { a: 2 }),
        persistentBuilderName(repositoryScope({ ...event, repository: 'acme/other' }), 'trusted', { a: 1 }),
      ]).size,
    ).toBe(4)
    const parts = ['', '_state', '_boot'].map((end) => parseResourceName(`buildx_buildkit_${name}${end}`))
    expect(parts).toEqual(['container', 'state', 'lock'].map((part) => ({ kind: 'persistent', name, part })))
    const day = Date.UTC(2026, 10, 24)
    expect(parseResourceName(usageVolume(name, day + 3_600_000))).toEqual({
      kind: 'persistent',
      name,
      part: 'usage',
      on: day,
    })
  })

  test.each([
    'buildx_buildkit_two1',
    'buildx_buildkit_builder-0123456789-0',
    'buildx_buildkit_mab-0123456789-01234567-1-1-0-more',
    'my_buildx_buildkit_mab-0123456789-01234567-1-1-0',
    'buildx_buildkit_mab-012345678z-01234567-1-1-0',
    'buildx_buildkit_mab-keep-01234567-trusted-01234567_other',
    'mab-0123456789-01234567-1-1-0',
    '',
  ])('%s is nobody of ours', (name) => expect(parseResourceName(name)).toBeUndefined())
})

describe('classifyRunRef', () => {
  test.each<[string, Partial<RunRef>, Partial<CurrentRun>, ReturnType<typeof classifyRunRef>]>([
    ['of another repository, young', { scope: 'ffffffff' }, {}, 'running'],
    ['of another repository, older than any job', { scope: 'ffffffff', age: maxJobAge + 1 }, {}, 'finished'],
    ['of this very run', { runId: '100', runAttempt: 2 }, {}, 'running'],
    ['of an earlier attempt', { runId: '100' }, {}, 'finished'],
    ['of an earlier attempt, where jobs are started again alone', { runId: '100' }, { attemptsEnd: false }, 'running'],
    ['of a later attempt', { runId: '100', runAttempt: 3 }, {}, 'running'],
    ['of another run', {}, {}, 'unknown'],
    ['of another run, older than any job, by a clock that may have been wrong', { age: maxJobAge + 1 }, {}, 'unknown'],
    ['of this very run, by a clock that was wrong', { runId: '100', runAttempt: 2, age: maxJobAge + 1 }, {}, 'running'],
  ])('%s', (_, given, other, expected) => expect(classifyRunRef(trace(given), { ...self, ...other })).toBe(expected))
})

test.each<[string, RunState | Error, boolean]>([
  ['ended an hour ago', { completed: true, createdAt: 0, endedAt: 1e12 - 3_600_000 }, true],
  ['ended just now', { completed: true, createdAt: 0, endedAt: 1e12 - 1000 }, false],
  ['going on', { completed: false, createdAt: 0, endedAt: Infinity }, false],
  ['unknown', 'unknown', false],
  ['not to be asked about', 'denied', false],
  ['of a forge that fails', new Error('HTTP 500'), false],
])('a run that is %s', async (_, answer, dead) => {
  let asked = 0
  const ask = () => (asked++, answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer))
  const liveness = createRunChecker(self, ask, () => 1e12)
  expect(await Promise.all([liveness.isFinished(trace()), liveness.isFinished(trace())])).toEqual([dead, dead])
  expect(asked).toBe(1)
})

test.each<[string, RunState, boolean]>([
  ['unknown', 'unknown', true],
  ['not to be asked about', 'denied', true],
  ['known to go on since just now', { completed: false, createdAt: 1e12 - 1000, endedAt: Infinity }, false],
  ['said to go on, and begun long ago', { completed: false, createdAt: 1e12 - maxJobAge - 1, endedAt: Infinity }, true],
])('older than any job, of a run that is %s', async (_, answer, dead) => {
  const liveness = createRunChecker(
    self,
    () => Promise.resolve(answer),
    () => 1e12,
  )
  expect(await liveness.isFinished(trace({ age: maxJobAge + 1 }))).toBe(dead)
})

test('of many runs, the CI platform is asked about 30', async () => {
  const asked: string[] = []
  const finished: RunState = { completed: true, createdAt: 0, endedAt: 1e12 - 3_600_000 }
  const ask = (runId: string) => (asked.push(runId), Promise.resolve(finished))
  const runs = createRunChecker(self, ask, () => 1e12)
  const ids = Array.from({ length: 40 }, (_, index) => String(200 + index))
  const dead = await Promise.all(ids.map((runId) => runs.isFinished(trace({ runId }))))
  expect([dead.filter(Boolean).length, asked]).toEqual([30, ids.slice(0, 30)])
})
