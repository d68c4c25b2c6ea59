import { describe, expect, test } from '@jest/globals'
import type { NodeSpec } from '../../../src/nodes/node-spec.ts'
import { needsImage } from '../../../src/nodes/prefetch.ts'
import { nodeSpec } from '../fixtures/nodes.ts'

const amd = nodeSpec('amd', ['linux/amd64'], 'ssh://ci@amd')
const arm = nodeSpec('arm', ['linux/arm64'], 'ssh://ci@arm')
const needs = (spec: NodeSpec, nodes: readonly NodeSpec[], registry = 'ghcr.io') =>
  needsImage(spec, { nodes, logins: [{ registry, username: 'ci', password: 'x' }], dockerConfig: {} })

describe('needsImage', () => {
  test('a node that is the only one of its platforms', () => {
    expect([needs(amd, [amd, arm]), needs(arm, [amd, arm])]).toEqual([true, true])
  })

  test.each<[string, NodeSpec, readonly NodeSpec[]]>([
    ['shares a platform', amd, [amd, nodeSpec('amd-2', ['linux/amd64'], 'ssh://ci@amd-2')]],
    ['may share a platform', amd, [amd, nodeSpec('any', [], 'ssh://ci@any')]],
    ['is in an existing builder', { ...amd, existingNodeName: 'b0' }, [amd]],
    ['uses the BuildKit of its engine', { ...amd, builtIn: true }, [amd]],
  ])('not a node that %s', (_, spec, nodes) => {
    expect(needs(spec, nodes)).toBe(false)
  })

  test('not an image whose registry has a login', () => {
    expect(needs(amd, [amd], 'docker.io')).toBe(false)
    expect(needs({ ...amd, driverOpts: { image: 'quay.io/buildkit' } }, [amd], 'docker.io')).toBe(true)
  })
})
