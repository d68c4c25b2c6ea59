import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { assign, type Task } from '../../../src/plan/placement.ts'

const holders = (count: number, weight = 1) =>
  Array.from({ length: count }, (_, index) => ({ id: `ssh://node-${index}`, weight }))
const pieces = (count: number, able: readonly number[], kind = 'linux/amd64') =>
  Array.from({ length: count }, (_, index): Task => ({ key: `variant-${index} ${kind}`, kind, workers: able }))
const counts = (choice: readonly number[], of: number) =>
  Array.from({ length: of }, (_, holder) => choice.filter((one) => one === holder).length)

describe('spread', () => {
  test('every piece goes to one that can take it, and nobody gets more than its share, rounded up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 5 }), (many, nodes) => {
        const able = holders(nodes).map((_, index) => index)
        const choice = assign(pieces(many, able), holders(nodes))
        expect(choice).toHaveLength(many)
        expect(Math.max(...counts(choice, nodes))).toBe(Math.ceil(many / nodes))
      }),
    )
  })

  test('the same pieces meet the same holders again, in whatever order they are listed', () => {
    const all = [...pieces(6, [0, 1]), ...pieces(6, [2, 3], 'linux/arm64')]
    const choice = assign(all, holders(4))
    expect(assign(all, holders(4))).toEqual(choice)
    expect([...assign([...all].reverse(), holders(4))].reverse()).toEqual(choice)
    expect(counts(choice, 4)).toEqual([3, 3, 3, 3])
  })

  test('when a holder goes, most of what the others have stays', () => {
    const before = assign(pieces(30, [0, 1, 2]), holders(3))
    const after = assign(pieces(30, [0, 1]), holders(2))
    const stayed = before.filter((holder, index) => holder !== 2 && after[index] === holder).length
    expect(stayed).toBeGreaterThanOrEqual(15)
  })

  test('a busy holder gets half of what the others get', () => {
    const [idle, busy] = holders(2)
    expect(counts(assign(pieces(12, [0, 1]), [idle!, { ...busy!, weight: 0.5 }]), 2)).toEqual([8, 4])
  })

  test.each([
    [1, [1, 0.5], [1, 0]],
    [1, [0.5, 1], [0, 1]],
    [2, [1, 0.5], [1, 1]],
    [3, [1, 0.5], [2, 1]],
    [4, [1, 0.5], [3, 1]],
    [1, [1, 1 / 3, 0.5], [1, 0, 0]],
    [6, [1, 0.5, 0.25], [3, 2, 1]],
  ])('%i pieces for weights %j', (many, weights, expected) => {
    const able = weights.map((_, index) => index)
    expect(
      counts(
        assign(
          pieces(many, able),
          weights.map((weight, index) => ({ id: `ssh://node-${index}`, weight })),
        ),
        weights.length,
      ),
    ).toEqual(expected)
  })

  test('two kinds that share their holders do not pile up on one', () => {
    const choice = assign([...pieces(1, [0, 1]), ...pieces(1, [0, 1], 'linux/arm64')], holders(2))
    expect([...choice].sort()).toEqual([0, 1])
  })
})
