import { describe, expect, test } from '@jest/globals'
import { nativePlatforms } from '../../../../src/nodes/machine-info.ts'
import { noEngineError, parseEngineSearch } from '../../../../src/nodes/ssh/find-engine.ts'
import { describeTarget, formatSshConfig } from '../../../../src/nodes/ssh/config.ts'
import { sshError } from '../../../../src/nodes/ssh/errors.ts'

const target = { user: 'ci', host: 'arm.example.com', port: 22 }

describe('sshError', () => {
  test.each([
    [
      'ssh: connect to host arm.example.com port 22: Connection refused',
      /Nothing listens for SSH at ci@arm\.example\.com/,
      /sshd on the node listens on port 22/,
    ],
    ['ssh: connect to host arm.example.com port 22: Connection timed out', /does not answer/, /firewall/],
    ['Connection to arm.example.com port 22 timed out', /does not answer/, /firewall/],
    [
      '# Tailscale SSH requires an additional check.\r\nConnection to arm.example.com port 22 timed out',
      /requires a confirmation in a browser/,
      /"action": "accept"/,
    ],
    ['ssh: connect to host arm.example.com port 22: No route to host', /does not answer/, /firewall/],
    [
      'ssh: Could not resolve hostname arm.example.com: Name or service not known',
      /DNS of this runner cannot resolve the name of ci@arm/,
      /host name/,
    ],
    [
      'ci@arm.example.com: Permission denied (publickey,password).',
      /accepts none of the keys/,
      /~ci\/\.ssh\/authorized_keys/,
    ],
    [
      'Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures',
      /rejected the connection after too many keys/,
      /MaxAuthTries/,
    ],
    [
      'No ED25519 host key is known for arm.example.com and you have requested strict checking.\n' +
        'Host key verification failed.',
      /host key of ci@arm\.example\.com is not in ssh-known-hosts/,
      /ssh-keyscan arm\.example\.com/,
    ],
    [
      '@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@\nHost key verification failed.',
      /host key of ci@arm\.example\.com does not match ssh-known-hosts/,
      /connection may be intercepted/,
    ],
    [
      'Certificate invalid: expired\r\nNo RSA host key is known for arm and you have requested strict checking.',
      /host certificate of ci@arm\.example\.com has expired/,
      /HostCertificate/,
    ],
    [
      'Certificate invalid: name is not a listed principal\r\nHost key verification failed.',
      /host certificate of ci@arm\.example\.com is not valid for it/,
      /principal/,
    ],
    [
      'sign_and_send_pubkey: signing failed for ED25519-SK "ci@laptop" from agent: agent refused operation\n' +
        'ci@arm.example.com: Permission denied (publickey).',
      /is a hardware key/,
      /ssh-keygen -t ed25519/,
    ],
    [
      'ci@arm.example.com: Permission denied (keyboard-interactive).',
      /requires more than an SSH key/,
      /AuthenticationMethods publickey/,
    ],
    ['ci@arm.example.com: Permission denied (publickey).', /accepts none of the keys/, /AllowUsers/],
    ['No user exists for uid 1001', /no entry in \/etc\/passwd/, /useradd/],
    ['kex_exchange_identification: read: Connection reset by peer', /closed the connection before/, /MaxStartups/],
    ['spawn ssh ENOENT', /no `ssh` command/, /openssh-client/],
    ['something new', /The SSH connection to ci@arm\.example\.com failed/, /last messages of ssh/],
  ])('%s', (output, message, hint) => {
    const failure = sshError(output, target)
    expect(failure.code).toBe(/ENOENT|No user exists/.test(output) ? 'runner' : 'node')
    expect(failure.message).toMatch(message)
    expect(failure.hint).toMatch(hint)
    expect(failure.details.every((line) => !/^@+$/.test(line))).toBe(true)
  })
})

test('the alias of a host is explained, a full name is not', () => {
  const output = 'ssh: Could not resolve hostname builder: Temporary failure in name resolution'
  expect(sshError(output, { host: 'builder', port: 22 }).hint).toMatch(/alias of `~\/\.ssh\/config`, which is not read/)
  expect(sshError(output, target).hint).not.toContain('alias')
})

