import { describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sshError } from '../../../../src/nodes/ssh/errors.ts'
import { listUserKeys } from '../../../../src/nodes/ssh/user-keys.ts'

const target = { user: 'ci', host: 'arm', hostName: '10.0.0.5', port: 22 }
const explain = (output: string, keys: Parameters<typeof sshError>[3] = []) => sshError(output, target, 'user', keys)
const refused = 'ci@10.0.0.5: Permission denied (publickey).'

describe('a failure on the command line', () => {
  test.each([
    [
      '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @',
      /does not match your known_hosts/,
      /`ssh-keygen -R '10\.0\.0\.5'` removes it.*`ssh arm true`/,
    ],
    ['Host key verification failed.', /is not in your known_hosts/, /`ssh arm true`/],
    ['Received disconnect from 10.0.0.5 port 22:2: Too many authentication failures', /./, /`IdentitiesOnly yes`/],
    ['ssh: Could not resolve hostname arm: Name or service not known', /this machine/, /`--nodes`.*HostName of arm/],
    [refused, /requires an SSH key, but ssh has none to offer/, /`IdentityFile` for arm.*`ssh-add FILE`/],
  ])('%s', (output, message, hint) => {
    const failure = explain(output)
    expect(failure.message).toMatch(message)
    expect(failure.hint).toMatch(hint)
    expect(`${failure.message} ${failure.hint}`).not.toMatch(/ssh-known-hosts|ssh-private-key|\bjob\b|secrets\./)
  })

  test('a refusal lists the keys that were offered', () => {
    const { message, hint, details } = explain(refused, [{ text: '256 SHA256:abc me@laptop (ED25519)' }])
    expect(message).toBe('ci@arm accepts none of the keys that ssh offers')
    expect(hint).toContain('~ci/.ssh/authorized_keys')
    expect(details).toEqual([refused, 'key: 256 SHA256:abc me@laptop (ED25519)'])
  })

  test('the remedy for a passphrase is the agent', () => {
    expect(explain(refused, [{ text: '256 SHA256:abc me', lockedFile: '/k/id' }]).hint).toContain('`ssh-add /k/id`')
  })
})

test('listUserKeys: keys of files, and which of them have a passphrase', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'user-keys-'))
  const make = (name: string, passphrase: string) => {
    const path = join(dir, name)
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', `${name}@laptop`, '-f', path])
    return path
  }
  try {
    const [open, locked] = [make('open', ''), make('locked', 'secret')]
    const keys = await listUserKeys({ host: 'arm', port: 22, identityFiles: [open, locked] }, '')
    expect(keys).toEqual([
      { text: expect.stringMatching(/^256 SHA256:\S+ open@laptop \(ED25519\) in /) },
      { text: expect.stringMatching(/^256 SHA256:\S+ locked@laptop/), lockedFile: locked },
    ])
  } finally {
    rmSync(dir, { recursive: true })
  }
})
