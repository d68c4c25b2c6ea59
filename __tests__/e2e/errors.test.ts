import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import {
  buildkitdInputs,
  farmInputs,
  freshImage,
  leftovers,
  mapConcurrently,
  oneBuildkitdInputs,
  oneNodeInputs,
  startBuildkitds,
  storedTags,
  type Farm,
} from './harness.ts'
import { useFarm } from './setup.ts'

interface Scenario {
  readonly name: string
  readonly inputs: (image: string) => Readonly<Record<string, string>>
  readonly headline: string | ((image: string) => string)
  /** Text in the log, outside of the headline. */
  readonly hint: string
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
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

const setup = useFarm()
let farm: Farm
let scratch: string
/** What happened in the scenarios that change no machine: they run at the same time, before all tests. */
let outcomes: ReadonlyMap<string, Outcome>

beforeAll(async () => {
  farm = setup.farm
  scratch = mkdtempSync(join(tmpdir(), 'refused-'))
  await startBuildkitds(farm)
  const all = [...unavailableNodes(), ...failingBuilds(), ...failingRegistries()]
  const played = await mapConcurrently(all, play)
  outcomes = new Map(played.map((outcome) => [outcome.scenario.name, outcome]))
  await farm.registry.clearFaults()
}, 600_000)
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function outcomeOf(name: string): Outcome {
  const found = outcomes.get(name)
  if (!found) throw new Error(`there is no scenario ${name}`)
  return found
}

async function play(scenario: Scenario): Promise<Outcome> {
  const { files, env, before, inputs } = scenario
  const image = freshImage(farm)
  await before?.(image)
  const job = setup.job({ ...(files && { files }), ...(env && { env }) })
  const main = await job.main(inputs(image))
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

function unavailableNodes(): Scenario[] {
  const { amd, arm } = farm.nodes
  const unused = amd.host.replace(/\d+$/, '233')
  const socket = join(scratch, 'none.sock')
  return [
    {
      name: 'an address without a host',
      inputs: (image) =>
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
      name: 'a closed port',
      inputs: (image) =>
        oneNodeInputs(farm, {
          image,
          fallback: 'fail',
          nodes: `linux/amd64 = ci@${amd.host}:2299`,
          'ssh-known-hosts': keyFor(`[${amd.host}]:2299`),
        }),
      headline: `Nothing listens for SSH at ci@${amd.host}:2299`,
      hint: 'Check that sshd on the node listens on port 2299',
    },
    {
      name: 'one of two nodes that refuses the key',
      inputs: (image) =>
        farmInputs(farm, { image, nodes: `linux/amd64 = ${amd.endpoint}\nlinux/arm64 = nobody@${arm.host}` }),
      headline: `nobody@${arm.host} accepts none of the keys in ssh-private-key`,
      hint: 'On the node, add the public key to ~nobody/.ssh/authorized_keys',
    },
    {
      name: 'two nodes that refuse the key',
      inputs: (image) => farmInputs(farm, { image, fallback: 'fail', 'ssh-private-key': farm.otherKey }),
      headline: [amd, arm].map(({ host }) => `ci@${host} accepts none of the keys in ssh-private-key`).join('\n'),
      hint: '',
    },
    {
      name: 'a key that the node does not accept',
      inputs: (image) => oneNodeInputs(farm, { image, fallback: 'fail', 'ssh-private-key': farm.otherKey }),
      headline: `ci@${amd.host} accepts none of the keys in ssh-private-key`,
      hint: 'On the node, add the public key to ~ci/.ssh/authorized_keys',
    },
    {
      name: 'the host key of another machine',
      inputs: (image) =>
        oneNodeInputs(farm, {
          image,
          fallback: 'fail',
          'ssh-known-hosts': arm.knownHosts.replaceAll(arm.host, amd.host),
        }),
      headline: `The host key of ci@${amd.host} does not match ssh-known-hosts`,
      hint: 'If the host was not reinstalled, the connection may be intercepted: do not continue.',
      detail: /\| SHA256:/,
    },
    {
      name: 'a user without access to the engine',
      inputs: (image) =>
        oneNodeInputs(farm, { image, fallback: 'fail', nodes: `linux/amd64 = ssh://guest@${amd.host}` }),
      headline: `guest has no permission to use the Docker Engine of guest@${amd.host}`,
      hint: 'On the node, run `sudo usermod -aG docker guest`',
    },
    {
      name: 'no engine on the runner',
      env: { DOCKER_HOST: `unix://${socket}` },
      inputs: (image) => farmInputs(farm, { nodes: '', image }),
      headline: `No Docker Engine answers on this runner (${socket})`,
      hint: 'Start a Docker Engine, set DOCKER_HOST to the socket of one, or list only remote nodes in `nodes`.',
    },
    {
      name: 'no node for the requested platform',
      inputs: (image) => farmInputs(farm, { image, nodes: '', platforms: 'linux/riscv64' }),
      headline: 'platforms: no node builds linux/riscv64',
      hint: 'Add a line to `nodes`: `linux/riscv64 = ssh://user@host`.',
      detail: '  | local: linux/amd64',
    },
  ]
}

describe('an unavailable node', () => {
  test.each([
    'an address without a host',
    'a closed port',
    'a key that the node does not accept',
    'the host key of another machine',
    'a user without access to the engine',
    'no engine on the runner',
    'no node for the requested platform',
  ])('%s', async (name) => await expectRefused(outcomeOf(name)))

  test('names only the one of two nodes that refuses the key', async () => {
    const outcome = outcomeOf('one of two nodes that refuses the key')
    await expectRefused(outcome)
    expect(outcome.main.errors.join()).not.toContain(farm.nodes.amd.host)
  })

  test('names both nodes if both refuse the key', async () => {
    const { scenario, main, post, job } = outcomeOf('two nodes that refuse the key')
    expect([main.code, main.errors, post.code]).toEqual([1, [scenario.headline], 0])
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('a changed host key', async () => {
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
  })

  test('no engine', async () => {
    const { amd } = farm.nodes
    await amd.stopEngine()
    let outcome: Outcome
    try {
      outcome = await play({
        name: 'no engine',
        inputs: (image) => oneNodeInputs(farm, { image, fallback: 'fail' }),
        headline: '',
        hint: '',
      })
    } finally {
      await amd.startEngine()
    }
    const { main, post, job } = outcome
    expect([main.code, main.errors, post.code]).toEqual([1, [`No Docker Engine runs on ci@${amd.host}`], 0])
    expect(main.log).toContain('On the node, install and start one (`systemctl enable --now docker`)')
    expect(await leftovers(farm, job)).toEqual([])
  })
})

const pathOf = (image: string): string => image.slice(image.indexOf('/') + 1)
const refusing =
  (status: number, what: string, more: object = {}) =>
  (image: string) =>
    farm.registry.fault({ status, method: 'PUT', match: `${pathOf(image)}/${what}`, ...more })
const pushHint = 'The job has no login at this registry: set `username` and `password`'

function failingBuilds(): Scenario[] {
  return [
    {
      name: 'a step that fails on one platform',
      files: dockerfile('RUN echo "on $(uname -m)" && test "$(uname -m)" = x86_64'),
      inputs: (image) => buildkitdInputs(farm, { image }),
      headline: 'linux/arm64: [2/2] RUN echo "on $(uname -m)" && test "$(uname -m)" = x86_64 failed: exit code: 1',
      hint: 'See the full log for the complete output.',
      detail: '  | on aarch64',
    },
    {
      name: 'a syntax error',
      files: dockerfile('RUNN true'),
      inputs: (image) => oneBuildkitdInputs(farm, { image }),
      headline: 'linux/amd64: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)',
      hint: 'Correct the Dockerfile at this line.',
    },
    {
      name: 'a file that is not in the context',
      files: dockerfile('COPY missing.txt /'),
      inputs: (image) => oneBuildkitdInputs(farm, { image }),
      headline: 'linux/amd64: "/missing.txt": not found',
      hint: 'The path is not in the build context: check its spelling, `context` and `.dockerignore`.',
      detail: '>>> COPY missing.txt /',
    },
    ...[401, 403].map((status): Scenario => ({
      name: `a registry that refuses the push with ${status}`,
      files: dockerfile(`RUN echo ${status}`),
      before: refusing(status, ''),
      inputs: (image) => oneBuildkitdInputs(farm, { image }),
      headline: 'The registry refuses the push of linux/amd64',
      hint: pushHint,
      detail: String(status),
    })),
    {
      name: 'a registry that does not support push',
      files: dockerfile('RUN echo 405'),
      before: refusing(405, ''),
      inputs: (image) => oneBuildkitdInputs(farm, { image }),
      headline: 'The registry failed during the push of linux/amd64',
      hint: 'Run the job again; if the error persists, check the registry’s status.',
      detail: '405',
    },
    {
      name: 'a registry that needs a login, without one',
      files: dockerfile('RUN echo private'),
      inputs: () => oneBuildkitdInputs(farm, { image: `${farm.privateRegistry.host}/acme/app` }),
      headline: `Nothing can be pushed to ${farm.privateRegistry.host}/acme/app`,
      hint: pushHint,
    },
    {
      name: 'a registry that refuses the login',
      files: dockerfile('RUN echo private'),
      inputs: () =>
        oneBuildkitdInputs(farm, {
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
      inputs: (image) => oneBuildkitdInputs(farm, { image }),
      headline: (image) => `The image index of ${image} could not be created`,
      hint: 'No tag was updated. Run the job again; if the error persists, check the registry’s status.',
      detail: /\| .*@sha256:\w+: \S+ reported a server error \(503 UNAVAILABLE: fault 503 set by the farm\)/,
    },
    {
      name: 'a registry that does not let us push the index',
      files: dockerfile('RUN echo 403 for us'),
      before: refusing(403, 'manifests/', { from: 'host' }),
      inputs: (image) => oneBuildkitdInputs(farm, { image }),
      headline: (image) => `The image index of ${image} could not be created`,
      hint: 'No tag was updated. Check `username` and `password`, and that this login has permission to push.',
    },
  ]
}

describe('a failing build or push', () => {
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
  ])('%s', async (name) => await expectRefused(outcomeOf(name)))

  test('the log of a refused login does not contain the password', () => {
    const { main } = outcomeOf('a registry that refuses the login')
    expect(main.masks).toContain('not-the-password')
    expect(main.log).not.toContain('not-the-password')
    expect(main.log).not.toContain(Buffer.from('farm:not-the-password').toString('base64'))
  })
})

function failingRegistries(): Scenario[] {
  return [
    {
      name: 'a registry that temporarily does not take the index',
      files: dockerfile('RUN true'),
      before: refusing(503, 'manifests/', { from: 'host', times: 2 }),
      inputs: (image) => oneBuildkitdInputs(farm, { image }),
      headline: '',
      hint: '',
    },
    {
      name: 'a registry that refuses one tag of three',
      files: dockerfile('RUN true'),
      before: refusing(403, 'manifests/two$'),
      inputs: (image) => oneBuildkitdInputs(farm, { image, tags: 'one\ntwo\nthree' }),
      headline: '1 of 3 tags could not be updated',
      hint: '',
    },
  ]
}

describe('a failing registry', () => {
  test('temporarily: the push of the index is retried', async () => {
    const { main, image } = outcomeOf('a registry that temporarily does not take the index')
    expect([main.code, main.log]).toEqual([0, main.log])
    expect(await storedTags(farm, image)).toContain('main')
    const puts = (await farm.registry.requests()).filter(
      ({ method, path: url, from }) =>
        method === 'PUT' && url.includes(pathOf(image)) && !url.includes('buildcache-') && from === 'host',
    )
    expect(puts.map(({ status }) => status)).toEqual([503, 503, 201, 201])
  })

  test('that accepts connections and never responds: a heartbeat, a warning, and a deadline', async () => {
    const silent = freshImage(farm)
    const clock = join(scratch, 'fast.mjs')
    // Ten minutes pass in seconds. Alone, since a build that waits for a processor seems to be silent too.
    writeFileSync(clock, 'const now = performance.now.bind(performance); performance.now = () => now() * 60\n')
    const { main, post, job } = await play({
      name: 'a registry that never responds',
      files: { Dockerfile: `FROM ${silent}:1\nRUN true\n` },
      env: { NODE_OPTIONS: `--import ${clock}` },
      before: () => farm.registry.fault({ match: pathOf(silent), delayMs: 3_600_000 }),
      inputs: (image) => oneBuildkitdInputs(farm, { image }),
      headline: '',
      hint: '',
    })
    await farm.registry.clearFaults()
    const { host } = farm.registry
    const waiting = `load metadata for ${silent}:1`
    expect(main.log).toMatch(new RegExp(`^linux/amd64 │ \\[internal\\] ${waiting}: running for `, 'm'))
    expect(main.warnings.join('\n')).toMatch(new RegExp(`^No response from ${host} for \\d+ s: .*${waiting}$`, 'm'))
    expect([main.code, main.errors]).toEqual([1, [`No response from ${host} during the build of linux/amd64`]])
    expect(main.log).toMatch(/^It accepted the connection and sent nothing for .*: check the registry’s status\.$/m)
    expect([post.code, await leftovers(farm, job)]).toEqual([0, []])
  })

  test('for one tag of three: the others are updated, and the report lists which', async () => {
    const { scenario, main, post, job, image } = outcomeOf('a registry that refuses one tag of three')
    expect([main.code, main.errors]).toEqual([1, [scenario.headline]])
    for (const tag of ['one', 'three']) expect(main.log).toContain(`  | updated:     ${image}:${tag}\n`)
    expect(main.log).toContain(`  | not updated: ${image}:two (`)
    expect(main.log).toContain(
      'The image itself is in the registry, complete and verified: run the job again to update all tags.',
    )
    expect((await storedTags(farm, image)).filter((tag) => !tag.startsWith('buildcache-'))).toEqual(['one', 'three'])
    expect([post.code, await leftovers(farm, job)]).toEqual([0, []])
  })
})

describe('invalid inputs', () => {
  test('are all reported at once, before anything is created', async () => {
    await Promise.all([farm.nodes.amd.resetCounters(), farm.nodes.arm.resetCounters()])
    const job = setup.job()
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
    const job = setup.job()
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
