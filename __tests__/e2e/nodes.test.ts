import { beforeAll, describe, expect, test } from '@jest/globals'
import { join } from 'node:path'
import { isolatedEnv, tryRun } from '../farm/exec.ts'
import { buildLater } from './later-steps.ts'
import type { Job, StepResult } from './runner.ts'
import { releaseTwice } from './tested-releases.ts'
import {
  appFiles,
  farmInputs,
  freshImage,
  leftovers,
  oneNodeInputs,
  waitFor,
  storedIndex,
  type Farm,
} from './harness.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()
let farm: Farm

beforeAll(async () => {
  farm = setup.farm
  await farm.nodes.arm.startBuildkitd()
  await farm.nodes.amd.addUser({ name: 'dev', docker: true })
})

function open(): Job {
  return setup.job({ files: appFiles(farm) })
}

async function expectBuilt(image: string, main: StepResult): Promise<void> {
  expect([main.code, main.log]).toEqual([0, main.log])
  const index = await storedIndex(farm, image, 'main')
  const platforms = index?.manifests
    .map(({ platform }) => `${platform.os}/${platform.architecture}`)
    .filter((platform) => platform !== 'unknown/unknown')
  expect([index?.digest, platforms]).toEqual([main.outputs['digest'], ['linux/amd64', 'linux/arm64']])
}

async function expectNothingLeft(): Promise<void> {
  for (const job of setup.jobs) expect(await leftovers(farm, job)).toEqual([])
}

describe('endpoints', () => {
  const { amd, arm, image } = { amd: () => farm.nodes.amd, arm: () => farm.nodes.arm, image: () => freshImage(farm) }
  const cases: readonly (readonly [string, () => string, readonly RegExp[]])[] = [
    [
      'the local engine and one behind SSH',
      () => `linux/amd64 = local\nlinux/arm64 = ${arm().endpoint}`,
      [/^local: Docker [\d.]+\S*, linux\/amd64/m],
    ],
    [
      'user@host:port, another user',
      () => `linux/amd64 = dev@${amd().host}:22\nlinux/arm64 = ci@${arm().host}`,
      [/^10[\d.]+: Docker/m],
    ],
    [
      'a buildkitd behind SSH beside an engine',
      () => `linux/amd64 = ${amd().endpoint}\nlinux/arm64 = ${arm().buildkitdEndpoint}`,
      [/^10[\d.]+: Docker/m, /^10[\d.]+: buildkitd, .*ready in \d+ ms, builds linux\/arm64$/m],
    ],
    // The machine's buildkitd also listens in a directory shared with this host.
    [
      'a buildkitd here beside an engine here',
      () => `linux/amd64 = local\nlinux/arm64 = unix://${join(farm.dir, 'arm/share/buildkitd.sock')}`,
      [/^buildkitd: buildkitd, ready/m],
    ],
  ]

  test('each kind builds, next to another kind', async () => {
    const outcomes = await Promise.all(
      cases.map(async ([name, nodes, lines]) => {
        const [job, repository] = [open(), image()]
        const main = await job.main(farmInputs(farm, { image: repository, nodes: nodes() }))
        return { name, lines, repository, main, post: await job.post() }
      }),
    )
    for (const { name, lines, repository, main, post } of outcomes) {
      await expectBuilt(repository, main)
      for (const line of lines)
        expect({ name, log: main.log }).toEqual({ name, log: expect.stringMatching(line) as unknown })
      expect([post.code, post.warnings]).toEqual([0, []])
    }
    await expectNothingLeft()
  })

  test.each([
    ['here', () => `unix://${join(farm.dir, 'arm/share/buildkitd.sock')}`],
    ['behind SSH', () => arm().buildkitdEndpoint],
  ])('a buildkitd %s tests images before their tag is updated', async (_, endpoint) => {
    const inputs = farmInputs(farm, { nodes: `linux/arm64 = ${endpoint()}`, 'driver-opts': '' })
    await releaseTwice(farm, open(), ['linux/arm64'], inputs)
    await expectNothingLeft()
  })

  test('a socket without a buildkitd', async () => {
    const job = open()
    const main = await job.main(
      farmInputs(farm, {
        image: image(),
        'driver-opts': '',
        nodes: `linux/arm64 = ssh://ci@${arm().host}/run/nobody.sock`,
      }),
    )
    const post = await job.post()
    expect([main.code, main.errors, post.code]).toEqual([
      1,
      [`No buildkitd answers at ci@${arm().host}/run/nobody.sock`],
      0,
    ])
    expect(main.log).toContain(
      'Check that it runs, that its socket exists, and that the user has access to it (`buildkitd --group`).',
    )
    await expectNothingLeft()
  })
})

