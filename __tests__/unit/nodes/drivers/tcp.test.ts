import { describe, expect, test } from '@jest/globals'
import { readInputs, secretsOf } from '../../../../src/inputs/inputs.ts'
import { InputError } from '../../../../src/lib/issues.ts'
import { describeMistakes } from '../../../../src/report/input-issues.ts'
import { world, type Given } from '../../fixtures/world.ts'

const pem = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----'
const tls = { cacert: 'ca.pem', cert: 'cert.pem', key: pem }
const opts = `cacert=ca.pem\ncert=cert.pem\n"key=${pem}"`

describe('nodes behind TCP', () => {
  test.each<[string, Given, unknown]>([
    [
      'options for all nodes',
      { nodes: 'linux/amd64 = local\nlinux/arm64 = tcp://arm:1234', 'driver-opts': `${opts}\nnetwork=host` },
      [{ network: 'host' }, tls],
    ],
    [
      'options of its own',
      {
        nodes: `- endpoint: tcp://arm:1234\n  platforms: linux/arm64\n  driver-opts:\n    - cacert=ca.pem\n    - cert=cert.pem\n    - servername=arm.example.com\n    - |\n      key=${pem.replaceAll('\n', '\n      ')}`,
      },
      [{ ...tls, servername: 'arm.example.com' }],
    ],
  ])('%s', async (_, given, expected) => {
    expect((await readInputs(...world(given))).nodes.map(({ driverOpts }) => driverOpts)).toEqual(expected)
  })

  test('flags for all daemons that we start, the spare one too', async () => {
    const flags = ['--debug', '--allow-insecure-entitlement', 'network.host']
    const { nodes, spare } = await readInputs(
      ...world({
        nodes: 'linux/amd64 = local\nlinux/arm64 = tcp://arm:1234',
        'driver-opts': opts,
        'buildkitd-flags': flags.join(' '),
      }),
    )
    expect(nodes.map(({ buildkitdFlags }) => buildkitdFlags)).toEqual([flags, []])
    expect(spare).toMatchObject({ driverOpts: {}, buildkitdFlags: flags })
  })

  test('their keys are masked', () => {
    expect(secretsOf({ 'INPUT_DRIVER-OPTS': opts })).toContain('MIGHAgEAMBMGByqGSM49')
    expect(secretsOf({ INPUT_NODES: `- driver-opts: |\n    key=${pem.replaceAll('\n', '\n    ')}` })).toContain(
      'MIGHAgEAMBMGByqGSM49',
    )
  })

  test.each<[string, Given, string]>([
    [
      'no certificates',
      { nodes: 'linux/arm64 = tcp://arm:1234', 'driver-opts': 'cacert=ca.pem' },
      'nodes: "tcp://arm:1234" needs `cert`, `key` in its `driver-opts`, PEM or the path of a file: a buildkitd behind TCP is reached by mutual TLS alone',
    ],
    [
      'certificates for an engine',
      { nodes: '- endpoint: ci@arm\n  platforms: linux/arm64\n  driver-opts: cacert=ca.pem', SSH_AUTH_SOCK: '/agent' },
      'nodes: "ssh://ci@arm" is a Docker Engine, and cacert, cert, key, servername are for a buildkitd at `tcp://host:port`: leave them out',
    ],
    ['no flag', { 'buildkitd-flags': 'debug' }, 'buildkitd-flags: "debug" is no flag: write `--debug`, for example'],
    [
      'other options',
      { nodes: 'linux/arm64 = tcp://arm:1234', 'driver-opts': `${opts}\nnetwork=host` },
      'driver-opts: has no effect: every node is a buildkitd that runs already, and is configured where it runs',
    ],
  ])('refused: %s', async (_, given, expected) => {
    const error: unknown = await readInputs(...world(given)).catch((thrown: unknown) => thrown)
    expect(error instanceof InputError && describeMistakes(error.issues)).toContain(expected)
  })
})
