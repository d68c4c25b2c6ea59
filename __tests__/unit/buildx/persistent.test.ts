import { expect, test } from '@jest/globals'
import { withDiskLimits } from '../../../src/nodes/disk-limits.ts'
import type { Node } from '../../../src/nodes/node.ts'
import { describeFork } from '../../../src/plan/fork-policy.ts'
import { planKept } from '../../../src/nodes/persistent.ts'

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
  ['limits of its own', '[worker.oci]\ngc = false', undefined],
  ['a policy of its own', '[[worker.oci.gcpolicy]]\nall = true', undefined],
  ['keys with dots', 'worker.oci.enabled = true', undefined],
])('a configuration with %s', (_, given, expected) => expect(withDiskLimits(given)).toBe(expected ?? given))

const spec = {
  name: 'a',
  endpoint: { kind: 'ssh' as const, host: 'a.example.com', port: 22 },
  platforms: [],
  driverOpts: { a: '1', b: '2' },
  buildkitdFlags: [],
  buildkitdConfig: '',
}
const node: Node = { spec, driver: 'docker-container', socket: '/run/1', platforms: [], native: [], took: 1 }
const nameOf = (changed: Partial<Node> = {}, trust: 'trusted' | 'pr' = 'trusted', scope = '01234567') => {
  const { nodes, names } = planKept([{ ...node, ...changed }], { scope, trust })
  return names.get(nodes[0]!)
}

test('a kept daemon has the same name in every run, and another wherever it must not be shared', () => {
  const same = [
    nameOf(),
    nameOf({ socket: '/run/2', took: 9 }),
    nameOf({ spec: { ...spec, driverOpts: { b: '2', a: '1' } } }),
  ]
  expect(new Set(same).size).toBe(1)
  const others = [
    nameOf({}, 'pr'),
    nameOf({}, 'trusted', '89abcdef'),
    nameOf({ spec: { ...spec, buildkitdConfig: 'debug = true' } }),
    nameOf({ spec: { ...spec, driverOpts: { a: '1' } } }),
    nameOf({ spec: { ...spec, buildkitdFlags: ['--debug'] } }),
  ]
  expect(new Set([...same, ...others]).size).toBe(6)
  expect(nameOf({ driver: 'remote' })).toBeUndefined()
})

test('an engine that two lines name has two', () => {
  const { nodes, names } = planKept([node, { ...node }], { scope: '01234567', trust: 'pr' })
  expect(new Set(nodes.map((one) => names.get(one))).size).toBe(2)
})

test('a fork is told what it does without', () => {
  const wishes = { keepBuilder: true, push: true, cache: { kind: 'registry' }, settings: { cacheTo: [] } }
  const daemons = [
    { driver: 'remote', spec: { name: 'own' } },
    { driver: 'docker-container', spec: { name: 'engine' } },
  ]
  expect(describeFork('pr', wishes, daemons)).toEqual({ notes: [], warnings: [] })
  const { notes, warnings } = describeFork('fork', wishes, daemons)
  expect([notes.length, warnings]).toEqual([2, [expect.stringMatching(/^own has a BuildKit/)]])
  expect(describeFork('fork', { ...wishes, keepBuilder: false, push: false }, [])).toEqual({ notes: [], warnings: [] })
})
