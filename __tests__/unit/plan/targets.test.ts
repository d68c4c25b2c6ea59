import { describe, expect, test } from '@jest/globals'
import type { Inputs } from '../../../src/inputs/inputs.ts'
import type { Node } from '../../../src/nodes/node.ts'
import { parsePlatform, type Platform } from '../../../src/lib/platform.ts'
import { planTargets as plan } from '../../../src/plan/targets.ts'
import type { VariantSpec } from '../../../src/inputs/variant-spec.ts'

const platform = (text: string): Platform => parsePlatform(text)!
const node = (name: string, ...platforms: string[]): Node => ({
  spec: {
    name,
    endpoint: { kind: 'unix', path: `/${name}` },
    platforms: platforms.map(platform),
    driverOpts: {},
    buildkitdFlags: [],
    buildkitdConfig: '',
  },
  driver: 'docker-container',
  socket: `/${name}.sock`,
  platforms: platforms.map(platform),
  native: platforms.map(platform),
  took: 0,
})
const variant = (name: string, fields: Partial<VariantSpec> = {}): VariantSpec => ({
  name,
  images: [{ registry: 'ghcr.io', path: 'acme/app' }],
  tags: [],
  platforms: [],
  context: '/w',
  buildArgs: {},
  labels: {},
  annotations: [],
  version: '',
  ...fields,
})
const cache = { kind: 'registry' } as const
const planTargets = ({ variants, cache: kept }: Pick<Inputs, 'variants' | 'cache'>, nodes: readonly Node[]) =>
  plan(
    { variants, cache: kept, fallback: ['fail'] },
    nodes.map((one) => ({ spec: one.spec, node: one })),
    'none',
  )

describe('planTargets', () => {
  const nodes = [node('amd', 'linux/amd64'), node('arm', 'linux/arm64', 'linux/arm/v7')]

  test('one target a variant and platform, each with its node and cache', () => {
    const { targets } = planTargets({ variants: [variant('slim')], cache }, nodes)
    expect(targets.map(({ id, node: { spec }, cache: kept }) => [id, spec.name, kept?.from[0]])).toEqual([
      ['slim-linux-amd64', 'amd', 'type=registry,ref=ghcr.io/acme/app:buildcache-slim-linux-amd64'],
      ['slim-linux-arm64', 'arm', 'type=registry,ref=ghcr.io/acme/app:buildcache-slim-linux-arm64'],
      ['slim-linux-arm-v7', 'arm', 'type=registry,ref=ghcr.io/acme/app:buildcache-slim-linux-arm-v7'],
    ])
  })

  test('names that bake takes, whatever the platform', () => {
    const { targets } = planTargets({ variants: [variant('a.b')], cache }, [
      node('arm', 'linux/arm64/v8.1', 'linux/arm64/v9.2'),
    ])
    expect(targets.map(({ id, cache: kept }) => [id, kept?.name])).toEqual([
      ['a_b_0-linux-arm64-v8_1', 'ghcr.io/acme/app:buildcache-a.b-linux-arm64-v8.1'],
      ['a_b_0-linux-arm64-v9_2', 'ghcr.io/acme/app:buildcache-a.b-linux-arm64-v9.2'],
    ])
  })

  test('a node is one lane, and a node without work none', () => {
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

  test('variants are shared out among the nodes of a platform, the same way each time', () => {
    const twins = [node('arm-1', 'linux/arm64'), node('arm-2', 'linux/arm64')]
    const choice = (names: readonly string[], nodes = twins) =>
      planTargets({ variants: names.map((name) => variant(name)), cache }, nodes).targets.map(
        (target) => target.node.spec.name,
      )
    expect(choice(['a', 'b', 'c', 'd']).sort()).toEqual(['arm-1', 'arm-1', 'arm-2', 'arm-2'])
    expect(choice(['a', 'b', 'c'])).toEqual(choice(['a', 'b', 'c']))
    expect(choice(['a', 'b', 'c'])).toEqual(choice(['a', 'b', 'c'], [...twins].reverse()))
  })

  test('a platform that nobody owns is refused, with what the nodes own', () => {
    const wanted = variant('a', { platforms: [platform('linux/riscv64')] })
    expect(() => planTargets({ variants: [wanted], cache }, nodes)).toThrow(/platforms: no node builds linux\/riscv64/)
  })

  test('names that bake would refuse are changed, and stay apart', () => {
    const { targets } = planTargets({ variants: [variant('a.b'), variant('a_b')], cache: { kind: 'off' } }, [
      node('amd', 'linux/amd64'),
    ])
    const ids = targets.map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
    expect(ids.every((id) => /^[A-Za-z0-9_-]+$/.test(id))).toBe(true)
    expect(targets.every((target) => target.cache === undefined)).toBe(true)
  })

  test('without image there is no place for a cache', () => {
    expect(
      planTargets({ variants: [variant('', { images: [] })], cache }, nodes).targets.every(
        (target) => target.cache === undefined,
      ),
    ).toBe(true)
  })
})
