import { beforeAll, describe, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunDir } from '../../src/run/run-dir.ts'
import type { Job, JobOptions, Running, StepResult } from './runner.ts'
import {
  waitFor,
  farmInputs,
  freshImage,
  leftovers,
  oneNodeInputs,
  processesMentioning,
  mapConcurrently,
  storedTags,
  type Farm,
} from './harness.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()
let farm: Farm

beforeAll(() => {
  farm = setup.farm
})

function open(more: JobOptions = {}): Job {
  const files = {
    Dockerfile: `FROM ${farm.images.base}\nRUN head -c 3000000 /dev/urandom > /some\nRUN echo talking; sleep 0.5\n`,
  }
  return setup.job({ files, event: 'pull_request', ...more })
}

async function expectNothingLeft(): Promise<void> {
  for (const job of setup.jobs) expect(await leftovers(farm, job)).toEqual([])
}

interface Scene {
  readonly job: Job
  readonly image: string
  readonly running: Running
  /** The run's private directory. */
  readonly dir: () => string | undefined
}

/** An observable event during a run. */
type Moment = (scene: Scene) => Promise<unknown>

const both =
  (first: Moment, second: Moment): Moment =>
  async (scene) => {
    await first(scene)
    await second(scene)
  }
const inDir =
  (name: string): Moment =>
  async ({ dir }) =>
    await waitFor(name, () => existsSync(join(dir() ?? '/nowhere', name)))
const noted =
  (kind: string): Moment =>
  async ({ dir }) =>
    await waitFor(
      `the note of a ${kind}`,
      () =>
        existsSync(join(dir() ?? '/nowhere', 'journal')) &&
        readFileSync(join(dir() ?? '', 'journal'), 'utf8').includes(`"kind":"${kind}"`),
    )
const prints =
  (pattern: RegExp): Moment =>
  async ({ running }) =>
    await running.waitForOutput(pattern)
const requested =
  (method: string, what: RegExp): Moment =>
  async ({ image }) =>
    await waitFor(`${method} ${String(what)}`, async () =>
      (await farm.registry.requests(pathOf(image))).some(
        (request) => request.method === method && what.test(request.path),
      ),
    )
const container: Moment = async ({ job }) =>
  await waitFor('a container', async () =>
    (await farm.nodes.amd.containers()).some(({ name }) => name.includes(job.runId)),
  )

const pathOf = (image: string) => image.slice(image.indexOf('/') + 1)

function begin(image = freshImage(farm), more: Readonly<Record<string, string>> = {}): Scene {
  const job = open()
  const running = job.start(oneNodeInputs(farm, { image, ...more }))
  return { job, image, running, dir: () => readdirSync(job.temp).map((name) => join(job.temp, name))[0] }
}

// The same in every run, so that a failure is reproducible.
const sinceStart = [150, 260, 330, 410]
const sinceBoot = [40, 90, 150, 240, 350, 600, 900]

const moments: readonly (readonly [string, Moment])[] = [
  ['as soon as it has made anything', async ({ dir }) => await waitFor('the directory', dir)],
  ['when its agent runs', inDir('agent.sock')],
  ['when it connects', noted('tunnel')],
  ['when it is connected', inDir('n0.sock')],
  ['when it is about to start the daemon', noted('container')],
  ['when buildx boots the daemon', prints(/Building /)],
  ['when the container has just been made', container],
  ['when a step talks', prints(/\] talking/)],
  ['when layers are pushed', requested('POST', /uploads/)],
  ['when the index is pushed', requested('PUT', /manifests\/sha256/)],
  ['when the tag has moved', requested('PUT', /manifests\/pr-/)],
  ...sinceStart.map((ms) => [`${ms} ms after its start`, async () => await sleep(ms)] as const),
  ...sinceBoot.map(
    (ms) =>
      [`${ms} ms after it began to boot the daemon`, both(prints(/Building /), async () => await sleep(ms))] as const,
  ),
]

