import { expect, test } from '@jest/globals'
import { splitOptions } from '../../../../src/inputs/nodes/daemon-options.ts'
import { readNodes } from '../../../../src/inputs/nodes/node-list.ts'
import { splitRecords } from '../../../../src/lib/lists.ts'
import type { InputIssue } from '../../../../src/lib/issues.ts'

const none = { driverOpts: {}, buildkitdConfig: '' }

async function read(text: string, defaults = none) {
  const mistakes: InputIssue[] = []
  const nodes = await readNodes(text, defaults, (mistake) => mistakes.push(mistake))
  expect(mistakes).toEqual([])
  return nodes
}

test('lines: one endpoint is one node, several nodes may own a platform, names are unique', async () => {
  const nodes = await read(
    '# farm\nlinux/amd64, i386 = local\nlinux/arm64 = ci@arm\nlinux/arm/v7=ssh://ci@arm:22\nlinux/arm64 = ssh://ci@arm:2222\nlinux/arm64 = ssh://[fd00::1]\nlinux/amd64 = unix:///run/b/buildkitd.sock',
  )
  expect(nodes.map(({ name, platforms }) => [name, ...platforms])).toEqual([
    ['local', 'linux/amd64', 'linux/386'],
    ['arm', 'linux/arm64', 'linux/arm/v7'],
    ['arm-2', 'linux/arm64'],
    ['fd00--1', 'linux/arm64'],
    ['buildkitd', 'linux/amd64'],
  ])
})

test('the list of setup-buildx-action', async () => {
  const nodes = await read(
    `- endpoint: ssh://me@graviton2
  platforms: linux/arm64, linux/arm/v7
  driver-opts:
    - image=moby/buildkit:master
    - "env.no_proxy=a,b"
  buildkitd-flags: --debug --allow-insecure-entitlement security.insecure
- name: local
  endpoint: unix:///run/user/1000/podman.sock
- endpoint: ssh://me@s390x
  driver: remote
  platforms: [linux/s390x]
- endpoint: local`,
    { driverOpts: { network: 'host', image: 'x' }, buildkitdConfig: 'debug = true' },
  )
  const common = { driverOpts: { network: 'host', image: 'x' }, buildkitdFlags: [], buildkitdConfig: 'debug = true' }
  expect(nodes).toEqual([
    {
      name: 'graviton2',
      endpoint: { kind: 'ssh', user: 'me', host: 'graviton2', port: 22 },
      platforms: ['linux/arm64', 'linux/arm/v7'],
      driverOpts: { network: 'host', image: 'moby/buildkit:master', 'env.no_proxy': 'a,b' },
      buildkitdFlags: ['--debug', '--allow-insecure-entitlement', 'security.insecure'],
      buildkitdConfig: 'debug = true',
    },
    { ...common, name: 'local', endpoint: { kind: 'engine', path: '/run/user/1000/podman.sock' }, platforms: [] },
    {
      name: 's390x',
      endpoint: { kind: 'ssh', user: 'me', host: 's390x', port: 22, socket: '/run/buildkit/buildkitd.sock' },
      platforms: ['linux/s390x'],
      driverOpts: {},
      buildkitdFlags: [],
      buildkitdConfig: '',
    },
    { ...common, name: 'local-2', endpoint: { kind: 'local' }, platforms: [] },
  ])
})

test.each([
  ['image=moby/buildkit:v0.31.0,network=host', ['image=moby/buildkit:v0.31.0', 'network=host']],
  ['env.A=1,env.B=2', ['env.A=1', 'env.B=2']],
  ['env.no_proxy=localhost,127.0.0.1', ['env.no_proxy=localhost,127.0.0.1']],
  ['"env.no_proxy=a,network=host"', ['env.no_proxy=a,network=host']],
  ['env.OPTS=-Da=b,-Dc=d', ['env.OPTS=-Da=b,-Dc=d']],
  ['nodeselector=a=b,c=d,replicas=2', ['nodeselector=a=b,c=d', 'replicas=2']],
  ['cacert=ca.pem,servername=x', ['cacert=ca.pem', 'servername=x']],
])('options between commas are told from values with commas: %j', (text, expected) => {
  expect(splitOptions(splitRecords('driver-opts', text, () => undefined)).map((entry) => entry.text)).toEqual(expected)
})
