import { describe, expect, test } from '@jest/globals'
import { Diagnostics } from '../../../../src/inputs/diagnostics.ts'
import { parseSshConfig } from '../../../../src/inputs/nodes/ssh-config.ts'
import { createSource } from '../../../../src/inputs/source.ts'
import { formatSshConfig, type SshTarget } from '../../../../src/nodes/ssh/config.ts'
import { event } from '../../fixtures/job.ts'

const files = {
  exists: (path: string) => path === '/w/ci-cert.pub',
  read: () => 'ssh-ed25519-cert-v01@openssh.com AAAA',
}

function read(text: string, env = {}) {
  const issues: string[] = []
  const diagnostics = new Diagnostics()
  const { resolve } = parseSshConfig({
    ...createSource({ env: { ...env, 'INPUT_SSH-CONFIG': text }, event, files, diagnostics }),
    report: ({ expected }) => issues.push(expected),
  })
  return { resolve, issues }
}

function resolved(text: string, target: SshTarget = { host: 'build', port: 22 }): SshTarget {
  const { resolve, issues } = read(text)
  const found = resolve(target)
  expect(issues).toEqual([])
  return found
}

describe('parseSshConfig: as in ssh', () => {
  test('the first value of an option counts, from all blocks that match', () => {
    const text = 'Host other\n User root\nHost build\n User first\n User second\nHost b*\n User third\n Port 2200'
    expect(resolved(text)).toEqual({ host: 'build', port: 2200, user: 'first' })
  })

  test('settings before the first Host are for all hosts', () => {
    expect(resolved('User ci\nHost build\n User late')).toMatchObject({ user: 'ci' })
  })

  test('keywords in any case, `=`, quotes and comments are read', () => {
    const text = '# nodes\nHOST "build"\n  hostname = "10.0.0.5"\n\tUSER=ci'
    expect(resolved(text)).toEqual({ host: 'build', port: 22, hostName: '10.0.0.5', user: 'ci' })
  })

  test('a negated pattern excludes a host', () => {
    expect(resolved('Host * !build\n User ci')).toEqual({ host: 'build', port: 22 })
  })

  test('%h is the name in `nodes`', () => {
    expect(resolved('Host build\n HostName %h.internal')).toMatchObject({ hostName: 'build.internal' })
  })

  test('user and port of the endpoint win', () => {
    const text = 'Host build\n User ci\n Port 2200'
    expect(resolved(text, { host: 'build', port: 2222, user: 'me' })).toMatchObject({ port: 2222, user: 'me' })
  })

  test('a host that no block names is unchanged', () => {
    expect(resolved('Host other\n User ci')).toEqual({ host: 'build', port: 22 })
  })

  test('jump hosts have settings and jump hosts of their own', () => {
    const text = [
      'Host build\n ProxyJump inner,me@[fd00::1]:2222',
      'Host inner\n HostName 10.0.0.1\n User ci\n ProxyJump outer',
      'Host outer\n HostKeyAlias gateway\n ProxyJump none',
    ].join('\n')
    expect(resolved(text).jumps).toEqual([
      { host: 'outer', port: 22, hostKeyAlias: 'gateway' },
      { host: 'inner', port: 22, hostName: '10.0.0.1', user: 'ci' },
      { host: 'fd00::1', port: 2222, user: 'me' },
    ])
  })

  test('a certificate is a path of the workspace', () => {
    expect(resolved('Host build\n CertificateFile ci-cert.pub')).toMatchObject({ certificate: '/w/ci-cert.pub' })
  })
})

describe('parseSshConfig rejects', () => {
  test.each([
    ['Host build\n  ProxyCommand nc %h 22', 'in line 2 runs a command: use `ProxyJump`'],
    ['LocalCommand id', 'in line 1 runs a command: remove it'],
    ['KnownHostsCommand /bin/cat', 'in line 1 runs a command: put the keys into `ssh-known-hosts`'],
    ['Match exec "id"', 'in line 1 is not supported: use `Host`'],
    ['Include ~/.ssh/other', 'in line 1 is not supported: write the lines of that file here'],
    ['IdentityFile ~/.ssh/id', 'in line 1 is not supported: put the key into `ssh-private-key`'],
    ['StrictHostKeyChecking no', 'in line 1 is not supported: host keys are always checked'],
    ['HostNmae x', 'in line 1 is not supported; did you mean `HostName`?: only Host, HostName, Port, User, '],
    ['ForwardAgent yes', 'in line 1 is not supported: only Host, HostName, Port, User, ProxyJump, HostKeyAlias, '],
    ['Host', 'in line 1 is not a setting: write `Name value`'],
    ['HostName -oProxyCommand=id', 'in line 1 has a host that begins with `-`'],
    ['HostName a b', 'in line 1 has no valid host'],
    ['HostName "a\'b"', 'in line 1 has no valid host'],
    ['Port 99999', 'in line 1 has no valid port'],
    ['User -oProxyCommand=id', 'in line 1 has no valid user'],
    ['ProxyJump a,-x', 'in line 1 has a host that begins with `-`'],
    ['ProxyJump a/b', 'in line 1 has no valid host'],
    ['CertificateFile ${HOME}/x', 'in line 1 has a path with'],
    ['CertificateFile none-such.pub', 'was not found: /w/none-such.pub'],
    ['Host build\n ProxyJump build', 'has a `ProxyJump` that leads back'],
    ['Host build\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a', 'has a `ProxyJump` that leads back'],
  ])('%s', (text, expected) => {
    const { resolve, issues } = read(text)
    resolve({ host: 'build', port: 22 })
    expect(issues).toEqual([expect.stringContaining(expected)])
  })
})

test('formatSshConfig: each jump host is a host of the same file, and the control socket is for the node', () => {
  const text = formatSshConfig(
    { host: 'build', port: 22, hostName: '10.0.0.5', jumps: [{ host: 'outer', port: 2200, user: 'ci' }] },
    { agent: '/d/agent.sock', knownHosts: '/d/known_hosts', control: '/d/n0.ctl' },
  )
  const [node = '', jump = '', all = ''] = text.split(/^Host /m).slice(1)
  expect(node).toMatch(/^node\n {2}HostName 10\.0\.0\.5\n {2}Port 22\n {2}ProxyJump jump0\n {2}ControlPath /)
  expect(jump).toBe('jump0\n  HostName outer\n  Port 2200\n  User ci\n')
  expect(all).toMatch(/^\*\n[^]*StrictHostKeyChecking yes\n/)
  expect(all).not.toContain('Control')
})

describe('keys of a user', () => {
  const text = 'Host build\n IdentityFile /k/a\n IdentityFile /k/b c\n IdentitiesOnly yes\n IdentityAgent /run/a.sock'

  test('are read for the command line', () => {
    const { resolve, issues } = read(text, { MULTIARCH_BUILD_COMMAND_LINE: 'true' })
    expect(issues).toEqual([])
    expect(resolve({ host: 'build', port: 22 })).toEqual({
      host: 'build',
      port: 22,
      identityFiles: ['/k/a', '/k/b c'],
      identitiesOnly: true,
      identityAgent: '/run/a.sock',
    })
  })

  test('are no files of a CI job', () => {
    expect(read(text).issues).toEqual([
      expect.stringContaining('put the key into `ssh-private-key`'),
      expect.stringContaining('put the key into `ssh-private-key`'),
      expect.stringContaining('only Host, HostName, Port, User, ProxyJump, HostKeyAlias, CertificateFile are read'),
      expect.stringContaining('the agent is `SSH_AUTH_SOCK` of the job'),
    ])
  })
})
