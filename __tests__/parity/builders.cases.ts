import type { Given } from '../unit/fixtures/job.ts'

const engine = { kind: 'local' }
const podman = '- endpoint: unix:///run/podman.sock\n  platforms: linux/arm64'
const socket = { kind: 'unix', path: '/run/b.sock' }
const tls = 'cacert=/ca.pem\ncert=/cert.pem\nkey=/key.pem'

/** Inputs of docker/setup-buildx-action → fields of the first node; a text: the inputs that are wrong. */
export const builders: readonly (readonly [given: Given, expected: Readonly<Record<string, unknown>> | string])[] = [
  [{}, { endpoint: engine, driverOpts: {}, buildkitdFlags: [], buildkitdConfig: '' }],
  [{ driver: 'docker-container' }, { endpoint: engine }],
  [{ driver: 'docker' }, { endpoint: engine, builtIn: true }],
  [{ driver: 'kubernetes', platforms: 'linux/amd64' }, { endpoint: { kind: 'kubernetes' } }],
  [
    { driver: 'kubernetes', platforms: 'linux/amd64', 'driver-opts': 'namespace=ci\nreplicas=1' },
    { driverOpts: { namespace: 'ci' } },
  ],
  [{ driver: 'remote', endpoint: 'unix:///run/b.sock', platforms: 'linux/amd64' }, { endpoint: socket }],
  [
    { driver: 'remote', endpoint: 'tcp://h:1234', 'driver-opts': tls, platforms: 'linux/amd64' },
    { endpoint: { kind: 'tcp', host: 'h', port: 1234 } },
  ],
  [{ driver: 'remote' }, 'driver'],
  [{ driver: 'nonsense' }, 'driver'],
  [{ endpoint: 'unix:///var/run/docker.sock' }, { endpoint: { kind: 'engine', path: '/var/run/docker.sock' } }],
  [
    { endpoint: 'unix:///run/user/1000/docker.sock' },
    { endpoint: { kind: 'engine', path: '/run/user/1000/docker.sock' } },
  ],
  [{ endpoint: 'nonsense' }, 'endpoint'],
  [{ 'driver-opts': 'image=moby/buildkit:master' }, { driverOpts: { image: 'moby/buildkit:master' } }],
  [{ 'driver-opts': 'network=host\nimage=a' }, { driverOpts: { network: 'host', image: 'a' } }],
  [{ 'driver-opts': 'image=a,network=host' }, { driverOpts: { network: 'host', image: 'a' } }],
  [{ 'driver-opts': 'env.HTTP_PROXY=http://p:1' }, { driverOpts: { 'env.HTTP_PROXY': 'http://p:1' } }],
  [{ 'driver-opts': '"env.no_proxy=localhost,127.0.0.1"' }, { driverOpts: { 'env.no_proxy': 'localhost,127.0.0.1' } }],
  [{ 'driver-opts': 'memory=2g\ncpu-quota=50000' }, { driverOpts: { memory: '2g', 'cpu-quota': '50000' } }],
  [{ 'driver-opts': 'nonsense=1' }, 'driver-opts'],
  [{ 'buildkitd-flags': '--debug' }, { buildkitdFlags: ['--debug'] }],
  [
    { 'buildkitd-flags': '--allow-insecure-entitlement security.insecure --debug' },
    { buildkitdFlags: ['--allow-insecure-entitlement', 'security.insecure', '--debug'] },
  ],
  [{ 'buildkitd-flags': 'debug' }, 'buildkitd-flags'],
  [{ 'buildkitd-config': 'buildkitd.toml' }, { buildkitdConfig: 'debug = true' }],
  [{ 'buildkitd-config': '/w/buildkitd.toml' }, { buildkitdConfig: 'debug = true' }],
  [{ 'buildkitd-config': 'none.toml' }, 'buildkitd-config'],
  [
    { 'buildkitd-config-inline': '[worker.oci]\n  max-parallelism = 4' },
    {
      buildkitdConfig: '[worker.oci]\n  max-parallelism = 4',
    },
  ],
  [{ 'buildkitd-config': 'buildkitd.toml', 'buildkitd-config-inline': 'debug = true' }, 'buildkitd-config'],
  [{ append: podman }, { endpoint: { kind: 'engine', path: '/run/podman.sock' }, platforms: ['linux/arm64'] }],
  [{ append: `${podman}\n  name: first` }, { name: 'first' }],
  [{ append: `${podman}\n  buildkitd-flags: --debug` }, { buildkitdFlags: ['--debug'] }],
  [{ append: `${podman}\n  buildkitd-flags: --debug`, 'buildkitd-flags': '--trace' }, { buildkitdFlags: ['--debug'] }],
  [{ append: `${podman}\n  driver-opts: [network=host]` }, { driverOpts: { network: 'host' } }],
  [{ append: 'nonsense' }, 'append'],
  [{ append: '- endpoint: local\n  nonsense: 1' }, 'append'],
  [{ append: '- endpoint: [1]' }, 'append'],
]