describe('the node list of setup-buildx-action, and daemon options', () => {
  let job: Job
  let main: StepResult
  const config = '[worker.oci]\n  max-parallelism = 3\n'

  beforeAll(async () => {
    const { amd, arm } = farm.nodes
    job = open()
    const nodes = [
      `- endpoint: ${amd.endpoint}`,
      '  name: first',
      '  platforms: linux/amd64',
      '  driver-opts: env.WHICH=first',
      `- endpoint: ${arm.endpoint}`,
      '  platforms: linux/arm64',
      '  buildkitd-flags: --debug',
    ].join('\n')
    main = await job.main(
      farmInputs(farm, {
        image: freshImage(farm),
        nodes,
        'driver-opts': `image=${farm.images.buildkit}\nnetwork=host\nenv.WHICH=every`,
        'buildkitd-config-inline': config,
        use: 'true',
      }),
    )
  })

  test('the names and options of the list are used', async () => {
    expect([main.code, main.log]).toEqual([0, main.log])
    expect(main.log).toMatch(/^first: Docker/m)
    const seen = await Promise.all(
      [farm.nodes.amd, farm.nodes.arm].map(async (node) => {
        const [container, ...more] = await node.containers()
        expect([container?.state, more]).toEqual(['running', []])
        const { stdout } = await node.exec(
          `name=${container?.name ?? ''}; docker inspect $name && docker exec $name cat /etc/buildkit/buildkitd.toml`,
        )
        return stdout
      }),
    )
    for (const text of seen) {
      expect(text).toContain('max-parallelism = 3')
      expect(text).toContain('"NetworkMode": "host"')
      expect(text).toContain(`"Image": "${farm.images.buildkit}"`)
    }
    expect(seen.map((text) => /WHICH=\w+/.exec(text)?.[0])).toEqual(['WHICH=first', 'WHICH=every'])
    expect(seen.map((text) => text.includes('"--debug"'))).toEqual([false, true])
  })

  test('later steps of the job use the builder over the existing connections', async () => {
    const { name = '', driver, platforms, nodes = '[]' } = main.outputs
    expect([main.outputs['builder'], driver, platforms]).toEqual([name, 'remote', 'linux/amd64,linux/arm64'])
    expect(JSON.parse(nodes)).toMatchObject([
      { name: 'first', platforms: 'linux/amd64' },
      { endpoint: farm.nodes.arm.endpoint, driver: 'docker-container' },
    ])
    expect(main.exported).toMatchObject({ BUILDX_BUILDER: name, BUILDX_CONFIG: main.outputs['buildx-config'] })
    // The environment of a later step, which has logins of its own.
    const env = isolatedEnv(job.home, { ...main.exported, DOCKER_CONFIG: join(job.workspace, 'none') })
    await farm.nodes.amd.resetCounters()
    const inspected = await tryRun(farm.tools.buildx, ['inspect'], { env })
    expect([inspected.code, inspected.stdout.match(/^Status: .*$/gm)]).toEqual([
      0,
      [expect.stringMatching(/running$/), expect.stringMatching(/running$/)],
    ])
    const image = freshImage(farm)
    const built = await tryRun(
      farm.tools.buildx,
      ['build', '--platform', 'linux/amd64,linux/arm64', '--push', '--tag', `${image}:later`, job.workspace],
      { env },
    )
    expect([built.code, built.stderr]).toEqual([0, built.stderr])
    expect((await storedIndex(farm, image, 'later'))?.manifests.length).toBeGreaterThan(1)
    expect(await farm.nodes.amd.sshConnections()).toBe(0)
  })

  test('nothing is left after post', async () => {
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    await expectNothingLeft()
  })
})