describe('main is killed at once, and post runs', () => {
  test('nothing is left, at any time', async () => {
    const outcomes = await mapConcurrently(
      moments,
      async ([name, moment]) => {
        const scene = begin()
        await moment(scene)
        scene.running.process.kill('SIGKILL')
        const main = await scene.running.result
        const post = await scene.job.post()
        return {
          name,
          code: main.code,
          post: [post.code, post.errors, post.warnings],
          image: scene.image,
          log: main.log + post.log,
        }
      },
      3,
    )
    for (const { name, post, log } of outcomes) expect({ name, post, log }).toEqual({ name, post: [0, [], []], log })
    // Otherwise this test proves nothing: most runs must have been interrupted.
    expect(outcomes.filter(({ code }) => code === 137).length).toBeGreaterThan(moments.length - 4)
    await expectNothingLeft()
    for (const { name, image } of outcomes)
      expect({ name, tags: (await storedTags(farm, image)).filter((tag) => tag.startsWith('pr-')) }).toEqual({
        name,
        tags: [],
      })
  }, 180_000)
})

/** Cancels as the runner does: SIGINT, SIGTERM, then SIGKILL. */
async function cancel({ running }: Scene): Promise<StepResult & { readonly forced: boolean }> {
  let forced = false
  running.process.kill('SIGINT')
  const patience = [
    setTimeout(() => running.process.kill('SIGTERM'), 7500),
    setTimeout(() => {
      forced = true
      running.process.kill('SIGKILL')
    }, 10_000),
  ]
  const result = await running.result
  patience.forEach((timer) => clearTimeout(timer))
  return { ...result, forced }
}

async function expectCancelled(scene: Scene): Promise<void> {
  const main = await cancel(scene)
  expect([main.forced, main.code, main.errors, main.log]).toEqual([
    false,
    1,
    [expect.stringMatching(/^Cancelled by /)],
    main.log,
  ])
  expect(main.log).not.toMatch(/Unexpected error|bug of/)
  // Its child processes must not continue to build or send requests to the registry.
  expect(processesMentioning(scene.job.dir).filter((line) => line.includes('buildx bake'))).toEqual([])
  const post = await scene.job.post()
  expect([post.code, post.errors, post.warnings]).toEqual([0, [], []])
}

describe('main is cancelled by the runner', () => {
  test('while a node does not answer', async () => {
    const { arm } = farm.nodes
    await arm.freeze()
    try {
      const job = open()
      const running = job.start(farmInputs(farm, { image: freshImage(farm) }))
      const scene = { job, image: '', running, dir: () => readdirSync(job.temp).map((name) => join(job.temp, name))[0] }
      await inDir('n0.sock')(scene)
      await expectCancelled(scene)
    } finally {
      await arm.thaw()
    }
    await expectNothingLeft()
  })

  test('during the build, and while the registry does not answer', async () => {
    const slow = freshImage(farm)
    await farm.registry.fault({
      delayMs: 30_000,
      method: 'PUT',
      match: `${pathOf(slow)}/manifests/sha256`,
      from: 'host',
    })
    await Promise.all([
      (async () => {
        const scene = begin()
        await prints(/\] talking/)(scene)
        await expectCancelled(scene)
        expect(await storedTags(farm, scene.image)).toEqual([])
      })(),
      (async () => {
        // Only an image with several platforms has an index that the action itself puts.
        const scene = begin(slow, { nodes: `linux/amd64,linux/386 = ${farm.nodes.amd.endpoint}` })
        await requested('PUT', /manifests\/sha256/)(scene)
        await waitFor('the PUT of the action', async () =>
          (await farm.registry.requests(pathOf(slow))).some(({ method, from }) => method === 'PUT' && from === 'host'),
        )
        await expectCancelled(scene)
      })(),
    ])
    await farm.registry.clearFaults()
    expect((await storedTags(farm, slow)).filter((tag) => tag.startsWith('pr-'))).toEqual([])
    await expectNothingLeft()
  })

  test('before it has started anything', async () => {
    const scene = begin()
    await scene.running.waitForOutput(/add-mask/)
    const main = await cancel(scene)
    expect([main.forced, main.code, main.errors]).toEqual([false, 1, [expect.stringMatching(/^Cancelled by /)]])
    expect((await scene.job.post()).code).toBe(0)
    await expectNothingLeft()
  })
})