test('without a key, the reason names where secrets are empty', () => {
  const { message, hint } = sshError('ci@arm.example.com: Permission denied (publickey).', target, 'none')
  expect(message).toBe('ci@arm.example.com requires an SSH key, but the step has none')
  expect(hint).toMatch(/forks.*Dependabot/)
  expect(sshError('ssh: connect to host arm port 22: Connection refused', target, 'none').message).toMatch(/^Nothing/)
})

describe('the banner of a server', () => {
  const banner = [
    'Unauthorized access is prohibited. Port forwarding is logged.',
    'Permission denied to everyone else. Connection refused or timed out? Host key verification failed?',
    'Too many authentication failures are reported. open failed.',
  ].join('\n')

  test('is not the cause of a failure', () => {
    expect(sshError(banner, target).message).toBe('The SSH connection to ci@arm.example.com failed')
    expect(sshError(`${banner}\nssh: connect to host arm port 22: Connection refused`, target).message).toMatch(
      /^Nothing listens/,
    )
  })

  test('is not the reason why a hung engine does not answer', () => {
    const search = parseEngineSearch('usable /var/run/docker.sock\nlistening /var/run/docker.sock\nuser ci\n')
    expect(noEngineError(target, search, banner).message).toBe(
      'The Docker Engine of ci@arm.example.com does not answer',
    )
  })
})

describe('noEngineError', () => {
  test.each([
    [
      'denied /var/run/docker.sock\nuser ci\n',
      '',
      /ci has no permission to use the Docker Engine/,
      /usermod -aG docker ci/,
    ],
    ['user ci\n', '', /No Docker Engine runs on/, /systemctl enable --now docker/],
    [
      '',
      'channel 2: open failed: connect failed: open failed\nmux_client_request_session: session request failed: ' +
        'Session open refused by peer',
      /allows too few SSH sessions: raise MaxSessions$/,
      /raise `MaxSessions` \(its default is 10\)/,
    ],
    [
      'usable /var/run/docker.sock\nuser ci\n',
      'channel 2: open failed: administratively prohibited: open failed',
      /forbids forwarding: set `AllowStreamLocalForwarding yes` in its sshd_config$/,
      /AllowStreamLocalForwarding/,
    ],
    [
      'usable /var/run/docker.sock\nlistening /var/run/docker.sock\nuser ci\n',
      'channel 2: open failed: connect failed: open failed',
      /forbids forwarding/,
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
      /build er has no permission to use/,
      /docker build er/,
    ],
  ])('%s', (output, sshOutput, message, hint) => {
    const failure = noEngineError(target, parseEngineSearch(output), sshOutput)
    expect(failure.message).toMatch(message)
    expect(failure.hint).toMatch(hint)
  })
})

test('formatSshConfig: strict host keys, only the files of the run, no password', () => {
  const text = formatSshConfig(
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

test('formatSshConfig: a host has keys of its own before those of all hosts', () => {
  const jump = { host: 'bastion', port: 22, identityAgent: 'none' }
  const text = formatSshConfig(
    { host: 'arm', port: 22, identityFiles: ['/k/a', '/k/50% b'], identitiesOnly: true, jumps: [jump] },
    { agent: '/d/agent.sock', knownHosts: '/d/known_hosts', control: '/d/n0.ctl' },
  )
  const keys = text.split('\n').filter((line) => /^Host |Identit/.test(line))
  expect(keys).toEqual([
    'Host node',
    '  IdentityFile "/k/a"',
    '  IdentityFile "/k/50%% b"',
    '  IdentitiesOnly yes',
    'Host jump0',
    '  IdentityAgent "none"',
    'Host *',
    '  IdentityAgent "/d/agent.sock"',
    '  IdentityFile none',
  ])
})

test('describeTarget formats a target as in `nodes`', () => {
  expect(describeTarget({ host: 'a', port: 22 })).toBe('a')
  expect(describeTarget({ user: 'ci', host: 'fd00::1', port: 2222 })).toBe('ci@[fd00::1]:2222')
})

test('nativePlatforms: that of the engine first, then others that its processor runs', () => {
  expect(nativePlatforms('linux', 'amd64')).toEqual(['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v3', 'linux/386'])
  expect(nativePlatforms('linux', 'arm64')[0]).toBe('linux/arm64')
  expect(nativePlatforms('linux', 'riscv64')).toEqual(['linux/riscv64'])
})
