import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  expandNode,
  clusterEndpoint,
  nativeInCluster,
  withManagedByLabel,
} from '../../../../src/nodes/drivers/kubernetes.ts'
import { parseNodesInput } from '../../../../src/inputs/nodes/node-list.ts'
import type { InputIssue } from '../../../../src/lib/issues.ts'
import type { Platform } from '../../../../src/lib/platform.ts'

const platforms = (text: string) => text.split(' ') as Platform[]
const draft = (text: string, driverOpts: Readonly<Record<string, string>> = {}, name?: string) => ({
  endpoint: { kind: 'kubernetes' as const },
  platforms: platforms(text),
  driverOpts,
  buildkitdFlags: [],
  ...(name !== undefined && { name }),
})
const summary = (pods: ReturnType<typeof expandNode>) =>
  pods.map(({ name, base, platforms, driverOpts }) => [
    name ?? `${base}…`,
    platforms.join(' '),
    driverOpts['nodeselector'] ?? '',
  ])

describe('pods of a cluster', () => {
  test.each<[string, ReturnType<typeof draft>, unknown]>([
    [
      'one for each architecture, on its machines',
      draft('linux/amd64 linux/arm64 linux/386 linux/arm/v7 linux/s390x'),
      [
        ['kubernetes-amd64…', 'linux/amd64 linux/386', 'kubernetes.io/arch=amd64'],
        ['kubernetes-arm64…', 'linux/arm64 linux/arm/v7', 'kubernetes.io/arch=arm64'],
        ['kubernetes-s390x…', 'linux/s390x', 'kubernetes.io/arch=s390x'],
      ],
    ],
    [
      "in addition to the user's selector",
      draft('linux/arm64', { nodeselector: '"pool=builds,disk=fast"' }),
      [['kubernetes-arm64…', 'linux/arm64', 'pool=builds,disk=fast,kubernetes.io/arch=arm64']],
    ],
    [
      'not if the user selects an architecture',
      draft('linux/amd64 linux/arm64', { nodeselector: 'kubernetes.io/arch=amd64' }),
      [['kubernetes…', 'linux/amd64 linux/arm64', 'kubernetes.io/arch=amd64']],
    ],
    [
      'not if emulation is requested',
      draft('linux/amd64 linux/arm64', { 'qemu.install': 'true' }),
      [['kubernetes…', 'linux/amd64 linux/arm64', '']],
    ],
    ['with its name', draft('linux/arm64', {}, 'farm'), [['farm', 'linux/arm64', 'kubernetes.io/arch=arm64']]],
    [
      'with a name for each',
      draft('linux/amd64 linux/arm64', {}, 'farm'),
      [
        ['farm-amd64…', 'linux/amd64', 'kubernetes.io/arch=amd64'],
        ['farm-arm64…', 'linux/arm64', 'kubernetes.io/arch=arm64'],
      ],
    ],
    [
      'replicas are nodes',
      draft('linux/arm64', { replicas: '2' }, 'farm'),
      [
        ['farm', 'linux/arm64', 'kubernetes.io/arch=arm64'],
        ['farm…', 'linux/arm64', 'kubernetes.io/arch=arm64'],
      ],
    ],
  ])('%s', (_, given, expected) => expect(summary(expandNode(given))).toEqual(expected))

  test('every platform has a pod, natively, as many as requested', () => {
    const platform = fc.constantFrom(
      ...platforms('linux/amd64 linux/arm64 linux/386 linux/arm/v7 linux/riscv64 linux/ppc64le'),
    )
    fc.assert(
      fc.property(fc.uniqueArray(platform, { minLength: 1 }), fc.integer({ min: 1, max: 20 }), (list, replicas) => {
        const pods = expandNode(draft(list.join(' '), { replicas: String(replicas), loadbalance: 'random' }))
        for (const one of list) expect(pods.filter(({ platforms }) => platforms.includes(one))).toHaveLength(replicas)
        for (const { platforms, driverOpts } of pods) {
          expect(nativeInCluster(platforms, driverOpts)).toEqual(platforms)
          expect(Object.keys(driverOpts)).toEqual(['nodeselector'])
        }
      }),
    )
  })

  test('native platforms are known if the architecture is', () => {
    expect(nativeInCluster(platforms('linux/amd64 linux/arm64'), { nodeselector: 'kubernetes.io/arch=amd64' })).toEqual(
      ['linux/amd64'],
    )
    expect(nativeInCluster(platforms('linux/amd64'), {})).toEqual([])
  })

  test('names are unique, and each node gets the options that its driver accepts', async () => {
    const mistakes: InputIssue[] = []
    const nodes = await parseNodesInput(
      'linux/amd64, linux/arm64 = kubernetes://\nlinux/arm64 = kubernetes:///etc/other\nlinux/amd64 = local',
      {
        driverOpts: { image: 'i', namespace: 'builds', network: 'host', 'env.A': 'b' },
        buildkitdConfig: 'debug = true',
      },
      (mistake) => mistakes.push(mistake),
    )
    expect(mistakes).toEqual([])
    const own = { image: 'i', namespace: 'builds', 'env.A': 'b' }
    expect(nodes.map(({ name, driverOpts, buildkitdConfig }) => [name, driverOpts, buildkitdConfig])).toEqual([
      ['kubernetes-amd64', { ...own, nodeselector: 'kubernetes.io/arch=amd64' }, 'debug = true'],
      ['kubernetes-arm64', { ...own, nodeselector: 'kubernetes.io/arch=arm64' }, 'debug = true'],
      ['kubernetes-arm64-2', { ...own, nodeselector: 'kubernetes.io/arch=arm64' }, 'debug = true'],
      ['local', { image: 'i', network: 'host', 'env.A': 'b' }, 'debug = true'],
    ])
  })
})

test('endpoint and labels in the format of buildx', () => {
  expect([clusterEndpoint(undefined), clusterEndpoint('/a b/c')]).toEqual([
    'kubernetes:///',
    'kubernetes:///?kubeconfig=%2Fa+b%2Fc',
  ])
  expect(withManagedByLabel({})['labels']).toBe('app.kubernetes.io/managed-by=multiarch-build')
  expect(withManagedByLabel({ labels: '"team=a,app.kubernetes.io/managed-by=me"' })['labels']).toBe(
    'team=a,app.kubernetes.io/managed-by=multiarch-build',
  )
})
