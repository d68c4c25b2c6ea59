import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { checkNodeFiles } from '../farm/checkers.ts'
import { run, tryRun } from '../farm/exec.ts'
import { ensureCheckers } from '../farm/optional-tools.ts'
import { projectRoot } from '../farm/paths.ts'
import { makeKey } from '../farm/ssh.ts'
import { appFiles, freshImage, leftovers, storedIndex, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'
import type { Job, StepResult } from './runner.ts'

// The files of docs/nodes, executed on the first machine; each ends in a build.
const setup = useFarm()
let farm: Farm
let scratch: string
const kit = (name: string): string => join(projectRoot, 'docs/nodes', name)
const onMachine = (path: string, text: string): string =>
  `mkdir -p ${dirname(path)} && echo ${Buffer.from(text).toString('base64')} | base64 -d > ${path}`

beforeAll(() => {
  farm = setup.farm
  scratch = mkdtempSync(join(tmpdir(), 'provision-'))
})
afterAll(() => rmSync(scratch, { recursive: true }))

async function build(job: Job, inputs: Readonly<Record<string, string>>): Promise<StepResult> {
  const main = await job.main({ tags: 'v1', fallback: 'fail', ...inputs })
  await job.post()
  return main
}

describe('docker-node.sh', () => {
  const script = '/run/docker-node.sh'
  const prepare = async (...args: string[]) =>
    await farm.nodes.amd.exec(`sh ${script} ${args.map((arg) => `'${arg}'`).join(' ')}`)
  const keys = async () => (await farm.nodes.amd.exec('cat /home/builder/.ssh/authorized_keys')).stdout
  let publicKey: string

  beforeAll(async () => {
    await makeKey(join(scratch, 'key'), 'ci')
    publicKey = readFileSync(join(scratch, 'key.pub'), 'utf8').trim()
    await farm.nodes.amd.exec(onMachine(script, readFileSync(kit('docker-node.sh'), 'utf8')))
  })
  afterAll(async () => {
    await farm.nodes.amd.exec(`userdel --remove builder; rm -f ${script}`)
  })

  test.each([
    { wrong: 'no key', args: [], message: '--key is missing' },
    { wrong: 'text instead of a key', args: ['--key', 'my key'], message: '--key is not a public key' },
    { wrong: 'a private key', args: ['--key', '-----BEGIN OPENSSH PRIVATE KEY-----'], message: 'is a private key' },
    { wrong: 'two keys', args: ['--key', 'ssh-ed25519 A\nssh-ed25519 B'], message: 'several lines' },
    { wrong: 'root as its user', args: ['--key', 'x', '--user', 'root'], message: '--user root is not a user name' },
    { wrong: 'a path as its user', args: ['--key', 'x', '--user', '../x'], message: 'is not a user name' },
    { wrong: 'an unknown option', args: ['--force', 'x'], message: 'unknown option --force' },
    { wrong: 'an option without its value', args: ['--key'], message: '--key needs a value' },
  ])('rejects $wrong and changes nothing', async ({ args, message }) => {
    const before = (await farm.nodes.amd.exec('cat /etc/passwd /etc/group')).stdout
    const { code, stderr } = await prepare(...(args.includes('--user') ? [] : ['--user', 'builder']), ...args)
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) })
    expect((await farm.nodes.amd.exec('cat /etc/passwd /etc/group')).stdout).toBe(before)
  })

  test('prints lines for the inputs with which a build succeeds', async () => {
    const { host } = farm.nodes.amd
    const { code, stdout, stderr } = await prepare('--key', publicKey, '--user', 'builder', '--host', host)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n').map((line) => line.trim())
    const nodes = lines.find((line) => line.startsWith('linux/')) ?? ''
    expect(nodes).toBe(`linux/amd64 = ssh://builder@${host}`)
    const job = setup.job({ files: appFiles(farm) })
    const image = freshImage(farm)
    const main = await build(job, {
      nodes,
      image,
      'ssh-private-key': readFileSync(join(scratch, 'key'), 'utf8'),
      'ssh-known-hosts': lines.filter((line) => line.startsWith(`${host} `)).join('\n'),
      'driver-opts': `image=${farm.images.buildkit}\nnetwork=host`,
    })
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(await storedIndex(farm, image, 'v1')).toBeDefined()
    expect(await leftovers(farm, job)).toEqual([])
    job.end()
  })

  test('run again, it adds another key and no key twice', async () => {
    await makeKey(join(scratch, 'second'), 'second')
    const second = readFileSync(join(scratch, 'second.pub'), 'utf8').trim()
    for (const key of [publicKey, second, second]) await prepare('--key', key, '--user', 'builder')
    expect(await keys()).toBe(`restrict,port-forwarding ${publicKey}\nrestrict,port-forwarding ${second}\n`)
  })
})

test('a key for the single command `docker system dial-stdio` is enough', async () => {
  const { amd } = farm.nodes
  await makeKey(join(scratch, 'narrow'), 'narrow')
  const publicKey = readFileSync(join(scratch, 'narrow.pub'), 'utf8').trim()
  const line = `restrict,command="docker system dial-stdio" ${publicKey}`
  await amd.exec(onMachine('/home/ci/.ssh/authorized_keys', `${line}\n`))
  const job = setup.job({ files: appFiles(farm) })
  const image = freshImage(farm)
  const main = await build(job, {
    nodes: `linux/amd64 = ${amd.endpoint}`,
    image,
    'ssh-private-key': readFileSync(join(scratch, 'narrow'), 'utf8'),
    'ssh-known-hosts': farm.knownHosts,
    'driver-opts': `image=${farm.images.buildkit}\nnetwork=host`,
  })
  await amd.exec('rm -r /home/ci/.ssh')
  expect(main.code === 0 ? '' : main.log).toBe('')
  expect(await storedIndex(farm, image, 'v1')).toBeDefined()
  expect(await leftovers(farm, job)).toEqual([])
  job.end()
})

