import { expect, test } from '@jest/globals'
import { parseEndpoint } from '../../../src/nodes/endpoint.ts'
import { renderBuilderOutputs, type BuilderNode } from '../../../src/report/builder-outputs.ts'

const engine = { name: 'docker-container' } as const
const amd: BuilderNode = {
  driver: engine,
  platforms: ['linux/amd64', 'linux/386'],
  spec: { name: 'local', endpoint: parseEndpoint('local')! },
}
const arm: BuilderNode = {
  driver: engine,
  platforms: ['linux/arm64', 'linux/386'],
  spec: { name: 'arm', endpoint: parseEndpoint('ssh://ci@arm.example.com:2222')! },
}
const buildkitd: BuilderNode = {
  driver: { name: 'remote' },
  platforms: ['linux/riscv64'],
  spec: { name: 'riscv', endpoint: parseEndpoint('tcp://riscv:1234')! },
}

test('the outputs of docker/setup-buildx-action: each platform once, the nodes as JSON', () => {
  const { nodes, ...rest } = renderBuilderOutputs({ name: 'mab-1', driver: 'docker-container' }, [amd, arm])
  expect(rest).toEqual({ name: 'mab-1', driver: 'docker-container', platforms: 'linux/amd64,linux/386,linux/arm64' })
  expect(JSON.parse(nodes)).toEqual([
    { name: 'local', endpoint: 'local', driver: 'docker-container', platforms: 'linux/amd64,linux/386' },
    {
      name: 'arm',
      endpoint: 'ssh://ci@arm.example.com:2222',
      driver: 'docker-container',
      platforms: 'linux/arm64,linux/386',
    },
  ])
})

test('name and driver are empty if engines and buildkitd are mixed', () => {
  const { nodes, ...rest } = renderBuilderOutputs({ name: '', driver: '' }, [amd, buildkitd])
  expect(rest).toEqual({ name: '', driver: '', platforms: 'linux/amd64,linux/386,linux/riscv64' })
  expect(JSON.parse(nodes)).toMatchObject([
    { driver: 'docker-container' },
    { endpoint: 'tcp://riscv:1234', driver: 'remote' },
  ])
})
