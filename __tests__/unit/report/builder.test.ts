import { expect, test } from '@jest/globals'
import { renderBuilder, type BuilderNode } from '../../../src/report/builder.ts'

const amd: BuilderNode = {
  driver: 'docker-container',
  platforms: ['linux/amd64', 'linux/386'],
  spec: { name: 'local', endpoint: { kind: 'local' } },
}
const arm: BuilderNode = {
  driver: 'docker-container',
  platforms: ['linux/arm64', 'linux/386'],
  spec: { name: 'arm', endpoint: { kind: 'ssh', user: 'ci', host: 'arm.example.com', port: 2222 } },
}
const buildkitd: BuilderNode = {
  driver: 'remote',
  platforms: ['linux/riscv64'],
  spec: { name: 'riscv', endpoint: { kind: 'tcp', host: 'riscv', port: 1234 } },
}

test('tells the builder as setup-buildx-action does: each platform once, the nodes in JSON', () => {
  const { nodes, ...rest } = renderBuilder('mab-1', [amd, arm])
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

test('has no one name and driver where engines and buildkitd are mixed', () => {
  const { nodes, ...rest } = renderBuilder('', [amd, buildkitd])
  expect(rest).toEqual({ name: '', driver: '', platforms: 'linux/amd64,linux/386,linux/riscv64' })
  expect(JSON.parse(nodes)).toMatchObject([
    { driver: 'docker-container' },
    { endpoint: 'tcp://riscv:1234', driver: 'remote' },
  ])
})
