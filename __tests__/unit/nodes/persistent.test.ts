import { expect, test } from '@jest/globals'
import { withDiskLimits } from '../../../src/nodes/buildkitd-config.ts'
import type { Node } from '../../../src/nodes/node.ts'
import { planPersistentBuilders } from '../../../src/nodes/persistent.ts'
import { nodeSpec, testNode } from '../fixtures/nodes.ts'

const limits = 'gc = true\nreservedSpace = "2GB"\nmaxUsedSpace = "20%"\nminFreeSpace = "20%"\n'

test.each([
  ['nothing', '', `[worker.oci]\n${limits}`],
  [
    'other sections',
    'debug = true\n[registry."a"]\nhttp = true',
    `debug = true\n[registry."a"]\nhttp = true\n[worker.oci]\n${limits}`,
  ],
  ['the worker', '[worker.oci]\nmax-parallelism = 2', `[worker.oci]\n${limits}max-parallelism = 2`],
  ['the worker, and then more', '[ worker."oci" ] # ours\n\n[cdi]\n', `[ worker."oci" ] # ours\n${limits}\n[cdi]\n`],
  ['its own limits', '[worker.oci]\ngc = false', undefined],
  ['its own policy', '[[worker.oci.gcpolicy]]\nall = true', undefined],
  ['keys with dots', 'worker.oci.enabled = true', undefined],
])('a configuration with %s', (_, given, expected) => expect(withDiskLimits(given)).toBe(expected ?? given))

const spec = { ...nodeSpec('a', [], 'ssh://a.example.com'), driverOpts: { a: '1', b: '2' } }
const node = testNode('a', [], { spec })
const builderName = (changed: Partial<Node> = {}, trust: 'trusted' | 'pr' = 'trusted', scope = '01234567') => {
  const { nodes, names } = planPersistentBuilders([{ ...node, ...changed }], { scope, trust })
  return names.get(nodes[0]!)
}

test('a persistent builder has the same name in every run, and another if it must not be shared', () => {
  const same = [
    builderName(),
    builderName({ socket: '/run/2', took: 9 }),
    builderName({ spec: { ...spec, driverOpts: { b: '2', a: '1' } } }),
  ]
  expect(new Set(same).size).toBe(1)
  const others = [
    builderName({}, 'pr'),
    builderName({}, 'trusted', '89abcdef'),
    builderName({ spec: { ...spec, buildkitdConfig: 'debug = true' } }),
    builderName({ spec: { ...spec, driverOpts: { a: '1' } } }),
    builderName({ spec: { ...spec, buildkitdFlags: ['--debug'] } }),
  ]
  expect(new Set([...same, ...others]).size).toBe(6)
  const remote = testNode('k', [], { spec: nodeSpec('k', [], 'unix:///run/k.sock') })
  expect(builderName(remote)).toBeUndefined()
})

test('an engine that two lines name has two persistent builders', () => {
  const { nodes, names } = planPersistentBuilders([node, { ...node }], { scope: '01234567', trust: 'pr' })
  expect(new Set(nodes.map((node) => names.get(node))).size).toBe(2)
})
