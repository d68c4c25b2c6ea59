import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSshSettings } from '../../../src/cli/ssh.ts'

// An `ssh` whose `-G` prints what the test writes to a file with the name of the host.
let dir: string
const path = process.env['PATH']
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cli-ssh-'))
  for (const name of ['company', 'other', 'amd-ci']) writeFileSync(join(dir, name), '')
  writeFileSync(join(dir, 'token.pub'), '')
  mkdirSync(join(dir, 'bin'))
  writeFileSync(join(dir, 'bin/ssh'), `#!/bin/sh\ncat '${dir}'/"$3".options\n`)
  chmodSync(join(dir, 'bin/ssh'), 0o755)
  process.env['PATH'] = `${join(dir, 'bin')}:${path ?? ''}`
})
afterAll(() => {
  process.env['PATH'] = path
  rmSync(dir, { recursive: true })
})

function host(name: string, options: readonly string[]): void {
  const all = [`hostname ${name}`, 'user ci', 'port 22', ...options]
  writeFileSync(join(dir, `${name}.options`), all.join('\n'))
}

const nodes = 'linux/amd64 = ssh://amd\nlinux/arm64 = ssh://arm'
const configOf = async (inputs = {}, env = {}) =>
  (await readSshSettings({ nodes, 'ssh-known-hosts': '', ...inputs }, env))['ssh-config']?.split(/\n(?=Host )/)

test('each host is offered its own identity files that exist, beside the agent', async () => {
  host('amd', [`identityfile ${dir}/company`, `identityfile ${dir}/absent`, `identityfile ${dir}/%n-%r`])
  host('arm', [`identityfile ${dir}/other`, `identityfile ${dir}/token`, 'identitiesonly yes'])
  const [, amd = '', arm = ''] = (await configOf({}, { SSH_AUTH_SOCK: '/agent' })) ?? []
  const keys = (block: string) => block.split('\n').filter((line) => line.includes('Identit'))
  expect(keys(amd)).toEqual([`  IdentityFile ${dir}/company`, `  IdentityFile ${dir}/amd-ci`])
  expect(keys(arm)).toEqual([`  IdentityFile ${dir}/other`, `  IdentityFile ${dir}/token`, '  IdentitiesOnly yes'])
})

test.each([
  ['/run/own.sock', '  IdentityAgent /run/own.sock'],
  ['$COMPANY_AGENT', '  IdentityAgent /run/company.sock'],
  ['none', '  IdentityAgent none'],
  ['SSH_AUTH_SOCK', undefined],
])('the agent of a host: %s', async (agent, line) => {
  host('amd', [`identityagent ${agent}`])
  host('arm', [])
  const [, amd = ''] = (await configOf({}, { COMPANY_AGENT: '/run/company.sock' })) ?? []
  expect(amd.split('\n').find((one) => one.includes('IdentityAgent'))).toBe(line)
})

test('an explicit key is the only one', async () => {
  host('amd', [`identityfile ${dir}/company`, 'identitiesonly yes'])
  host('arm', [])
  expect((await configOf({ 'ssh-private-key': 'key' }))?.join('\n')).not.toContain('Identit')
})

test('the lines of a workflow are kept, and keys of the user follow', async () => {
  host('amd', [`identityfile ${dir}/company`])
  host('arm', [])
  const config = await configOf({ 'ssh-config': 'Host amd\n  User release' })
  expect(config).toEqual(['Host amd\n  User release', `Host amd\n  IdentityFile ${dir}/company`, 'Host arm'])
})
