import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import {
  farmInputs,
  farmJob,
  freshImage,
  leftovers,
  oneNodeInputs,
  mapConcurrently,
  attachFarm,
  storedTags,
  type Farm,
} from './harness.ts'

interface Scenario {
  readonly name: string
  readonly inputs: (image: string) => Readonly<Record<string, string>>
  readonly headline: string | ((image: string) => string)
  /** Text in the log, outside of the headline. */
  readonly hint: string
  readonly files?: Readonly<Record<string, string>>
  /** Relevant lines that are also in the log. */
  readonly detail?: string | RegExp
  readonly before?: (image: string) => Promise<unknown>
}

interface Outcome {
  readonly scenario: Scenario
  readonly job: Job
  readonly image: string
  readonly main: StepResult
  readonly post: StepResult
}

let farm: Farm
let scratch: string
const jobs: Job[] = []

beforeAll(async () => {
  farm = await attachFarm()
  scratch = mkdtempSync(join(tmpdir(), 'refused-'))
})
afterAll(() => {
  jobs.forEach((job) => job.end())
  rmSync(scratch, { recursive: true, force: true })
})

async function play(scenario: Scenario): Promise<Outcome> {
  const image = freshImage(farm)
  await scenario.before?.(image)
  const job = farmJob(farm, { ...(scenario.files && { files: scenario.files }) })
  jobs.push(job)
  const main = await job.main(scenario.inputs(image))
  return { scenario, job, image, main, post: await job.post() }
}

async function expectRefused({ scenario, job, image, main, post }: Outcome): Promise<void> {
  const { headline, hint, detail } = scenario
  const expected = typeof headline === 'string' ? headline : headline(image)
  expect({ errors: main.errors, log: main.log }).toEqual({ errors: [expected], log: main.log })
  expect(main.code).toBe(1)
  const body = main.log.split('\n').filter((line) => !line.startsWith('::error'))
  expect(body.filter((line) => line.includes(hint))).toHaveLength(1)
  if (detail !== undefined) expect(body.join('\n')).toMatch(detail)
  expect(main.log).not.toMatch(/bug of multiarch-build|Unexpected error/)
  expect([post.code, post.warnings, post.errors]).toEqual([0, [], []])
  expect(Object.values(main.outputs).join('')).toBe('')
  expect(await leftovers(farm, job)).toEqual([])
  if (!image.startsWith(farm.registry.host)) return
  expect((await storedTags(farm, image)).filter((tag) => !tag.startsWith('buildcache-'))).toEqual([])
}

/** A known_hosts line for another address, with the key of `amd`. */
function keyFor(address: string): string {
  return `${address} ${farm.nodes.amd.knownHosts.split('\n')[0]!.split(' ').slice(1).join(' ')}`
}

const dockerfile = (...lines: readonly string[]) => ({
  Dockerfile: [`FROM ${farm.images.base}`, ...lines, ''].join('\n'),
})

