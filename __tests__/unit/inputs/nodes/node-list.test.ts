import { expect, test } from '@jest/globals'
import { splitOptions } from '../../../../src/inputs/nodes/daemon-options.ts'
import { parseNodesInput } from '../../../../src/inputs/nodes/node-list.ts'
import { splitRecords } from '../../../../src/lib/lists.ts'
import type { InputIssue } from '../../../../src/lib/issues.ts'

const none = { driverOpts: {}, buildkitdConfig: '' }

async function read(text: string, defaults = none) {
  const issues: InputIssue[] = []
  const nodes = await parseNodesInput(text, defaults, (issue) => issues.push(issue))
  expect(issues).toEqual([])
  return nodes
}

test('lines: one endpoint is one node, several nodes may have a platform, names are unique', async () => {
  const nodes = await read(
    [
      '# farm',
      'linux/amd64, i386 = local',
      'linux/arm64 = ci@arm',
      'linux/arm/v7=ssh://ci@arm:22',
      'linux/arm64 = ssh://ci@arm:2222',
      'linux/arm64 = ssh://[fd00::1]',
      'linux/amd64 = unix:///run/b/buildkitd.sock',
    ].join('\n'),
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
      endpoint: { kind: 'ssh-buildkitd', user: 'me', host: 's390x', port: 22, socket: '/run/buildkit/buildkitd.sock' },
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
])('commas between options are distinguished from commas in values: %j', (text, expected) => {
  expect(splitOptions(splitRecords('driver-opts', text, () => undefined)).map((entry) => entry.text)).toEqual(expected)
})
