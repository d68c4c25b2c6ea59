import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isolatedEnv, tryRun, waitFor } from './exec.ts'
import type { ExecResult } from './exec.ts'
import { attachFarm, startFarm } from './farm.ts'
import type { Farm, FarmNode } from './farm.ts'
import { farmDir, farmSources, projectRoot } from './paths.ts'
import { leftovers } from './cleanup.ts'
import { runningFarms } from './state.ts'

let farm: Farm
let work: string
const tunnels: ChildProcess[] = []

beforeAll(async () => {
  farm = await attachFarm()
  work = await mkdtemp('/tmp/mab-t-')
  await writeFile(join(work, 'known_hosts'), farm.knownHosts)
})

afterEach(async () => {
  for (const tunnel of tunnels.splice(0)) tunnel.kill()
  await farm.registry.clearFaults()
  await Promise.all([farm.nodes.amd.heal(), farm.nodes.arm.heal()])
})

afterAll(async () => {
  await rm(work, { recursive: true, force: true })
})

const sshArgs = (node: FarmNode, options: { port?: number; user?: string; key?: string } = {}): string[] => [
  '-F',
  'none',
  '-o',
  'BatchMode=yes',
  '-o',
  'IdentitiesOnly=yes',
  '-o',
  `UserKnownHostsFile=${work}/known_hosts`,
  '-o',
  'StrictHostKeyChecking=yes',
  '-o',
  'ConnectTimeout=5',
  '-i',
  options.key ?? farm.privateKeyFile,
  '-p',
  String(options.port ?? node.port),
  `${options.user ?? node.user}@${node.host}`,
]
const ssh = (
  node: FarmNode,
  command: string,
  options: { port?: number; user?: string; key?: string } = {},
): Promise<ExecResult> => tryRun('ssh', [...sshArgs(node, options), command], { timeoutMs: 15_000 })

async function forward(node: FarmNode): Promise<string> {
  const socket = join(work, `${node.name}-${Math.random().toString(36).slice(2, 7)}.sock`)
  tunnels.push(spawn('ssh', ['-nNT', '-L', `${socket}:/var/run/docker.sock`, ...sshArgs(node)], { stdio: 'ignore' }))
  await waitFor('the tunnel', () => existsSync(socket), 30_000)
  return socket
}

const buildx = (args: string[]): Promise<ExecResult> =>
  tryRun(farm.tools.buildx, args, {
    env: isolatedEnv(work, { BUILDX_CONFIG: join(work, 'buildx'), DOCKER_CONFIG: work }),
    timeoutMs: 100_000,
    cwd: work,
  })

async function createBuilder(name: string): Promise<void> {
  const options = ['--driver', 'docker-container', '--driver-opt', `image=${farm.images.buildkit},network=host`]
  for (const [i, node] of [farm.nodes.amd, farm.nodes.arm].entries()) {
    const made = await buildx([
      'create',
      ...(i ? ['--append'] : []),
      '--name',
      name,
      '--node',
      `${name}${i}`,
      '--platform',
      i ? 'linux/arm64,linux/arm/v7' : 'linux/amd64,linux/386',
      ...options,
      `unix://${await forward(node)}`,
    ])
    expect(made).toMatchObject({ code: 0 })
  }
}

