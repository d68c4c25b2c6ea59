import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../../../src/inputs/inputs.ts'
import { secretsToMask } from '../../../../src/inputs/secrets-to-mask.ts'
import { InputError } from '../../../../src/lib/issues.ts'
import { formatInputIssues } from '../../../../src/report/input-issues.ts'
import { certificate, jobWith, type Given } from '../../fixtures/job.ts'

const pem = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----'
const tls = { cacert: certificate, cert: certificate, key: pem }
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
        nodes: [
          '- endpoint: tcp://arm:1234',
          '  platforms: linux/arm64',
          '  driver-opts:',
          '    - cacert=ca.pem',
          '    - cert=cert.pem',
          '    - servername=arm.example.com',
          `    - |\n      key=${pem.replaceAll('\n', '\n      ')}`,
        ].join('\n'),
      },
      [{ ...tls, servername: 'arm.example.com' }],
    ],
  ])('%s', async (_, given, expected) => {
    expect((await readInputs(...jobWith(given))).nodes.map(({ driverOpts }) => driverOpts)).toEqual(expected)
  })

  test('flags apply to all daemons that buildx starts, and to the local fallback', async () => {
    const flags = ['--debug', '--allow-insecure-entitlement', 'network.host']
    const { nodes, localFallback } = await readInputs(
      ...jobWith({
        nodes: 'linux/amd64 = local\nlinux/arm64 = tcp://arm:1234',
        'driver-opts': opts,
        'buildkitd-flags': flags.join(' '),
      }),
    )
    expect(nodes.map(({ buildkitdFlags }) => buildkitdFlags)).toEqual([flags, []])
    expect(localFallback).toMatchObject({ driverOpts: {}, buildkitdFlags: flags })
  })

  test('their keys are masked', () => {
    expect(secretsToMask({ 'INPUT_DRIVER-OPTS': opts })).toContain('MIGHAgEAMBMGByqGSM49')
    expect(secretsToMask({ INPUT_NODES: `- driver-opts: |\n    key=${pem.replaceAll('\n', '\n    ')}` })).toContain(
      'MIGHAgEAMBMGByqGSM49',
    )
  })

  test.each<[string, Given, string]>([
    [
      'no certificates',
      { nodes: 'linux/arm64 = tcp://arm:1234', 'driver-opts': 'cacert=ca.pem' },
      'nodes: "tcp://arm:1234" needs `cert`, `key` in its `driver-opts`, PEM or the path of a file: ' +
        'a buildkitd behind TCP is reached by mutual TLS only',
    ],
    [
      'certificates for an engine',
      { nodes: '- endpoint: ci@arm\n  platforms: linux/arm64\n  driver-opts: cacert=ca.pem', SSH_AUTH_SOCK: '/agent' },
      'nodes: "ssh://ci@arm" is a Docker Engine, and cacert, cert, key, servername are for a buildkitd at ' +
        '`tcp://host:port`: remove them',
    ],
    ['no flag', { 'buildkitd-flags': 'debug' }, 'buildkitd-flags: "debug" is not a flag: write `--debug`, for example'],
    [
      'other options',
      { nodes: 'linux/arm64 = tcp://arm:1234', 'driver-opts': `${opts}\nnetwork=host` },
      'driver-opts: has no effect: every node is a buildkitd that runs already, and is configured where it runs',
    ],
  ])('refused: %s', async (_, given, expected) => {
    const error: unknown = await readInputs(...jobWith(given)).catch((thrown: unknown) => thrown)
    expect(error instanceof InputError && formatInputIssues(error.issues)).toContain(expected)
  })
})
