import { expect, test } from '@jest/globals'
import { localFallbackNode } from '../../../src/inputs/nodes/node-list.ts'
import { withRegistryConfig } from '../../../src/nodes/registry-config.ts'

test('every daemon that a run starts has the registry settings, also that of the fallback', () => {
  const localFallback = localFallbackNode({ driverOpts: {}, buildkitdConfig: 'debug = true' })
  const buildkitd = { ...localFallback, endpoint: { kind: 'unix' as const, path: '/b.sock' }, buildkitdConfig: '' }
  const hosts = { 'reg.example.com:5000': { ca: '', http: true, insecure: false, mirrors: [] } }
  const told = withRegistryConfig({ nodes: [localFallback, buildkitd], localFallback }, hosts)
  const config = 'debug = true\n[registry."reg.example.com:5000"]\n  http = true\n'
  expect([...told.nodes, told.localFallback].map(({ buildkitdConfig }) => buildkitdConfig)).toEqual([
    config,
    '',
    config,
  ])
  expect(withRegistryConfig({ nodes: [localFallback], localFallback }, {})).toEqual({
    nodes: [localFallback],
    localFallback,
  })
})
