import { describe, expect, test } from '@jest/globals'
import { explainNoEngine, readEngineSearch } from '../../../../src/nodes/ssh/diagnose.ts'
import { nativePlatforms } from '../../../../src/nodes/native-platforms.ts'
import { describeTarget, renderSshConfig } from '../../../../src/nodes/ssh/config.ts'
import { explainSsh } from '../../../../src/nodes/ssh/errors.ts'

const target = { user: 'ci', host: 'arm.example.com', port: 22 }

describe('explainSsh', () => {
  test.each([
    [
      'ssh: connect to host arm.example.com port 22: Connection refused',
      /Nothing listens for SSH at ci@arm\.example\.com/,
      /sshd runs/,
    ],
    ['ssh: connect to host arm.example.com port 22: Connection timed out', /does not answer/, /firewall/],
    ['ssh: connect to host arm.example.com port 22: No route to host', /does not answer/, /firewall/],
    [
      'ssh: Could not resolve hostname arm.example.com: Name or service not known',
      /not known to this runner's DNS/,
      /host name/,
    ],
    [
      'ci@arm.example.com: Permission denied (publickey,password).',
      /accepts none of the keys/,
      /~ci\/\.ssh\/authorized_keys/,
    ],
    [
      'Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures',
      /gave up before the right key/,
      /MaxAuthTries/,
    ],
    [
      'No ED25519 host key is known for arm.example.com and you have requested strict checking.\nHost key verification failed.',
      /does not hold/,
      /ssh-keyscan arm\.example\.com/,
    ],
    [
      '@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@\nHost key verification failed.',
      /another host key/,
      /somebody may stand in between/,
    ],
    ['kex_exchange_identification: read: Connection reset by peer', /closed the connection before/, /MaxStartups/],
    ['spawn ssh ENOENT', /no `ssh` command/, /openssh-client/],
    ['something new', /The SSH connection to ci@arm\.example\.com failed/, /what ssh said/],
  ])('%s', (words, headline, hint) => {
    const failure = explainSsh(words, target)
    expect(failure.code).toBe('node')
    expect(failure.message).toMatch(headline)
    expect(failure.hint).toMatch(hint)
    expect(failure.details.every((line) => !/^@+$/.test(line))).toBe(true)
  })
})

describe('explainNoEngine', () => {
  test.each([
    ['denied /var/run/docker.sock\nuser ci\n', '', /ci may not use the Docker Engine/, /usermod -aG docker ci/],
    ['user ci\n', '', /No Docker Engine runs on/, /systemctl enable --now docker/],
    [
      'usable /var/run/docker.sock\nuser ci\n',
      'open failed: administratively prohibited: open failed',
      /does not forward sockets/,
      /AllowStreamLocalForwarding/,
    ],
    [
      'usable /var/run/docker.sock\nlistening /var/run/docker.sock\nuser ci\n',
      'channel 2: open failed: connect failed: open failed',
      /does not forward sockets/,
      /AllowStreamLocalForwarding/,
    ],
    [
      'usable /var/run/docker.sock\nuser ci\n',
      'channel 2: open failed: connect failed: open failed',
      /does not answer/,
      /systemctl restart docker/,
    ],
    [
      'usable /var/run/docker.sock\nlistening /var/run/docker.sock\nuser ci\n',
      '',
      /does not answer/,
      /systemctl restart docker/,
    ],
    [
      'Welcome to arm!\ndenied /run/user/1000/docker.sock\nuser build er\n',
      '',
      /build er may not use/,
      /docker build er/,
    ],
  ])('%s', (output, words, headline, hint) => {
    const failure = explainNoEngine(target, readEngineSearch(output), words)
    expect(failure.message).toMatch(headline)
    expect(failure.hint).toMatch(hint)
  })
})

test('renderSshConfig: strict, ours alone, no password, no user file', () => {
  const text = renderSshConfig(
    { user: 'ci', host: 'fd00::1', port: 2222 },
    { agent: '/d/agent.sock', knownHosts: '/d/known_hosts', control: '/d/n0.ctl' },
  )
  for (const line of [
    'HostName fd00::1',
    'Port 2222',
    'User ci',
    'StrictHostKeyChecking yes',
    'GlobalKnownHostsFile /dev/null',
    'BatchMode yes',
    'ForwardAgent no',
    'IdentityFile none',
  ]) {
    expect(text.split('\n')).toContain(`  ${line}`)
  }
})

test('describeTarget writes a target as an author would', () => {
  expect(describeTarget({ host: 'a', port: 22 })).toBe('a')
  expect(describeTarget({ user: 'ci', host: 'fd00::1', port: 2222 })).toBe('ci@[fd00::1]:2222')
})

test('nativePlatforms: its own first, then what its processor runs as well', () => {
  expect(nativePlatforms('linux', 'amd64')).toEqual(['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v3', 'linux/386'])
  expect(nativePlatforms('linux', 'arm64')[0]).toBe('linux/arm64')
  expect(nativePlatforms('linux', 'riscv64')).toEqual(['linux/riscv64'])
})
