import { expect, test } from '@jest/globals'
import type { Node } from '../../../src/nodes/node.ts'
import { formatBusyNodes, formatNode, nodeWarnings } from '../../../src/report/log-lines.ts'
import { UserError } from '../../../src/lib/errors.ts'
import { nodeSpec, platform, testNode } from '../fixtures/nodes.ts'

function pod(builds: readonly string[], native: readonly string[]): Node {
  return testNode('pool', builds, {
    spec: nodeSpec('pool', builds, 'kubernetes://'),
    native: native.map(platform),
  })
}

const engine = { version: '28.5.2', os: 'linux', arch: 'amd64', cpus: 4, containerd: true, root: '/var/lib/docker' }

test('a pod is described as created on demand', () => {
  const node = pod(['linux/amd64', 'linux/386'], ['linux/amd64', 'linux/386'])
  expect(formatNode({ spec: node.spec, node })).toBe(
    'pool: Kubernetes pod, created on demand, builds linux/amd64, linux/386',
  )
  expect(nodeWarnings([node, pod(['linux/amd64', 'linux/arm64'], [])])).toEqual([])
})

test('a pod on machines that the user has chosen, and that emulate', () => {
  const machines = 'on machines of another architecture, as its `nodeselector` says'
  expect(nodeWarnings([pod(['linux/amd64', 'linux/arm64'], ['linux/amd64'])]).map(({ text }) => text)).toEqual([
    `pool is ${machines}: it builds linux/arm64 under emulation, as configured. This is slow.`,
  ])
})

test('an engine is described with load, disk, clock and platforms', () => {
  const node = testNode('amd', ['linux/amd64', 'linux/arm64'], {
    engine,
    native: [platform('linux/amd64')],
    machine: { load: 1.82, free: 4.3e9, ahead: 900, emulated: [] },
    took: 182.4,
  })
  expect(formatNode({ spec: node.spec, node })).toBe(
    'amd: Docker 28.5.2, linux/amd64, 4 CPUs, load 1.8, 4.3 GB free, clock ok, ready in 182 ms, ' +
      'builds linux/amd64, linux/arm64 (emulated)',
  )
})

test.each([
  [5200, 'clock +5 s'],
  [-61_000, 'clock -61 s'],
])('a clock that is %i ms ahead', (ahead, expected) => {
  const node = testNode('amd', ['linux/amd64'], { engine: { ...engine, ahead } })
  expect(formatNode({ spec: node.spec, node })).toContain(`, ${expected}, `)
})

test.each([
  [{ client: 29, buildkitd: 31 }, ['The client certificate for arm expires in 29 days: issue a new one and replace']],
  [{ client: 31, buildkitd: 1.5 }, ['The certificate of arm expires in 1 day: issue a new one and restart']],
  [{ client: 30, buildkitd: 365 }, []],
])('certificates that are valid for %o days', ({ client, buildkitd }, expected) => {
  const day = 24 * 3_600_000
  const certificates = { client: client * day, buildkitd: buildkitd * day }
  const notes = nodeWarnings([testNode('arm', ['linux/arm64'], { certificates })])
  expect(notes).toEqual(expected.map((text) => ({ topic: 'certificates', text: expect.stringContaining(text) })))
})

test('an unavailable node is reported with the reason', () => {
  const failure = new UserError({ code: 'node', message: 'arm does not answer', hint: '' })
  expect(formatNode({ spec: nodeSpec('arm', []), failure })).toBe('arm: unavailable: arm does not answer')
})

test('warnings about clock, disk and 32-bit Arm', () => {
  const node = testNode('arm', ['linux/arm64', 'linux/arm/v7'], {
    engine: { ...engine, arch: 'arm64', ahead: -90_000 },
    native: [platform('linux/arm64')],
    machine: { free: 512e6, emulated: [] },
  })
  expect(nodeWarnings([node]).map(({ text }) => text)).toEqual([
    'arm builds linux/arm/v7 natively if its processor runs 32-bit code, and under emulation otherwise.',
    'The clock of arm is 90 s behind: registries may reject its requests. On that machine, run `timedatectl ' +
      'set-ntp true`.',
    'arm has only 512 MB of disk left: run `docker system df` there to see what uses it.',
  ])
})

test('nodes on which other runs build', () => {
  const [amd, arm, idle] = ['amd', 'arm', 'idle'].map((name) => testNode(name, ['linux/amd64']))
  const runs = new Map([
    [amd!, 1],
    [arm!, 3],
    [idle!, 0],
  ])
  expect(formatBusyNodes(runs)).toEqual([
    'amd is busy with another run: scheduling fewer targets there.',
    'arm is busy with 3 other runs: scheduling fewer targets there.',
  ])
})

test('only what a step builds under emulation is a warning', () => {
  const native = [platform('linux/amd64')]
  const node = testNode('amd', ['linux/amd64', 'linux/arm64', 'linux/riscv64'], { engine, native })
  const other = testNode('arm', ['linux/riscv64'])
  const target = (on: Node, built: string) => ({ node: on, platform: platform(built) })
  expect(nodeWarnings([node, other], [target(node, 'linux/amd64'), target(other, 'linux/riscv64')])).toEqual([])
  expect(nodeWarnings([node], [target(node, 'linux/arm64')]).map(({ text }) => text)).toEqual([
    'amd is a linux/amd64 machine: it builds linux/arm64 under emulation, as configured. This is slow.',
  ])
})
