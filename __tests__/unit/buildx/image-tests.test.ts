import { describe, expect, jest, test } from '@jest/globals'
import { exportArgs, oldestBuildx, progressTargets, watchTests } from '../../../src/buildx/image-tests.ts'
import type { Progress, RunningVertex } from '../../../src/buildx/progress.ts'
import type { ImageTests } from '../../../src/inputs/image-tests.ts'
import type { Target } from '../../../src/plan/target.ts'
import { platform, testNode, testVariant } from '../fixtures/nodes.ts'

const targetOf = (name: string, tests?: ImageTests): Target => ({
  id: `${name}-linux-amd64`,
  variant: testVariant(name, tests ? { tests } : {}),
  platform: platform('linux/amd64'),
  node: testNode('n', ['linux/amd64']),
})
const tested = targetOf('slim', { command: ['/app'], timeout: 1000 })
const staged = targetOf('full', { stage: 'unit', timeout: 1000 })

test('buildx holds back the exports only if there are tests, and must be able to', () => {
  expect(exportArgs([targetOf('a')])).toEqual([])
  expect(exportArgs([targetOf('a'), staged])).toEqual(['--jobs=defer-output'])
  expect(oldestBuildx([targetOf('a').variant])).toBe('0.19.0')
  expect(oldestBuildx([targetOf('a').variant, tested.variant])).toBe('0.38.0')
})

test.each([
  [['/bin/sh', '-ec', '/app --version'], '/app --version'],
  [['/bin/sh', '-ec', '/app --version\n\ngrep -q x /arch\n'], 'script of 2 lines: /app --version …'],
  [['/app', '--version'], '/app --version'],
])('the log names a test by its command, and a script not by its first line alone: %j', (command, expected) => {
  const targets = progressTargets([targetOf('slim', { command, timeout: 1000 })])
  expect(targets.flatMap((target) => target.command ?? [])).toEqual([expected])
})

describe('watchTests', () => {
  const running = (fields: Partial<RunningVertex>): RunningVertex => ({
    name: '[test] /app',
    targets: ['slim-linux-amd64--test'],
    runningFor: 1000,
    parts: [],
    silentFor: 0,
    output: ['last line'],
    ...fields,
  })
  /** What is reported after some time in which these vertexes run. */
  function reported(...vertexes: readonly RunningVertex[]) {
    jest.useFakeTimers()
    try {
      const onTimeout = jest.fn()
      const end = watchTests([tested, staged], { running: () => vertexes } as unknown as Progress, onTimeout)
      jest.advanceTimersByTime(5000)
      end()
      return onTimeout.mock.calls.flat()
    } finally {
      jest.useRealTimers()
    }
  }

  test('reports a test that takes too long, once, with its last output', () => {
    expect(reported(running({}))).toEqual([{ target: tested, limit: 1000, output: ['last line'] }])
  })

  test('reports a step of the stage', () => {
    const step = running({ name: '[unit 2/2] RUN make', targets: ['full-linux-amd64--stage'] })
    expect(reported(step)).toMatchObject([{ target: staged }])
  })

  test.each<[string, Partial<RunningVertex>]>([
    ['a test that is in time', { runningFor: 999 }],
    ['a step of the image', { name: '[2/2] RUN make', targets: ['slim-linux-amd64'] }],
    [
      'a step that the image needs too',
      { name: '[build 2/2] RUN make', targets: ['full-linux-amd64', 'full-linux-amd64--stage'] },
    ],
    ['a base image', { name: '[unit 1/2] FROM alpine', targets: ['full-linux-amd64--stage'] }],
    ['work without a target', { name: '[test] x', targets: [] }],
  ])('does not report %s', (_, fields) => expect(reported(running(fields))).toEqual([]))
})
