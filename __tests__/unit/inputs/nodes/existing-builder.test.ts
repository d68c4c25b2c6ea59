import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../../../src/inputs/inputs.ts'
import type { BuilderStore } from '../../../../src/inputs/nodes/existing-builder.ts'
import { InputError } from '../../../../src/lib/issues.ts'
import { knownHost } from '../../fixtures/keys.ts'
import { jobWith } from '../../fixtures/job.ts'

const platform = { os: 'linux', architecture: 'arm64' }
const base64 = (text: string) => Buffer.from(text).toString('base64')
const groups: Readonly<Record<string, unknown>> = {
  warm: {
    Name: 'warm',
    Driver: 'docker-container',
    Dynamic: false,
    Nodes: [
      {
        Name: 'warm0',
        Endpoint: 'unix:///var/run/docker.sock',
        Platforms: null,
        DriverOpts: { network: 'host' },
        Flags: ['--allow-insecure-entitlement=network.host'],
        Files: { 'buildkitd.toml': base64('debug = true\n'), 'certs/r/ca.pem': base64('PEM') },
      },
      {
        Name: 'warm1',
        Endpoint: 'ssh://ci@arm.example.com',
        Platforms: [{ ...platform, variant: 'v8.2' }],
        DriverOpts: null,
        Flags: null,
        Files: null,
      },
      { Name: 'warm2', Endpoint: 'default', Platforms: [] },
      { Name: 'warm3', Endpoint: 'far', Platforms: [platform] },
    ],
  },
  distant: {
    Driver: 'remote',
    Nodes: [
      {
        Name: 'd0',
        Endpoint: 'tcp://buildkitd:1234',
        Platforms: [platform],
        DriverOpts: { cacert: '/etc/ca.pem', cert: '/etc/cert.pem', key: '/etc/key.pem' },
      },
    ],
  },
  silent: { Driver: 'remote', Nodes: [{ Name: 's0', Endpoint: 'unix:///run/b.sock', Platforms: null }] },
  own: { Driver: 'docker', Nodes: [{ Name: 'o0', Endpoint: 'default' }] },
  nowhere: { Driver: 'docker-container', Nodes: [{ Name: 'n0', Endpoint: 'tcp://engine:2375' }] },
  pods: {
    Driver: 'kubernetes',
    Nodes: [
      {
        Name: 'pods0',
        Endpoint: 'kubernetes:///pods?deployment=pods0&kubeconfig=%2Fhome%2Fci%2Fa%3A%2Fhome%2Fci%2Fb',
        Platforms: [platform],
        DriverOpts: { namespace: 'builds' },
        Flags: ['--debug'],
      },
      {
        Name: 'pods1',
        Endpoint: 'kubernetes:///pods?deployment=pods1&kubeconfig=%2Fetc%2Fkube',
        Platforms: [platform],
      },
    ],
  },
  open: {
    Driver: 'remote',
    Nodes: [
      { Name: 'p0', Endpoint: 'tcp://buildkitd:1234', Platforms: [platform], DriverOpts: { cacert: '/etc/ca.pem' } },
    ],
  },
  empty: { Driver: 'remote', Nodes: [] },
}
const store: BuilderStore = {
  list: () => Object.keys(groups),
  read: (name) => (name in groups ? JSON.stringify(groups[name]) : undefined),
  defaultConfig: () => ({ file: '', text: '' }),
  contextHost: (name) => (name === 'far' ? 'ssh://ci@arm.example.com:2222' : undefined),
}

const read = async (given: Readonly<Record<string, string>>) => {
  const [env, event, files] = jobWith({ nodes: '', SSH_AUTH_SOCK: '/agent', ...given })
  return await readInputs(env, event, files, store)
}
const wrong = async (given: Readonly<Record<string, string>>) => {
  const error: unknown = await read(given).catch((thrown: unknown) => thrown)
  return error instanceof InputError
    ? error.issues.map(
        ({ input, given, expected }) => `${input}: ${given === undefined ? '' : `"${given}" `}${expected}`,
      )
    : []
}
const hosts = { 'ssh-known-hosts': [knownHost, knownHost.replace(/^\S+/, '[arm.example.com]:2222')].join('\n') }

