import { describe, expect, test } from '@jest/globals'
import type { Inputs } from '../../../src/inputs/inputs.ts'
import type { Node } from '../../../src/nodes/node.ts'
import { planTargets as plan } from '../../../src/plan/targets.ts'
import { targetLabels } from '../../../src/plan/target.ts'
import { platform, testNode, testVariant as variant } from '../fixtures/nodes.ts'

const node = (name: string, ...platforms: string[]): Node => testNode(name, platforms)
const cache = { kind: 'registry' } as const
const planTargets = (inputs: Pick<Inputs, 'variants' | 'cache'>, nodes: readonly Node[]) =>
  plan(
    { ...inputs, fallback: ['fail'] },
    nodes.map((each) => ({ spec: each.spec, node: each })),
    'none',
  )

describe('planTargets', () => {
  const nodes = [node('amd', 'linux/amd64'), node('arm', 'linux/arm64', 'linux/arm/v7')]

  test('one target per variant and platform, each with its node and cache', () => {
    const { targets } = planTargets({ variants: [variant('slim')], cache }, nodes)
    expect(targets.map(({ id, node: { spec }, cache }) => [id, spec.name, cache?.from[0]])).toEqual([
      ['slim-linux-amd64', 'amd', 'type=registry,ref=ghcr.io/acme/app:buildcache-slim-linux-amd64'],
      ['slim-linux-arm64', 'arm', 'type=registry,ref=ghcr.io/acme/app:buildcache-slim-linux-arm64'],
      ['slim-linux-arm-v7', 'arm', 'type=registry,ref=ghcr.io/acme/app:buildcache-slim-linux-arm-v7'],
    ])
  })

  test('target names are valid for bake on any platform', () => {
    const { targets } = planTargets({ variants: [variant('a.b')], cache }, [
      node('arm', 'linux/arm64/v8.1', 'linux/arm64/v9.2'),
    ])
    expect(targets.map(({ id, cache }) => [id, cache?.name])).toEqual([
      ['a_b_0-linux-arm64-v8_1', 'ghcr.io/acme/app:buildcache-a.b-linux-arm64-v8.1'],
      ['a_b_0-linux-arm64-v9_2', 'ghcr.io/acme/app:buildcache-a.b-linux-arm64-v9.2'],
    ])
  })

  test('a node with targets has one group, and a node without targets none', () => {
    const { groups } = planTargets(
      { variants: [variant('a', { platforms: [platform('linux/arm64')] }), variant('b')], cache },
      nodes,
    )
    expect(groups.map(({ node: { spec }, targets }) => [spec.name, targets.map(({ id }) => id)])).toEqual([
      ['amd', ['b-linux-amd64']],
      ['arm', ['a-linux-arm64', 'b-linux-arm64', 'b-linux-arm-v7']],
    ])
    expect(
      planTargets({ variants: [variant('a', { platforms: [platform('linux/amd64')] })], cache }, nodes).groups,
    ).toHaveLength(1)
  })

  test('variants are distributed across the nodes of a platform, the same way each time', () => {
    const twins = [node('arm-1', 'linux/arm64'), node('arm-2', 'linux/arm64')]
    const choice = (names: readonly string[], nodes = twins) =>
      planTargets({ variants: names.map((name) => variant(name)), cache }, nodes).targets.map(
        (target) => target.node.spec.name,
      )
    expect(choice(['a', 'b', 'c', 'd']).sort()).toEqual(['arm-1', 'arm-1', 'arm-2', 'arm-2'])
    expect(choice(['a', 'b', 'c'])).toEqual(choice(['a', 'b', 'c']))
    expect(choice(['a', 'b', 'c'])).toEqual(choice(['a', 'b', 'c'], [...twins].reverse()))
  })

  test('a platform without a node is refused, with the platforms of the nodes', () => {
    const wanted = variant('a', { platforms: [platform('linux/riscv64')] })
    expect(() => planTargets({ variants: [wanted], cache }, nodes)).toThrow(/platforms: no node builds linux\/riscv64/)
  })

  test('names that are not valid for bake are changed, and stay unique', () => {
    const { targets } = planTargets({ variants: [variant('a.b'), variant('a_b')], cache: { kind: 'off' } }, [
      node('amd', 'linux/amd64'),
    ])
    const ids = targets.map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
    expect(ids.every((id) => /^[A-Za-z0-9_-]+$/.test(id))).toBe(true)
    expect(targets.every((target) => target.cache === undefined)).toBe(true)
  })

  test('without an image there is no cache', () => {
    expect(
      planTargets({ variants: [variant('', { images: [] })], cache }, nodes).targets.every(
        (target) => target.cache === undefined,
      ),
    ).toBe(true)
  })
})

test.each([
  [['linux/amd64 '], 'linux/amd64'],
  [['linux/amd64 a', 'linux/arm64 a', 'linux/amd64 b'], 'linux/amd64 a, linux/arm64 a, linux/amd64 b'],
  [['linux/amd64 a', 'linux/amd64 b', 'linux/amd64 c'], 'linux/amd64 (3 variants)'],
  [['linux/amd64 a', 'linux/arm64 a', 'linux/amd64 b', 'linux/amd64 c'], 'linux/amd64 (3 variants), linux/arm64 a'],
])('the names of the targets %j', (names, expected) => {
  const targets = names.map((name) => {
    const [on = '', variantName = ''] = name.split(' ')
    return { id: name, variant: variant(variantName), platform: platform(on) }
  })
  expect(targetLabels(targets)).toBe(expected)
})