describe('machines', () => {
  test('are reachable over SSH', async () => {
    const { amd } = farm.nodes
    await amd.resetCounters()
    expect((await ssh(amd, 'docker version --format {{.Server.Version}}')).stdout).toMatch(/^2[89]\./)
    expect((await ssh(amd, 'docker ps', { user: 'guest' })).stderr).toContain('permission denied')
    const otherKeyFile = join(farm.dir, 'keys/other')
    expect((await ssh(amd, 'true', { key: otherKeyFile })).stderr).toContain('Permission denied (publickey)')
    expect(await amd.sshConnections()).toBe(3)
    expect((await ssh(amd, 'true', { port: amd.noForwarding.port })).code).toBe(0)
  })

  test('forbid forwarding on the second port', async () => {
    const { amd } = farm.nodes
    const socket = join(work, 'forbidden.sock')
    const tunnel = spawn(
      'ssh',
      ['-nNT', '-L', `${socket}:/var/run/docker.sock`, ...sshArgs(amd, { port: amd.noForwarding.port })],
      { stdio: 'ignore' },
    )
    tunnels.push(tunnel)
    await waitFor('the socket', () => existsSync(socket), 30_000)
    expect(
      (await tryRun('curl', ['-sS', '--max-time', '3', '--unix-socket', socket, 'http://docker/_ping'])).code,
    ).not.toBe(0)
  })

  test('can change their host key and restore the first one', async () => {
    const { amd } = farm.nodes
    expect(await amd.changeHostKey()).not.toBe(amd.knownHosts)
    expect((await ssh(amd, 'true')).stderr).toContain('Host key verification failed')
    expect(await amd.restoreHostKey()).toBe(amd.knownHosts)
    expect((await ssh(amd, 'true')).code).toBe(0)
  })

  test('can have a high latency, without throttling', async () => {
    const { arm } = farm.nodes
    const timed = async (command: string): Promise<number> => {
      const start = Date.now()
      expect((await ssh(arm, command)).code).toBe(0)
      return Date.now() - start
    }
    const near = Math.min(await timed('true'), await timed('true'), await timed('true'))
    await arm.setDelay(100)
    expect(await timed('true')).toBeGreaterThan(near + 500)
    // A link that waited for every acknowledgement would exceed the timeout of a command.
    await timed('head -c 50000000 /dev/zero')
  })

  test('can be killed and come back with their disk', async () => {
    const { amd } = farm.nodes
    expect((await ssh(amd, 'docker volume create keep')).code).toBe(0)
    const session = ssh(amd, 'sleep 30')
    await sleep(500)
    await amd.kill()
    expect((await session).code).not.toBe(0)
    expect((await ssh(amd, 'true')).code).toBe(255)
    await amd.revive()
    expect((await ssh(amd, 'true')).code).toBe(0)
    expect(await amd.volumes()).toContain('keep')
    await amd.wipe()
    expect(await amd.volumes()).toEqual([])
    expect((await ssh(amd, 'true')).code).toBe(0)
  })

  test('can freeze and thaw', async () => {
    const { amd } = farm.nodes
    await amd.freeze()
    expect((await tryRun('ssh', [...sshArgs(amd), 'true'], { timeoutMs: 2000 })).code).not.toBe(0)
    await amd.thaw()
    expect((await ssh(amd, 'true')).code).toBe(0)
  })

  test('lose network and registry together', async () => {
    const { amd } = farm.nodes
    const ping = `busybox wget -q -T 2 -O - http://${farm.registry.host}/v2/farm/base/tags/list`
    expect((await amd.exec(ping)).stdout).toContain('latest')
    await amd.cut()
    expect((await ssh(amd, 'true')).code).toBe(255)
    expect((await amd.exec(ping)).code).not.toBe(0)
    await amd.mend()
    await waitFor('the link', async () => (await ssh(amd, 'true')).code === 0, 10_000, 200)
    expect((await amd.exec(ping)).code).toBe(0)
  })

  test('can have a full disk', async () => {
    const { amd } = farm.nodes
    await amd.fill()
    expect((await ssh(amd, 'docker pull -q ' + farm.images.base)).stderr).toContain('no space left')
    await amd.unfill()
    expect((await ssh(amd, 'docker pull -q ' + farm.images.base)).code).toBe(0)
    expect(await amd.images()).toContain(farm.images.base)
  })

  test('can lose their engine only', async () => {
    const { amd } = farm.nodes
    await amd.stopEngine()
    const { code, stderr } = await ssh(amd, 'docker ps')
    expect(code).not.toBe(0)
    expect(stderr).toContain('docker daemon')
    await amd.startEngine()
    expect((await ssh(amd, 'docker ps')).code).toBe(0)
  })

  test('can have more users and a buildkitd', async () => {
    const { arm } = farm.nodes
    await arm.addUser({ name: 'dev', docker: true })
    expect((await ssh(arm, 'docker ps', { user: 'dev' })).code).toBe(0)
    await arm.startBuildkitd()
    expect((await ssh(arm, `buildctl --addr unix://${arm.buildkitdSocket} debug workers`)).stdout).toContain(
      'linux/amd64',
    )
  })
})