describe('builder', () => {
  test('its nodes, with all that its daemons were made with', async () => {
    const { nodes } = await read({ builder: 'warm', ...hosts })
    const rest = { driverOpts: {}, buildkitdFlags: [], buildkitdConfig: '', daemonFiles: {} }
    expect(nodes).toEqual([
      {
        name: 'warm0',
        endpoint: { kind: 'engine', path: '/var/run/docker.sock' },
        platforms: [],
        driverOpts: { network: 'host' },
        buildkitdFlags: ['--allow-insecure-entitlement=network.host'],
        buildkitdConfig: 'debug = true\n',
        daemonFiles: { 'certs/r/ca.pem': 'PEM' },
        existingNodeName: 'warm0',
      },
      {
        ...rest,
        name: 'warm1',
        endpoint: { kind: 'ssh', user: 'ci', host: 'arm.example.com', port: 22 },
        platforms: ['linux/arm64/v8.2'],
        existingNodeName: 'warm1',
      },
      { ...rest, name: 'warm2', endpoint: { kind: 'local' }, platforms: [], existingNodeName: 'warm2' },
      {
        ...rest,
        name: 'warm3',
        endpoint: { kind: 'ssh', user: 'ci', host: 'arm.example.com', port: 2222 },
        platforms: ['linux/arm64'],
        existingNodeName: 'warm3',
      },
    ])
  })

  test('a buildkitd with platforms, one without, and pods', async () => {
    expect((await read({ builder: 'distant' })).nodes).toMatchObject([
      {
        endpoint: { kind: 'tcp', host: 'buildkitd', port: 1234 },
        platforms: ['linux/arm64'],
        driverOpts: { cacert: '/etc/ca.pem' },
      },
    ])
    expect((await read({ builder: 'pods' })).nodes).toMatchObject([
      {
        name: 'pods0',
        endpoint: { kind: 'kubernetes' },
        platforms: ['linux/arm64'],
        driverOpts: { namespace: 'builds' },
        buildkitdFlags: ['--debug'],
        existingNodeName: 'pods0',
      },
      { endpoint: { kind: 'kubernetes', kubeconfig: '/etc/kube' }, existingNodeName: 'pods1' },
    ])
    expect((await read({ builder: 'Distant' })).nodes).toHaveLength(1)
    expect((await read({ builder: 'silent', platforms: 'linux/amd64' })).nodes).toMatchObject([
      { endpoint: { kind: 'unix', path: '/run/b.sock' }, platforms: ['linux/amd64'] },
    ])
  })

  const lists = '`docker buildx ls` on this runner lists warm, distant, silent, own, nowhere, pods, open, empty'
  const without = 'without `builder`, the step creates a builder from `nodes`'
  test.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    [
      'an unknown builder',
      { builder: 'wram' },
      [`builder: "wram" does not exist: ${lists}; did you mean \`warm\`?; ${without}`],
    ],
    ['a path', { builder: '../../etc/passwd' }, [`builder: "../../etc/passwd" does not exist: ${lists}; ${without}`]],
    [
      'another driver',
      { builder: 'own' },
      [
        'builder: "own" has the driver `docker`, and only `docker-container`, `remote` and `kubernetes` can be used: ' +
          'remove `builder`, and the step creates a builder from `nodes`; ' +
          'to use the BuildKit of a Docker Engine, set `driver: docker`',
      ],
    ],
    [
      'an engine without TLS',
      { builder: 'nowhere' },
      [
        'builder: "nowhere" has the node n0 at `tcp://engine:2375`. This runner cannot reach it: ' +
          'list that machine in `nodes`',
      ],
    ],
    [
      'a buildkitd without mutual TLS',
      { builder: 'open' },
      [
        'builder: "open" has the node p0 at `tcp://buildkitd:1234`, without mutual TLS, which this action requires: ' +
          'create it with `cacert`, `cert` and `key` in its driver options',
      ],
    ],
    ['no nodes', { builder: 'empty' }, ['builder: "empty" has no nodes: create it again with `docker buildx create`']],
    [
      'a buildkitd without platforms',
      { builder: 'silent' },
      ['builder: "silent" has the node s0, a buildkitd without platforms: set `platforms`'],
    ],
    [
      'inputs that the builder makes meaningless',
      { builder: 'distant', nodes: 'linux/arm64 = local', 'driver-opts': 'network=host', 'keep-builder': 'true' },
      [
        'nodes: cannot be combined with `builder`, which exists already: remove one of them',
        'driver-opts: cannot be combined with `builder`, which exists already: remove one of them',
        'keep-builder: "true" cannot be combined with `builder`, whose daemons always keep running: remove it',
      ],
    ],
  ])('refused: %s', async (_, given, expected) => expect(await wrong(given)).toEqual(expected))
})
