import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../farm/exec.ts'
import { makeKey, noForwardingPort } from '../farm/ssh.ts'
import { appFiles, freshImage, leftovers, storedIndex, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'
import type { Job, StepResult } from './runner.ts'

// The second machine is the jump host of the first one.
const setup = useFarm()
let farm: Farm
let job: Job
let scratch: string

beforeAll(() => {
  farm = setup.farm
  scratch = mkdtempSync(join(tmpdir(), 'ssh-config-'))
})
afterAll(() => rmSync(scratch, { recursive: true }))

const config = (more: readonly string[] = [], jump = 'bastion'): string =>
  [
    'Host build',
    `  HostName ${farm.nodes.amd.host}`,
    '  User ci',
    `  ProxyJump ${jump}`,
    ...more,
    'Host bastion',
    `  HostName ${farm.nodes.arm.host}`,
    '  User = ci',
  ].join('\n')

async function build(image: string, inputs: Readonly<Record<string, string>>): Promise<StepResult> {
  job = setup.job({ files: { ...appFiles(farm), ...certificate } })
  const main = await job.main({
    nodes: 'linux/amd64 = ssh://build',
    'ssh-private-key': farm.privateKey,
    'ssh-known-hosts': farm.knownHosts,
    'driver-opts': `image=${farm.images.buildkit}\nnetwork=host`,
    tags: 'v1',
    fallback: 'fail',
    image,
    ...inputs,
  })
  await job.post()
  return main
}

let certificate: Record<string, string> = {}

describe('a node behind a jump host', () => {
  test('builds with an alias, over one connection to each host, and leaves nothing behind', async () => {
    const image = freshImage(farm)
    const { amd, arm } = farm.nodes
    const before = await Promise.all([amd.sshConnections(), arm.sshConnections()])
    const main = await build(image, { 'ssh-config': config() })
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(await storedIndex(farm, image, 'v1')).toBeDefined()
    const after = await Promise.all([amd.sshConnections(), arm.sshConnections()])
    expect(after.map((count, index) => count - (before[index] ?? 0))).toEqual([1, 1])
    expect(await leftovers(farm, job)).toEqual([])
    job.end()
  })

  test.each([
    {
      problem: 'a jump host that forbids forwarding',
      settings: () => config(['Host *', `  Port 22`], `ci@${farm.nodes.arm.host}:${noForwardingPort}`),
      message: () => 'The jump host of ci@build forbids connections to it',
    },
    {
      problem: 'a port on which nothing listens behind the jump host',
      settings: () => config(['  Port 9']),
      message: () => 'The jump host of ci@build:9 cannot connect to it',
    },
    {
      problem: 'a user whom the jump host does not admit',
      settings: () => config([], 'stranger@bastion'),
      message: () => 'stranger@bastion (jump host of build) accepts none of the keys in ssh-private-key',
    },
    {
      problem: 'a jump host that is not there',
      settings: () => config([], `ci@${farm.nodes.arm.host}:9`),
      message: () => `Nothing listens for SSH at ci@${farm.nodes.arm.host}:9 (jump host of build)`,
    },
  ])('$problem is named', async ({ settings, message }) => {
    const hosts = ['amd', 'arm'].map((name) => farm.nodes[name as 'amd' | 'arm'].host)
    const [line = ''] = farm.knownHosts.split('\n')
    const everyPort = `${hosts.map((host) => `[${host}]:9`).join(',')} ${line.split(' ').slice(1).join(' ')}\n`
    const main = await build(freshImage(farm), {
      'ssh-config': settings(),
      'ssh-known-hosts': farm.knownHosts + everyPort,
    })
    expect({ code: main.code, log: main.log }).toEqual({ code: 1, log: expect.stringContaining(message()) })
    expect(await leftovers(farm, job)).toEqual([])
    job.end()
  })

  test('a wrong host key of the jump host is refused', async () => {
    const { amd, arm } = farm.nodes
    const own = farm.knownHosts.split('\n').filter((line) => line.startsWith(`${amd.host} `))
    const wrong = own.map((line) => line.replace(amd.host, arm.host))
    const main = await build(freshImage(farm), {
      'ssh-config': config(),
      'ssh-known-hosts': [...own, ...wrong].join('\n'),
    })
    expect(main.code).toBe(1)
    expect(main.log).toContain('The host key of ci@bastion (jump host of build) does not match ssh-known-hosts')
    job.end()
  })

  test('a certificate admits its key', async () => {
    const { amd } = farm.nodes
    await makeKey(join(scratch, 'authority'), 'authority')
    await makeKey(join(scratch, 'key'), 'key')
    await run('ssh-keygen', ['-q', '-s', join(scratch, 'authority'), '-I', 'ci', '-n', 'ci', join(scratch, 'key.pub')])
    const authority = readFileSync(join(scratch, 'authority.pub'), 'utf8').trim()
    await amd.exec(`mkdir -p /home/ci/.ssh && echo 'cert-authority ${authority}' > /home/ci/.ssh/authorized_keys`)
    certificate = { 'key-cert.pub': readFileSync(join(scratch, 'key-cert.pub'), 'utf8') }
    const main = await build(freshImage(farm), {
      'ssh-private-key': readFileSync(join(scratch, 'key'), 'utf8'),
      'ssh-config': `Host build\n  HostName ${amd.host}\n  User ci\n  CertificateFile key-cert.pub`,
    })
    await amd.exec('rm -r /home/ci/.ssh')
    expect(main.code === 0 ? '' : main.log).toBe('')
    job.end()
  })
})
