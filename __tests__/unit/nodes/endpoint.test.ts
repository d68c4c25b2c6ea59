import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formatEndpoint, hidePassword, parseEndpoint } from '../../../src/nodes/endpoint.ts'

describe('every spelling', () => {
  test.each([
    ['local', { kind: 'local' }],
    ['ci@arm', { kind: 'ssh', user: 'ci', host: 'arm', port: 22 }],
    ['ci@arm:2222', { kind: 'ssh', user: 'ci', host: 'arm', port: 2222 }],
    ['ssh://arm', { kind: 'ssh', host: 'arm', port: 22 }],
    ['ssh://arm:2222', { kind: 'ssh', host: 'arm', port: 2222 }],
    ['SSH://ci@ARM.Example.com/', { kind: 'ssh', user: 'ci', host: 'arm.example.com', port: 22 }],
    ['ssh://ci@[fd00::1]:2222', { kind: 'ssh', user: 'ci', host: 'fd00::1', port: 2222 }],
    ['ssh://ci@[FD00:0:0::0001]:2222', { kind: 'ssh', user: 'ci', host: 'fd00::1', port: 2222 }],
    ['ci@[fd00::1]', { kind: 'ssh', user: 'ci', host: 'fd00::1', port: 22 }],
    ['ssh://ci@10.0.0.1', { kind: 'ssh', user: 'ci', host: '10.0.0.1', port: 22 }],
    [
      'ssh://ci@host/run/buildkit/buildkitd.sock',
      { kind: 'ssh-buildkitd', user: 'ci', host: 'host', port: 22, socket: '/run/buildkit/buildkitd.sock' },
    ],
    [
      'ssh://ci@[::1]:22/run/b.sock',
      { kind: 'ssh-buildkitd', user: 'ci', host: '::1', port: 22, socket: '/run/b.sock' },
    ],
    ['unix:///run/buildkit/buildkitd.sock', { kind: 'unix', path: '/run/buildkit/buildkitd.sock' }],
    ['unix:///var/run/docker.sock', { kind: 'engine', path: '/var/run/docker.sock' }],
    ['tcp://arm:1234', { kind: 'tcp', host: 'arm', port: 1234 }],
    ['tcp://[::1]:1234/', { kind: 'tcp', host: '::1', port: 1234 }],
  ])('%s', (text, expected) => {
    const endpoint = parseEndpoint(text)
    expect(endpoint).toEqual(expected)
    expect(parseEndpoint(formatEndpoint(endpoint!))).toEqual(expected)
  })
})

test('no text throws, and what is accepted has no character that ssh or a shell would interpret', () => {
  const piece = fc.constantFrom(
    'ssh://',
    'tcp://',
    'unix://',
    '@',
    ':',
    '/',
    '-',
    '-o',
    'ProxyCommand',
    '%h',
    '[',
    ']',
    '::1',
    '22',
    'ci',
    'arm',
    ' ',
    '\n',
    ';',
    '$(',
    '`',
    '..',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(piece, { maxLength: 8 }).map((parts) => parts.join('')),
      ),
      (text) => {
        const issues: string[] = []
        const endpoint = parseEndpoint(text, (expected) => issues.push(expected))
        expect(issues).toHaveLength(endpoint ? 0 : 1)
        if (!endpoint) return
        expect(parseEndpoint(formatEndpoint(endpoint))).toEqual(endpoint)
        for (const value of Object.values(endpoint))
          expect(String(value)).toMatch(/^[A-Za-z0-9_/:][A-Za-z0-9._@+/:-]*$/)
      },
    ),
    { numRuns: 2000 },
  )
})

test.each([
  ['ssh://ci:pw@arm', 'ssh://ci:***@arm'],
  ['linux/arm64 = ci:p@w:x/y@arm:22', 'linux/arm64 = ci:***@arm:22'],
  ['- endpoint: ssh://ci:pw@arm', '- endpoint: ssh://ci:***@arm'],
  ['{endpoint: "ssh://ci:pw@arm"}', '{endpoint: "ssh://ci:***@arm"}'],
  ['ssh://ci@[fd00::1]:22', 'ssh://ci@[fd00::1]:22'],
])('%s is printed as %s', (text, expected) => {
  expect(hidePassword(text)).toBe(expected)
})
