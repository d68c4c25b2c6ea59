import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeKey } from '../farm/ssh.ts'
import { appFiles, freshImage, leftovers, storedIndex } from './harness.ts'
import { build, kit, onMachine, useProvisioning } from './provision.ts'

// docker-node.sh, executed on the first machine; what it prints is what a build needs.
const setup = useProvisioning()

describe('docker-node.sh', () => {
  const script = '/run/docker-node.sh'
  const prepare = async (...args: string[]) =>
    await setup.farm.nodes.amd.exec(`sh ${script} ${args.map((arg) => `'${arg}'`).join(' ')}`)
  const keys = async () => (await setup.farm.nodes.amd.exec('cat /home/builder/.ssh/authorized_keys')).stdout
  let publicKey: string

  beforeAll(async () => {
    await makeKey(join(setup.scratch, 'key'), 'ci')
    publicKey = readFileSync(join(setup.scratch, 'key.pub'), 'utf8').trim()
    await setup.farm.nodes.amd.exec(onMachine(script, readFileSync(kit('docker-node.sh'), 'utf8')))
  })
  afterAll(async () => {
    await setup.farm.nodes.amd.exec(`userdel --remove builder; rm -f ${script}`)
  })

  test.each([
    { wrong: 'no key', args: [], message: '--key is missing' },
    { wrong: 'text instead of a key', args: ['--key', 'my key'], message: '--key is not a public key' },
    { wrong: 'a private key', args: ['--key', '-----BEGIN OPENSSH PRIVATE KEY-----'], message: 'is a private key' },
    { wrong: 'two keys', args: ['--key', 'ssh-ed25519 A\nssh-ed25519 B'], message: 'several lines' },
    { wrong: 'root as its user', args: ['--key', 'x', '--user', 'root'], message: '--user root is not a user name' },
    { wrong: 'a path as its user', args: ['--key', 'x', '--user', '../x'], message: 'is not a user name' },
    { wrong: 'a name as its port', args: ['--key', 'x', '--port', 'ssh'], message: '--port ssh is not a port' },
    { wrong: 'an unknown option', args: ['--force', 'x'], message: 'unknown option --force' },
    { wrong: 'an option without its value', args: ['--key'], message: '--key needs a value' },
  ])('rejects $wrong and changes nothing', async ({ args, message }) => {
    const before = (await setup.farm.nodes.amd.exec('cat /etc/passwd /etc/group')).stdout
    const { code, stderr } = await prepare(...(args.includes('--user') ? [] : ['--user', 'builder']), ...args)
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) })
    expect((await setup.farm.nodes.amd.exec('cat /etc/passwd /etc/group')).stdout).toBe(before)
  })

  const authorize = async (...args: string[]) => {
    const { host } = setup.farm.nodes.amd
    const { code, stdout, stderr } = await prepare('--key', publicKey, '--user', 'builder', '--host', host, ...args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n').map((line) => line.trim())
    return {
      nodes: lines.find((line) => line.startsWith('linux/')) ?? '',
      knownHosts: lines.filter((line) => line.includes(`${host} `) || line.startsWith(`[${host}]:`)).join('\n'),
    }
  }
  const buildWith = async ({ nodes, knownHosts }: Awaited<ReturnType<typeof authorize>>): Promise<void> => {
    const job = setup.job({ files: appFiles(setup.farm) })
    const image = freshImage(setup.farm)
    const main = await build(job, {
      nodes,
      image,
      'ssh-private-key': readFileSync(join(setup.scratch, 'key'), 'utf8'),
      'ssh-known-hosts': knownHosts,
      'driver-opts': `image=${setup.farm.images.buildkit}\nnetwork=host`,
    })
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(await storedIndex(setup.farm, image, 'v1')).toBeDefined()
    expect(await leftovers(setup.farm, job)).toEqual([])
    job.end()
  }

  test('prints lines for the inputs with which a build succeeds', async () => {
    const printed = await authorize()
    expect(printed.nodes).toBe(`linux/amd64 = ssh://builder@${setup.farm.nodes.amd.host}`)
    await buildWith(printed)
  })

  describe('if sshd listens at another port', () => {
    const { config, port } = { config: '/etc/ssh/sshd_config', port: 2222 }
    const restart = async (edit: string) =>
      await setup.farm.nodes.amd.exec(
        `${edit} && kill -HUP $(cat /run/sshd.pid) && for i in $(seq 100); do
           ssh-keyscan -p ${port} 127.0.0.1 2>/dev/null | grep -q . && exit 0; sleep 0.1
         done; exit 1`,
      )

    beforeAll(async () => {
      const edit = `cp ${config} ${config}.kept && sed -i -E '/^ListenAddress .*:(22|2223)$/d; /^Match/,$d' ${config}`
      expect(await restart(edit)).toMatchObject({ code: 0 })
    })
    afterAll(async () => {
      await restart(`mv ${config}.kept ${config}`)
    })

    test('prints that port, and a build succeeds there', async () => {
      const { host } = setup.farm.nodes.amd
      const printed = await authorize()
      expect(printed.nodes).toBe(`linux/amd64 = ssh://builder@${host}:${port}`)
      expect(printed.knownHosts).toMatch(new RegExp(`^\\[${host.replaceAll('.', '\\.')}\\]:${port} ssh-ed25519 \\S+$`))
      await buildWith(printed)
    })

    test.each([
      { public: '22022', nodes: ':22022', knownHosts: '[HOST]:22022 ssh-ed25519 ' },
      { public: '22', nodes: '', knownHosts: 'HOST ssh-ed25519 ' },
    ])('prints --port $public, to which NAT changes it', async ({ public: given, nodes, knownHosts }) => {
      const { host } = setup.farm.nodes.amd
      const printed = await authorize('--port', given)
      expect(printed.nodes).toBe(`linux/amd64 = ssh://builder@${host}${nodes}`)
      expect(printed.knownHosts.startsWith(knownHosts.replace('HOST', host))).toBe(true)
    })
  })

  test('run again, it adds another key and no key twice', async () => {
    await makeKey(join(setup.scratch, 'second'), 'second')
    const second = readFileSync(join(setup.scratch, 'second.pub'), 'utf8').trim()
    for (const key of [publicKey, second, second]) await prepare('--key', key, '--user', 'builder')
    expect(await keys()).toBe(`restrict,port-forwarding ${publicKey}\nrestrict,port-forwarding ${second}\n`)
  })
})

test('a key for the single command `docker system dial-stdio` is enough', async () => {
  const { amd } = setup.farm.nodes
  await makeKey(join(setup.scratch, 'narrow'), 'narrow')
  const publicKey = readFileSync(join(setup.scratch, 'narrow.pub'), 'utf8').trim()
  const line = `restrict,command="docker system dial-stdio" ${publicKey}`
  await amd.exec(onMachine('/home/ci/.ssh/authorized_keys', `${line}\n`))
  const job = setup.job({ files: appFiles(setup.farm) })
  const image = freshImage(setup.farm)
  const main = await build(job, {
    nodes: `linux/amd64 = ${amd.endpoint}`,
    image,
    'ssh-private-key': readFileSync(join(setup.scratch, 'narrow'), 'utf8'),
    'ssh-known-hosts': setup.farm.knownHosts,
    'driver-opts': `image=${setup.farm.images.buildkit}\nnetwork=host`,
  })
  await amd.exec('rm -r /home/ci/.ssh')
  expect(main.code === 0 ? '' : main.log).toBe('')
  expect(await storedIndex(setup.farm, image, 'v1')).toBeDefined()
  expect(await leftovers(setup.farm, job)).toEqual([])
  job.end()
})
