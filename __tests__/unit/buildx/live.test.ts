import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { startLive, type TargetState } from '../../../src/buildx/live.ts'
import { Progress } from '../../../src/buildx/progress.ts'
import { platform, testNode, testVariant } from '../fixtures/nodes.ts'

const node = testNode('arm', ['linux/arm64'])
const target = { id: 'linux-arm64', variant: testVariant(''), platform: platform('linux/arm64'), node }
const at = '2026-01-01T00:00:00Z'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

function follow() {
  const progress = new Progress([{ id: target.id, label: 'linux/arm64' }], () => undefined)
  const reports: TargetState[] = []
  const end = startLive({
    targets: [target],
    vertexes: (id) => progress.states(id),
    report: (states) => {
      reports.push(...states)
    },
  })
  const read = (message: object) => {
    progress.read(JSON.stringify(message))
    jest.advanceTimersByTime(250)
    return reports.at(-1)
  }
  return { read, end, last: () => reports.at(-1) }
}

test('reports the running step, cached steps and sent bytes of a target, and how it ended', () => {
  const { read, end, last } = follow()
  expect(last()).toMatchObject({ label: 'linux/arm64', node: 'arm', state: 'running', step: '', cached: 0, total: 0 })
  const context = { digest: 'a', name: '[internal] load build context', started: at }
  const status = { vertex: 'a', id: 'transferring context:', current: 5000, started: at }
  expect(read({ vertexes: [context], statuses: [status] })).toMatchObject({ step: context.name, sent: 5000 })
  const [cached, run] = [
    { digest: 'b', name: '[2/3] COPY . .', started: at, completed: at, cached: true },
    { digest: 'c', name: '[3/3] RUN make\n&& make install', started: at },
  ]
  expect(read({ vertexes: [cached, run] })).toMatchObject({ step: '[3/3] RUN make', cached: 1, total: 2 })
  const exporting = { digest: 'd', name: 'exporting to image', started: at }
  const pushed = { vertex: 'd', id: 'pushing layers', current: 7000, started: at }
  const states = read({ vertexes: [{ ...run, completed: at }, exporting], statuses: [pushed] })
  expect(states).toMatchObject({ step: 'exporting to image', sent: 12_000 })
  expect(states?.took).toBeGreaterThanOrEqual(750)
  end({ isBuilt: true, took: () => 42 })
  expect(last()).toMatchObject({ state: 'done', step: '', took: 42 })
  const { step } = last() ?? {}
  jest.advanceTimersByTime(10_000)
  expect(last()?.step).toBe(step)
})

test('a target that was not built has failed', () => {
  const { end, last } = follow()
  end({ isBuilt: false, took: () => 0 })
  expect(last()?.state).toBe('failed')
})
