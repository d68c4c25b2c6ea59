import { describe, expect, test } from '@jest/globals'
import { buildRetries, next, type GroupState } from '../../../src/buildx/schedule.ts'
import { UserError } from '../../../src/lib/errors.ts'
import type { Target } from '../../../src/plan/target.ts'
import { platform, testNode, testVariant } from '../fixtures/nodes.ts'

const [a, b] = [testNode('a', ['linux/amd64']), testNode('b', ['linux/amd64'])]
const target: Target = { id: 't', variant: testVariant(''), platform: platform('linux/amd64'), node: a }
const state: GroupState = { group: { node: a, targets: [target] }, retries: 0, trail: [] }
const failure = (code: UserError['code'], message = 'It failed') =>
  new UserError({ code, message, hint: 'Do this.', details: ['detail'] })
const ended = (failure?: UserError) => ({ kind: 'ended' as const, failure })
const moved = (targets: readonly Target[], failure?: UserError) => ({
  targets,
  notes: ['linux/amd64 is built on b instead.'],
  ...(failure && { failure }),
})

describe('next', () => {
  test('a group that was built is finished', () => {
    expect(next(state, ended(), false)).toEqual([{ kind: 'finish' }])
    expect(next(state, ended(), true)).toEqual([{ kind: 'finish' }])
  })

  test.each(['build', 'registry', 'inputs'] as const)('a failure with code %s is final', (code) => {
    expect(next(state, ended(failure(code)), false)).toEqual([{ kind: 'finish', failure: failure(code) }])
  })

  test.each(['busy', 'node', 'cache', 'build'] as const)(
    'after an abort, or a final failure of another group, %s is final too',
    (code) => {
      expect(next(state, ended(failure(code)), true)).toEqual([{ kind: 'finish', failure: failure(code) }])
    },
  )

  test('a busy registry gets longer and longer waits, and then the failure is final', () => {
    const busy = failure('busy')
    const { waits } = buildRetries
    const actions = waits.map((_, retries) => next({ ...state, retries }, ended(busy), false))
    expect(actions).toEqual(waits.map((ms) => [{ kind: 'wait', ms, failure: busy }]))
    const exhausted = next({ ...state, retries: waits.length }, ended(busy), false)
    expect(exhausted).toEqual([{ kind: 'finish', failure: busy }])
  })

  test('after a wait the group is built again, unless the run is over: no buildx is started after an abort', () => {
    const waited = { kind: 'waited' as const, failure: failure('busy') }
    expect(next(state, waited, false)).toEqual([{ kind: 'build', state: { ...state, retries: 1 } }])
    expect(next(state, waited, true)).toEqual([{ kind: 'finish', failure: failure('busy') }])
  })

  test('a cache that cannot be written: a warning, and a build without it that counts as no retry', () => {
    const actions = next({ ...state, retries: 2 }, ended(failure('cache')), false)
    expect(actions).toEqual([
      { kind: 'warn', note: 'It failed: building without writing the cache. Do this.\ndetail' },
      {
        kind: 'build',
        state: { ...state, retries: 2, group: { node: a, targets: [{ ...target, writesCache: false }] } },
      },
    ])
  })

  test('a lost node: its targets are rescheduled, with retries of their own', () => {
    const lost = failure('node', 'Node a was lost')
    expect(next({ ...state, retries: 2 }, ended(lost), false)).toEqual([{ kind: 'reschedule', failure: lost }])
    const event = { kind: 'rescheduled' as const, failure: lost, moved: moved([{ ...target, node: b }]) }
    expect(next({ ...state, retries: 2 }, event, false)).toEqual([
      { kind: 'warn', note: 'Node a was lost. linux/amd64 is built on b instead.' },
      {
        kind: 'build',
        state: { group: { node: b, targets: [{ ...target, node: b }] }, retries: 0, trail: [lost] },
      },
    ])
  })

  test('after an abort nothing is rescheduled', () => {
    const lost = failure('node')
    const event = { kind: 'rescheduled' as const, failure: lost, moved: moved([{ ...target, node: b }]) }
    expect(next(state, event, true)).toEqual([{ kind: 'finish', failure: lost }])
  })

  test('targets that are skipped leave only the warning', () => {
    const event = { kind: 'rescheduled' as const, failure: failure('node'), moved: moved([]) }
    expect(next(state, event, false).map(({ kind }) => kind)).toEqual(['warn'])
  })

  test('without another node the failure is final, and lists the nodes that were lost before', () => {
    const [first, last] = [failure('node', 'Node a was lost'), failure('node', 'Node b was lost')]
    const event = { kind: 'rescheduled' as const, failure: last, moved: moved([], last) }
    const [action] = next({ ...state, trail: [first] }, event, false)
    expect(action).toMatchObject({
      kind: 'finish',
      failure: { message: 'Node b was lost', details: ['Before that: Node a was lost', 'detail'] },
    })
  })
})
