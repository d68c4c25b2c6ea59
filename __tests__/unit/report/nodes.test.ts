import { expect, test } from '@jest/globals'
import type { Node } from '../../../src/nodes/node.ts'
import type { Platform } from '../../../src/lib/platform.ts'
import { describeOutcome, warnOfNodes } from '../../../src/report/nodes.ts'

const platforms = (text: string) => text.split(' ') as Platform[]

function pod(builds: string, native: string): Node {
  const spec = {
    name: 'pool',
    endpoint: { kind: 'kubernetes' as const },
    platforms: platforms(builds),
    driverOpts: {},
    buildkitdFlags: [],
    buildkitdConfig: '',
  }
  return {
    spec,
    driver: 'kubernetes',
    socket: '',
    platforms: spec.platforms,
    native: native === '' ? [] : platforms(native),
    took: 0,
  }
}

test('a pod is told as what it is', () => {
  const node = pod('linux/amd64 linux/386', 'linux/amd64 linux/386')
  expect(describeOutcome({ spec: node.spec, node })).toBe(
    'pool: a pod of a cluster, made when something is built on it, builds linux/amd64, linux/386',
  )
  expect(warnOfNodes([node, pod('linux/amd64 linux/arm64', '')])).toEqual([])
})

test('a pod on machines that the author has chosen, and that emulate', () => {
  expect(warnOfNodes([pod('linux/amd64 linux/arm64', 'linux/amd64')])).toEqual([
    'pool is on machines of another architecture, as its `nodeselector` says: it builds linux/arm64 under emulation, as `nodes` asks. That is slow; a native node is not.',
  ])
})