describe('post', () => {
  test('does nothing if main saved nothing', async () => {
    const job = open()
    const post = await job.post()
    expect([post.code, post.log]).toEqual([0, 'Nothing to clean up.\n'])
    await expectNothingLeft()
  })

  test('is cancelled while the registry does not answer: ends in time and leaves nothing behind', async () => {
    // The builder is kept until post.
    const { job, image, running } = begin(freshImage(farm), { use: 'true' })
    const main = await running.result
    expect([main.code, main.log]).toEqual([0, main.log])
    await farm.registry.fault({ delayMs: 60_000, match: pathOf(image) })
    const post = job.startPost()
    await post.waitForOutput(/Removed the builder/)
    const { forced, code, warnings } = await cancel({ job, image, running: post, dir: () => undefined })
    expect([forced, code, warnings]).toEqual([false, 0, [expect.stringContaining('Cleanup was cancelled')]])
    await expectNothingLeft()
    await farm.registry.clearFaults()
    expect((await job.post()).code).toBe(0)
  })

  test('is killed half-way, and finishes when it runs again', async () => {
    const killed = async (
      moment: (post: Running, image: string) => Promise<unknown>,
      before: (image: string) => Promise<unknown> = () => Promise.resolve(),
    ) => {
      const { job, image, running } = begin(freshImage(farm), { use: 'true' })
      const main = await running.result
      expect([main.code, main.log]).toEqual([0, main.log])
      await before(image)
      const first = job.startPost()
      await moment(first, image)
      first.process.kill('SIGKILL')
      const { code } = await first.result
      const second = await job.post()
      const third = await job.post()
      return {
        image,
        code,
        second: [second.code, second.errors, second.warnings],
        third: [third.code, third.errors, third.warnings],
      }
    }
    const hold = async (image: string) =>
      await farm.registry.fault({ delayMs: 60_000, method: 'DELETE', match: `${pathOf(image)}/manifests/`, times: 1 })
    const held = async (post: Running, image: string) => {
      await post.waitForOutput(/Removed the builder/)
      await waitFor('DELETE', async () =>
        (await farm.registry.requests(`${pathOf(image)}/manifests/`)).some(({ method }) => method === 'DELETE'),
      )
    }
    const outcomes = await Promise.all([
      killed(held, hold),
      killed(async (post) => await post.waitForOutput(/Deleted/)),
      killed(async () => await sleep(150)),
    ])
    for (const { second, third } of outcomes)
      expect([second, third]).toEqual([
        [0, [], []],
        [0, [], []],
      ])
    expect(outcomes[0].code).toBe(137)
    const caches = ['buildcache-linux-amd64-pr', 'buildcache-linux-amd64-pr-stats']
    for (const { image } of outcomes) expect(await storedTags(farm, image)).toEqual(caches)
    await expectNothingLeft()
  })

  test('gives the keys to an agent that a killed one has just started', async () => {
    const { job, running, dir } = begin(freshImage(farm), { use: 'true' })
    const main = await running.result
    expect([main.code, main.log]).toEqual([0, main.log])
    const { agentSocket } = new RunDir(dir() ?? '')
    const agent = spawn('ssh-agent', ['-D', '-a', agentSocket], { stdio: 'ignore' })
    const ended = once(agent, 'exit')
    await waitFor('the agent', () => existsSync(agentSocket))
    const post = await job.post()
    expect([post.code, post.errors, post.warnings]).toEqual([0, [], []])
    await ended
    await expectNothingLeft()
  })
})