describe('buildkitd.service with certificates.sh', () => {
  const certificates = async (...args: string[]) =>
    await tryRun('sh', [kit('certificates.sh'), ...args], { cwd: scratch })
  const issued = (name: string): string => readFileSync(join(scratch, name), 'utf8')

  const start = async (): Promise<void> => {
    const command = /^ExecStart=(.*)$/m.exec(readFileSync(kit('buildkitd.service'), 'utf8'))?.[1] ?? ''
    await farm.nodes.amd.exec(
      [
        'install -d /usr/local/bin && ln -sf /opt/farm/buildkitd /usr/local/bin/buildkitd',
        onMachine('/etc/buildkit/buildkitd.toml', readFileSync(kit('buildkitd.toml'), 'utf8')),
        ...['ca', 'cert', 'key'].map((file) =>
          onMachine(`/etc/buildkit/${file}.pem`, issued(`server-${farm.nodes.amd.host}/${file}.pem`)),
        ),
        `${command} > /run/provision.log 2>&1 & echo $! > /run/provision.pid`,
        "for i in $(seq 200); do grep -q 'running server' /run/provision.log && break; sleep 0.1; done",
      ].join('\n'),
    )
  }
  const stop = async (): Promise<void> => {
    await farm.nodes.amd.exec(
      'kill $(cat /run/provision.pid); while kill -0 $(cat /run/provision.pid); do sleep 0.1; done',
    )
  }

  beforeAll(async () => {
    for (const args of [['ca'], ['server', farm.nodes.amd.host], ['client', 'ci']])
      expect(await certificates(...args)).toMatchObject({ code: 0, stderr: '' })
  })
  afterAll(async () => {
    await farm.nodes.amd.exec('rm -rf /usr/local/bin/buildkitd /etc/buildkit /run/provision.*')
  })

  test('a client of the CA builds, before and after renewal', async () => {
    for (const renewal of [false, true]) {
      if (renewal)
        for (const args of [
          ['server', farm.nodes.amd.host],
          ['client', 'ci'],
        ])
          await certificates(...args)
      await start()
      const job = setup.job({ files: appFiles(farm) })
      const image = freshImage(farm)
      const main = await build(job, {
        nodes: [
          `- endpoint: tcp://${farm.nodes.amd.host}:1234`,
          '  platforms: linux/amd64',
          '  driver-opts:',
          ...Object.entries({ cacert: 'ca', cert: 'cert', key: 'key' }).map(
            ([name, file]) =>
              `    - |\n      ${name}=${issued(`client-ci/${file}.pem`).trim().replaceAll('\n', '\n      ')}`,
          ),
        ].join('\n'),
        image,
      })
      await stop()
      expect(main.code === 0 ? '' : main.log).toBe('')
      expect(await storedIndex(farm, image, 'v1')).toBeDefined()
      job.end()
    }
  })

  test('does not replace a CA, and issues nothing for what is no name', async () => {
    const authority = issued('ca.pem')
    expect(await certificates('ca')).toMatchObject({ code: 1, stderr: expect.stringContaining('ca-key.pem exists') })
    expect(issued('ca.pem')).toBe(authority)
    for (const args of [['server', 'a,IP:1.2.3.4'], ['client', '../x'], ['server'], ['renew']])
      expect(await certificates(...args)).toMatchObject({ code: 1 })
  })

  test('a server certificate is for names and addresses, and only for servers', async () => {
    await certificates('server', 'names.example.com', '10.0.0.5', '::1')
    const file = join(scratch, 'server-names.example.com/cert.pem')
    expect(await run('openssl', ['x509', '-in', file, '-noout', '-ext', 'subjectAltName'])).toContain(
      'DNS:names.example.com, IP Address:10.0.0.5, IP Address:0:0:0:0:0:0:0:1',
    )
    const purpose = async (name: string) =>
      (await tryRun('openssl', ['verify', '-purpose', name, '-CAfile', join(scratch, 'ca.pem'), file])).code
    expect([await purpose('sslserver'), await purpose('sslclient')]).toEqual([0, 2])
  })
})

describe('the checker of each file finds no fault', () => {
  beforeAll(async () => {
    await ensureCheckers()
  }, 900_000)

  test.each([
    { command: ['cloud-init', 'schema', '--config-file', 'cloud-init.yaml'] },
    { command: ['systemd-analyze', 'verify', './buildkitd.service'] },
    { command: ['nix-instantiate', '--parse', 'nixos.nix'] },
    { command: ['shellcheck', 'docker-node.sh', 'certificates.sh'] },
  ])('$command', async ({ command }) => expect(await checkNodeFiles(command)).toBe(''))

  test('and finds one in a wrong file', async () => {
    expect(await checkNodeFiles(['nix-instantiate', '--parse', 'docker-node.sh'])).toContain('syntax error')
    expect(await checkNodeFiles(['cloud-init', 'schema', '--config-file', 'nixos.nix'])).toContain('exited with 1')
  })
})