describe('an unavailable node', () => {
  test('an address without a host, and a closed port', async () => {
    const unused = farm.nodes.amd.host.replace(/\d+$/, '233')
    const outcomes = await Promise.all(
      [
        {
          name: 'no host',
          inputs: (image: string) =>
            oneNodeInputs(farm, {
              image,
              fallback: 'fail',
              nodes: `linux/amd64 = ci@${unused}`,
              'ssh-known-hosts': keyFor(unused),
            }),
          headline: `ci@${unused} does not answer`,
          hint: 'Check that the machine is up and that a firewall lets this runner reach its SSH port.',
        },
        {
          name: 'closed port',
          inputs: (image: string) =>
            oneNodeInputs(farm, {
              image,
              fallback: 'fail',
              nodes: `linux/amd64 = ci@${farm.nodes.amd.host}:2299`,
              'ssh-known-hosts': keyFor(`[${farm.nodes.amd.host}]:2299`),
            }),
          headline: `Nothing listens for SSH at ci@${farm.nodes.amd.host}:2299`,
          hint: 'Check that sshd on the node listens on port 2299',
        },
      ].map(play),
    )
    for (const outcome of outcomes) await expectRefused(outcome)
  })

  test('names only the one of two nodes that refuses the key', async () => {
    const { amd, arm } = farm.nodes
    const outcome = await play({
      name: 'one of two',
      inputs: (image) =>
        farmInputs(farm, { image, nodes: `linux/amd64 = ${amd.endpoint}\nlinux/arm64 = nobody@${arm.host}` }),
      headline: `nobody@${arm.host} accepts none of the keys in ssh-private-key`,
      hint: 'On the node, add the public key to ~nobody/.ssh/authorized_keys',
    })
    await expectRefused(outcome)
    expect(outcome.main.errors.join()).not.toContain(amd.host)
  })

  test('names both nodes if both refuse the key', async () => {
    const { amd, arm } = farm.nodes
    const headline = [amd, arm].map(({ host }) => `ci@${host} accepts none of the keys in ssh-private-key`).join('\n')
    const { main, post, job } = await play({
      name: 'both',
      inputs: (image) => farmInputs(farm, { image, fallback: 'fail', 'ssh-private-key': farm.otherKey }),
      headline,
      hint: '',
    })
    expect([main.code, main.errors, post.code]).toEqual([1, [headline], 0])
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('a key that the node does not accept', async () => {
    const { host } = farm.nodes.amd
    await expectRefused(
      await play({
        name: 'a key that the node does not accept',
        inputs: (image) => oneNodeInputs(farm, { image, fallback: 'fail', 'ssh-private-key': farm.otherKey }),
        headline: `ci@${host} accepts none of the keys in ssh-private-key`,
        hint: 'On the node, add the public key to ~ci/.ssh/authorized_keys',
      }),
    )
  })

  test('a changed host key, and the host key of another machine', async () => {
    const { host } = farm.nodes.amd
    await farm.nodes.amd.changeHostKey()
    try {
      await expectRefused(
        await play({
          name: 'changed',
          inputs: (image) => oneNodeInputs(farm, { image, fallback: 'fail' }),
          headline: `The host key of ci@${host} does not match ssh-known-hosts`,
          hint: 'If the host was reinstalled, compare the fingerprint',
        }),
      )
    } finally {
      await farm.nodes.amd.restoreHostKey()
    }
    await expectRefused(
      await play({
        name: 'another',
        inputs: (image) =>
          oneNodeInputs(farm, {
            image,
            fallback: 'fail',
            'ssh-known-hosts': farm.nodes.arm.knownHosts.replaceAll(farm.nodes.arm.host, host),
          }),
        headline: `The host key of ci@${host} does not match ssh-known-hosts`,
        hint: 'If the host was not reinstalled, the connection may be intercepted: do not continue.',
        detail: /\| SHA256:/,
      }),
    )
  })

  test('a user without access to the engine', async () => {
    const { host } = farm.nodes.amd
    await expectRefused(
      await play({
        name: 'guest',
        inputs: (image) => oneNodeInputs(farm, { image, fallback: 'fail', nodes: `linux/amd64 = ssh://guest@${host}` }),
        headline: `guest has no permission to use the Docker Engine of guest@${host}`,
        hint: 'On the node, run `sudo usermod -aG docker guest`',
      }),
    )
  })

  test('no engine', async () => {
    const { amd } = farm.nodes
    await amd.stopEngine()
    try {
      const { main, post } = await play({
        name: 'no engine',
        inputs: (image) => oneNodeInputs(farm, { image, fallback: 'fail' }),
        headline: '',
        hint: '',
      })
      expect([main.code, main.errors, post.code]).toEqual([1, [`No Docker Engine runs on ci@${amd.host}`], 0])
      expect(main.log).toContain('On the node, install and start one (`systemctl enable --now docker`)')
    } finally {
      await amd.startEngine()
    }
    expect(await leftovers(farm, jobs.at(-1)!)).toEqual([])
  })

  test('no engine on the runner, and no node for the requested platform', async () => {
    const socket = join(scratch, 'none.sock')
    const job = farmJob(farm, { env: { DOCKER_HOST: `unix://${socket}` } })
    jobs.push(job)
    const main = await job.main(farmInputs(farm, { nodes: '', image: freshImage(farm) }))
    expect([main.code, main.errors]).toEqual([1, [`No Docker Engine answers on this runner (${socket})`]])
    expect(main.log).toContain(
      'Start a Docker Engine, set DOCKER_HOST to the socket of one, or list only remote nodes in `nodes`.',
    )
    expect((await job.post()).code).toBe(0)
    await expectRefused(
      await play({
        name: 'no node for the platform',
        inputs: (image) => farmInputs(farm, { image, nodes: '', platforms: 'linux/riscv64' }),
        headline: 'platforms: no node builds linux/riscv64',
        hint: 'Add a line to `nodes`: `linux/riscv64 = ssh://user@host`.',
        detail: '  | local: linux/amd64',
      }),
    )
    expect(await leftovers(farm, job)).toEqual([])
  })
})

describe('a failing build or push', () => {
  let outcomes: ReadonlyMap<string, Outcome>
  const refusing =
    (status: number, what: string, more: object = {}) =>
    (image: string) =>
      farm.registry.fault({ status, method: 'PUT', match: `${image.slice(image.indexOf('/') + 1)}/${what}`, ...more })
  const pushHint = 'The job has no login at this registry: set `username` and `password`'

  const scenarios = (): Scenario[] => [
    {
      name: 'a step that fails on one platform',
      files: dockerfile('RUN echo "on $(uname -m)" && test "$(uname -m)" = x86_64'),
      inputs: (image) => farmInputs(farm, { image }),
      headline: 'linux/arm64: [2/2] RUN echo "on $(uname -m)" && test "$(uname -m)" = x86_64 failed: exit code: 1',
      hint: 'See the full log for the complete output.',
      detail: '  | on aarch64',
    },
    {
      name: 'a syntax error',
      files: dockerfile('RUNN true'),
      inputs: (image) => oneNodeInputs(farm, { image }),
      headline: 'linux/amd64: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)',
      hint: 'Correct the Dockerfile at this line.',
    },
    {
      name: 'a file that is not in the context',
      files: dockerfile('COPY missing.txt /'),
      inputs: (image) => oneNodeInputs(farm, { image }),
      headline: 'linux/amd64: "/missing.txt": not found',
      hint: 'The path is not in the build context: check its spelling, `context` and `.dockerignore`.',
      detail: '>>> COPY missing.txt /',
    },
    ...[401, 403].map((status): Scenario => ({
      name: `a registry that refuses the push with ${status}`,
      files: dockerfile(`RUN echo ${status}`),
      before: refusing(status, ''),
      inputs: (image) => oneNodeInputs(farm, { image }),
      headline: 'The registry refuses the push of linux/amd64',
      hint: pushHint,
      detail: String(status),
    })),
    {
      name: 'a registry that does not support push',
      files: dockerfile('RUN echo 405'),
      before: refusing(405, ''),
      inputs: (image) => oneNodeInputs(farm, { image }),
      headline: 'The registry failed during the push of linux/amd64',
      hint: 'Run the job again; if the error persists, check the registry’s status.',
      detail: '405',
    },
    {
      name: 'a registry that needs a login, without one',
      files: dockerfile('RUN echo private'),
      inputs: () => oneNodeInputs(farm, { image: `${farm.privateRegistry.host}/acme/app` }),
      headline: `Nothing can be pushed to ${farm.privateRegistry.host}/acme/app`,
      hint: pushHint,
    },
    {
      name: 'a registry that refuses the login',
      files: dockerfile('RUN echo private'),
      inputs: () =>
        oneNodeInputs(farm, {
          image: `${farm.privateRegistry.host}/acme/app`,
          username: 'farm',
          password: 'not-the-password',
        }),
      headline: `Nothing can be pushed to ${farm.privateRegistry.host}/acme/app`,
      hint: 'The login is that of `username` and `password`, or of `registry-auth`: the password is wrong',
    },
    {
      name: 'a registry that does not take the index, for good',
      files: dockerfile('RUN echo 503'),
      before: refusing(503, 'manifests/', { from: 'host' }),
      inputs: (image) => oneNodeInputs(farm, { image }),
      headline: (image) => `The image index of ${image} could not be created`,
      hint: 'No tag was updated. Run the job again; if the error persists, check the registry’s status.',
      detail: /\| .*@sha256:\w+: \S+ reported a server error \(503 UNAVAILABLE: fault 503 set by the farm\)/,
    },
    {
      name: 'a registry that does not let us push the index',
      files: dockerfile('RUN echo 403 for us'),
      before: refusing(403, 'manifests/', { from: 'host' }),
      inputs: (image) => oneNodeInputs(farm, { image }),
      headline: (image) => `The image index of ${image} could not be created`,
      hint: 'No tag was updated. Check `username` and `password`, and that this login has permission to push.',
    },
  ]

  beforeAll(async () => {
    const played = await mapConcurrently(scenarios(), play)
    outcomes = new Map(played.map((outcome) => [outcome.scenario.name, outcome]))
    await farm.registry.clearFaults()
  })

  test.each([
    'a step that fails on one platform',
    'a syntax error',
    'a file that is not in the context',
    'a registry that refuses the push with 401',
    'a registry that refuses the push with 403',
    'a registry that does not support push',
    'a registry that needs a login, without one',
    'a registry that refuses the login',
    'a registry that does not take the index, for good',
    'a registry that does not let us push the index',
  ])('%s', async (name) => await expectRefused(outcomes.get(name)!))

  test('the log of a refused login does not contain the password', () => {
    const { main } = outcomes.get('a registry that refuses the login')!
    expect(main.masks).toContain('not-the-password')
    expect(main.log).not.toContain('not-the-password')
    expect(main.log).not.toContain(Buffer.from('farm:not-the-password').toString('base64'))
  })
})

describe('a failing registry', () => {
  test('temporarily: the push of the index is retried', async () => {
    const image = freshImage(farm)
    const path = image.slice(image.indexOf('/') + 1)
    await farm.registry.fault({ status: 503, method: 'PUT', match: `${path}/manifests/`, from: 'host', times: 2 })
    const job = farmJob(farm, { files: dockerfile('RUN true') })
    jobs.push(job)
    const main = await job.main(oneNodeInputs(farm, { image }))
    await job.post()
    await farm.registry.clearFaults()
    expect([main.code, main.log]).toEqual([0, main.log])
    expect(await storedTags(farm, image)).toContain('main')
    const puts = (await farm.registry.requests()).filter(
      ({ method, path: url, from }) =>
        method === 'PUT' && url.includes(path) && !url.includes('buildcache-') && from === 'host',
    )
    expect(puts.map(({ status }) => status)).toEqual([503, 503, 201, 201])
  })

  test('that accepts connections and never responds: a heartbeat, a warning, and a deadline', async () => {
    const base = freshImage(farm)
    await farm.registry.fault({ match: base.slice(base.indexOf('/') + 1), delayMs: 3_600_000 })
    const clock = join(scratch, 'fast.mjs')
    // Ten minutes pass in seconds.
    writeFileSync(clock, 'const now = performance.now.bind(performance); performance.now = () => now() * 60\n')
    const files = { Dockerfile: `FROM ${base}:1\nRUN true\n` }
    const job = farmJob(farm, { files, env: { NODE_OPTIONS: `--import ${clock}` } })
    jobs.push(job)
    const main = await job.main(oneNodeInputs(farm, { image: freshImage(farm) }))
    const post = await job.post()
    await farm.registry.clearFaults()
    const { host } = farm.registry
    const waiting = `load metadata for ${base}:1`
    expect(main.log).toMatch(new RegExp(`^linux/amd64 │ \\[internal\\] ${waiting}: running for `, 'm'))
    expect(main.warnings.join('\n')).toMatch(new RegExp(`^No response from ${host} for \\d+ s: .*${waiting}$`, 'm'))
    expect([main.code, main.errors]).toEqual([1, [`No response from ${host} during the build of linux/amd64`]])
    expect(main.log).toMatch(/^It accepted the connection and sent nothing for .*: check the registry’s status\.$/m)
    expect([post.code, await leftovers(farm, job)]).toEqual([0, []])
  })

  test('for one tag of three: the others are updated, and the report lists which', async () => {
    const image = freshImage(farm)
    await farm.registry.fault({
      status: 403,
      method: 'PUT',
      match: `${image.slice(image.indexOf('/') + 1)}/manifests/two$`,
    })
    const job = farmJob(farm, { files: dockerfile('RUN true') })
    jobs.push(job)
    const main = await job.main(oneNodeInputs(farm, { image, tags: 'one\ntwo\nthree' }))
    const post = await job.post()
    await farm.registry.clearFaults()
    expect([main.code, main.errors]).toEqual([1, ['1 of 3 tags could not be updated']])
    for (const tag of ['one', 'three']) expect(main.log).toContain(`  | updated:     ${image}:${tag}\n`)
    expect(main.log).toContain(`  | not updated: ${image}:two (`)
    expect(main.log).toContain(
      'The image itself is in the registry, complete and verified: run the job again to update the other tags.',
    )
    expect((await storedTags(farm, image)).filter((tag) => !tag.startsWith('buildcache-'))).toEqual(['one', 'three'])
    expect([post.code, await leftovers(farm, job)]).toEqual([0, []])
  })
})

describe('invalid inputs', () => {
  test('are all reported at once, before anything is created', async () => {
    await Promise.all([farm.nodes.amd.resetCounters(), farm.nodes.arm.resetCounters()])
    const job = farmJob(farm)
    jobs.push(job)
    const main = await job.main(
      farmInputs(farm, {
        image: `${farm.registry.host}/acme app`,
        tags: 'not valid',
        context: 'nowhere',
        platforms: 'linux/riscv64',
      }),
    )
    expect(main.code).toBe(1)
    expect(main.errors).toHaveLength(1)
    expect(main.errors[0]?.split('\n')).toEqual([
      '4 invalid inputs',
      expect.stringMatching(/^image: ".*\/acme app" is not a repository: write `registry\/owner\/name`/),
      expect.stringMatching(/^tags: "not valid" contains spaces: write one tag per line, or commas between them$/),
      expect.stringMatching(/^context: "nowhere" /),
      expect.stringMatching(
        new RegExp(
          '^platforms: "linux/riscv64" has no node \\(.*\\): ' +
            'add a line to `nodes`, such as `linux/riscv64 = ssh://user@host`$',
        ),
      ),
    ])
    const post = await job.post()
    expect([post.code, post.log]).toEqual([0, 'Nothing to clean up.\n'])
    expect(await leftovers(farm, job)).toEqual([])
    expect(main.state).toEqual({})
    expect(await Promise.all([farm.nodes.amd, farm.nodes.arm].map((node) => node.sshConnections()))).toEqual([0, 0])
  })

  test('nodes without platforms', async () => {
    const job = farmJob(farm)
    jobs.push(job)
    const { amd, arm } = farm.nodes
    const main = await job.main(
      farmInputs(farm, {
        image: freshImage(farm),
        'driver-opts': '',
        nodes: `- endpoint: ${amd.buildkitdEndpoint}\n- endpoint: ${arm.buildkitdEndpoint}`,
      }),
    )
    expect([main.code, main.errors[0]?.split('\n')[0]]).toEqual([1, '1 invalid input'])
    expect(main.errors[0]).toContain(
      'nodes: "platforms" must be given for a buildkitd: write `platforms: linux/arm64` below its endpoint',
    )
    expect(await leftovers(farm, job)).toEqual([])
  })
})
