import { expect, test } from '@jest/globals'
import { spareNode } from '../../../src/inputs/nodes/node-list.ts'
import { tellRegistries } from '../../../src/inputs/registries.ts'

test('every daemon that we start knows the registries, that of the fallback too', () => {
  const spare = spareNode({ driverOpts: {}, buildkitdConfig: 'debug = true' })
  const buildkitd = { ...spare, endpoint: { kind: 'unix' as const, path: '/b.sock' }, buildkitdConfig: '' }
  const hosts = { 'reg.example.com:5000': { ca: '', http: true, insecure: false, mirrors: [] } }
  const told = tellRegistries({ nodes: [spare, buildkitd], spare }, hosts)
  const config = 'debug = true\n[registry."reg.example.com:5000"]\n  http = true\n'
  expect([...told.nodes, told.spare].map(({ buildkitdConfig }) => buildkitdConfig)).toEqual([config, '', config])
  expect(tellRegistries({ nodes: [spare], spare }, {})).toEqual({ nodes: [spare], spare })
})