describe('builds', () => {
  test('push two platforms from two nodes, one of them emulated', async () => {
    await writeFile(
      join(work, 'Dockerfile'),
      `FROM ${farm.images.base}\nRUN uname -m > /arch && mkdir /x && ls -l / | grep -q x && cat /arch\n`,
    )
    await createBuilder('two')
    const built = await buildx([
      'build',
      '--builder',
      'two',
      '--progress',
      'plain',
      '--platform',
      'linux/amd64,linux/arm64,linux/arm/v7,linux/386',
      '--push',
      '-t',
      `${farm.registry.host}/acme/two:1`,
      '.',
    ])
    if (built.code !== 0) throw new Error(`${built.stderr}\n${farm.logs()}`)
    expect(built.stderr).toContain('aarch64')
    expect(built.stderr).toContain('x86_64')
    expect(await farm.registry.tags('acme/two')).toEqual(['1'])
    expect((await farm.nodes.arm.containers()).map((c) => [c.name, c.state])).toEqual([
      ['buildx_buildkit_two1', 'running'],
    ])
    expect((await buildx(['rm', 'two'])).code).toBe(0)
    expect(await farm.nodes.arm.containers()).toEqual([])
    expect(
      (await farm.registry.requests()).filter((r) => r.from === 'arm' && r.method === 'PUT').length,
    ).toBeGreaterThan(0)
    await farm.registry.wipe()
    expect(await farm.registry.repositories()).toEqual(['farm/base', 'farm/buildkit'])
  })

  test('work on the local engine', async () => {
    const ran = await tryRun(farm.tools.docker, ['pull', '-q', farm.images.base], {
      env: isolatedEnv(work, { DOCKER_HOST: farm.local.dockerHost, DOCKER_CONFIG: work }),
    })
    expect(ran).toMatchObject({ code: 0 })
    expect(await farm.local.images()).toContain(farm.images.base)
  })
})

describe('registries', () => {
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://${path}`, { headers })

  test('inject faults', async () => {
    const { registry } = farm
    await registry.fault({ status: 503, method: 'GET', match: '/tags/list', times: 2, headers: { 'retry-after': '1' } })
    const tags = `${registry.host}/v2/farm/base/tags/list`
    expect([(await get(tags)).status, (await get(tags)).status, (await get(tags)).status]).toEqual([503, 503, 200])
    await registry.fault({ cut: true, times: 1 })
    await expect(get(tags)).rejects.toThrow()
    await registry.fault({ delayMs: 300, times: 1 })
    const start = Date.now()
    expect((await get(tags)).status).toBe(200)
    expect(Date.now() - start).toBeGreaterThanOrEqual(295)
    expect((await registry.requests()).at(-1)).toMatchObject({
      method: 'GET',
      path: '/v2/farm/base/tags/list',
      status: 200,
      from: 'host',
    })
    const [all, some] = [await registry.requests(), await registry.requests('/base/tags/')]
    expect(some).toEqual(all.filter(({ path }) => path.includes('/base/tags/')))
    expect([some.length > 4, some.length < all.length]).toEqual([true, true])
  })

  test('require a password if configured', async () => {
    const { host, username, password } = farm.privateRegistry
    expect((await get(`${host}/v2/`)).status).toBe(401)
    expect(
      (
        await get(`${host}/v2/`, {
          authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
        })
      ).status,
    ).toBe(200)
    expect(await farm.privateRegistry.tags('farm/base')).toEqual(['latest'])
  })
})

describe('a farm', () => {
  test('ends with its parent process, even if that is killed, and leaves nothing behind', async () => {
    const before = (await runningFarms()).map((f) => f.id)
    const script = [
      `const { startFarm } = await import(${JSON.stringify(join(farmSources, 'farm.ts'))})`,
      'const farm = await startFarm()',
      'await farm.nodes.amd.freeze()',
      'console.log(farm.id)',
      'setInterval(() => {}, 1000)',
    ].join(';')
    const env = { ...process.env }
    delete env['NODE_OPTIONS']
    const parent = execFile(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: projectRoot,
      env,
    })
    const id = await new Promise<number>((resolve, reject) => {
      parent.stdout?.once('data', (line: string) => resolve(Number(line)))
      parent.once('exit', () => reject(new Error('it ended early')))
    })
    expect(before).not.toContain(id)
    parent.kill('SIGKILL')
    const left = async (): Promise<string[]> =>
      (await leftovers()).filter((found) => found.includes(`mab${id}`) || found.includes(`mab-farm-${id}`))
    await waitFor(
      'the removal of the second farm',
      async () => !existsSync(farmDir(id)) && (await left()).length === 0,
      60_000,
    )
  })

  test('is removed after its supervisor was killed', async () => {
    const second = await startFarm()
    const supervisor = (await runningFarms()).find((f) => f.id === second.id)
    process.kill(supervisor?.pid ?? 0, 'SIGKILL')
    const left = async (): Promise<string[]> =>
      (await leftovers()).filter(
        (found) => found.includes(`mab${second.id}`) || found.includes(`mab-farm-${second.id}`),
      )
    await waitFor(
      'the removal of the third farm',
      async () => !existsSync(second.dir) && (await left()).length === 0,
      60_000,
    )
    expect((await ssh(farm.nodes.amd, 'true')).code).toBe(0)
  })
})
