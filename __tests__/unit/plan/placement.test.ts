import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { assign, type Task } from '../../../src/plan/placement.ts'

const workers = (count: number, weight = 1) =>
  Array.from({ length: count }, (_, index) => ({ id: `ssh://node-${index}`, weight }))
const tasks = (count: number, able: readonly number[], kind = 'linux/amd64') =>
  Array.from({ length: count }, (_, index): Task => ({ key: `variant-${index} ${kind}`, kind, workers: able }))
const counts = (choice: readonly number[], of: number) =>
  Array.from({ length: of }, (_, worker) => choice.filter((chosen) => chosen === worker).length)

describe('assign', () => {
  test('every task is assigned to a worker that can do it, and no worker gets more than its share, rounded up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 5 }), (many, nodes) => {
        const able = workers(nodes).map((_, index) => index)
        const choice = assign(tasks(many, able), workers(nodes))
        expect(choice).toHaveLength(many)
        expect(Math.max(...counts(choice, nodes))).toBe(Math.ceil(many / nodes))
      }),
    )
  })

  test('the same tasks meet the same workers again, in any order', () => {
    const all = [...tasks(6, [0, 1]), ...tasks(6, [2, 3], 'linux/arm64')]
    const choice = assign(all, workers(4))
    expect(assign(all, workers(4))).toEqual(choice)
    expect([...assign([...all].reverse(), workers(4))].reverse()).toEqual(choice)
    expect(counts(choice, 4)).toEqual([3, 3, 3, 3])
  })

  test('if a worker is removed, most tasks of the others stay', () => {
    const before = assign(tasks(30, [0, 1, 2]), workers(3))
    const after = assign(tasks(30, [0, 1]), workers(2))
    const stayed = before.filter((worker, index) => worker !== 2 && after[index] === worker).length
    expect(stayed).toBeGreaterThanOrEqual(15)
  })

  test('a worker of half the weight gets half of the tasks of the others', () => {
    const [idle, busy] = workers(2)
    expect(counts(assign(tasks(12, [0, 1]), [idle!, { ...busy!, weight: 0.5 }]), 2)).toEqual([8, 4])
  })

  test.each([
    [1, [1, 0.5], [1, 0]],
    [1, [0.5, 1], [0, 1]],
    [2, [1, 0.5], [1, 1]],
    [3, [1, 0.5], [2, 1]],
    [4, [1, 0.5], [3, 1]],
    [1, [1, 1 / 3, 0.5], [1, 0, 0]],
    [6, [1, 0.5, 0.25], [3, 2, 1]],
  ])('%i tasks for weights %j', (many, weights, expected) => {
    const able = weights.map((_, index) => index)
    expect(
      counts(
        assign(
          tasks(many, able),
          weights.map((weight, index) => ({ id: `ssh://node-${index}`, weight })),
        ),
        weights.length,
      ),
    ).toEqual(expected)
  })

  test('two kinds with the same workers are not assigned to one worker', () => {
    const choice = assign([...tasks(1, [0, 1]), ...tasks(1, [0, 1], 'linux/arm64')], workers(2))
    expect([...choice].sort()).toEqual([0, 1])
  })
})