describe('a server that forbids forwarding', () => {
  test('works through sessions of the same connection, for an engine and a buildkitd', async () => {
    const { amd, arm } = farm.nodes
    await Promise.all([amd.resetCounters(), arm.resetCounters()])
    const [job, image] = [open(), freshImage(farm)]
    const main = await job.main(
      farmInputs(farm, {
        image,
        nodes: [
          `linux/amd64 = ${amd.noForwarding.endpoint}`,
          `linux/arm64 = ${arm.noForwarding.endpoint}${arm.buildkitdSocket}`,
        ].join('\n'),
        use: 'true',
      }),
    )
    await expectBuilt(image, main)
    const later = await buildLater(farm, job, main, { platforms: ['linux/amd64', 'linux/arm64'] })
    expect([later, main.outputs['driver']]).toEqual([[true, true], 'remote'])
    expect([await amd.sshConnections(), await arm.sshConnections()]).toEqual([1, 1])
    const post = await job.post()
    // The post step connects again to remove the builder of the engine.
    expect([await amd.sshConnections(), await arm.sshConnections(), post.code, post.warnings]).toEqual([2, 1, 0, []])
    await expectNothingLeft()
  })

  test('names MaxSessions if it also allows too few sessions', async () => {
    const { amd } = farm.nodes
    const job = open()
    const nodes = `linux/amd64 = ${amd.fewSessions.endpoint}`
    const main = await job.main(oneNodeInputs(farm, { image: freshImage(farm), nodes, fallback: 'fail' }))
    const post = await job.post()
    const [headline = ''] = main.errors
    expect([main.code, main.errors]).toEqual([
      1,
      [expect.stringMatching(/^\S+ allows too few SSH sessions: raise MaxSessions$/)],
    ])
    expect(headline.length).toBeLessThanOrEqual(100)
    expect(main.log).toContain('In /etc/ssh/sshd_config on the node, raise `MaxSessions` (its default is 10)')
    expect([post.code, post.warnings]).toEqual([0, []])
    await expectNothingLeft()
  })
})

describe('without `use`', () => {
  test('daemons end as soon as nothing builds on them, and connections with main', async () => {
    const { amd } = farm.nodes
    const job = open()
    const main = await job.main(oneNodeInputs(farm, { image: freshImage(farm) }))
    expect(main.code === 0 ? '' : main.log).toBe('')
    await waitFor('the end of the daemon', async () => (await amd.containers()).length === 0)
    const env = isolatedEnv(job.home, {
      BUILDX_BUILDER: main.outputs['name'] ?? '',
      BUILDX_CONFIG: main.outputs['buildx-config'] ?? '',
      DOCKER_CONFIG: join(job.workspace, 'none'),
    })
    const built = await tryRun(farm.tools.buildx, ['build', '--output', 'type=cacheonly', job.workspace], { env })
    expect([built.code, built.stderr]).toEqual([1, expect.stringContaining('n0.sock')])
    expect(await amd.containers()).toEqual([])
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    await expectNothingLeft()
  })
})

describe('one node twice', () => {
  test('several lines for one endpoint are one node with one connection and one daemon', async () => {
    const { amd } = farm.nodes
    await amd.resetCounters()
    const [job, image] = [open(), freshImage(farm)]
    const main = await job.main(
      oneNodeInputs(farm, { image, nodes: `linux/amd64 = ${amd.endpoint}\nlinux/arm64 = ci@${amd.host}`, use: 'true' }),
    )
    const found = [(await amd.containers()).length, await amd.sshConnections()]
    const post = await job.post()
    await expectBuilt(image, main)
    expect([...found, post.code]).toEqual([1, 1, 0])
    await expectNothingLeft()
  })
})
