import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readdirSync } from 'node:fs'
import type { Fault } from '../farm/farm.ts'
import type { Job, Running, StepResult } from './runner.ts'
import {
  waitFor,
  farmInputs,
  freshImage,
  keptBuilder,
  leftovers,
  removeKeptBuilders,
  storedIndex,
  storedTags,
  tryRead,
  type Farm,
  type FarmNode,
} from './harness.ts'
import { useFarm } from './setup.ts'

/*
 * The faults tested on real machines, engines and registries, by the phase in which they occur. Faults of the registry
 * that last for a moment occur in several phases of one run, and all of them have to have occurred.
 *
 *              here   in other files
 *   probe         5   errors.test.ts: no host, closed port, key refused by one or both nodes, invalid key, changed host
 *                     key, host key of another machine, user without access, engine stopped, no local engine, platform
 *                     without a node; nodes.test.ts: no buildkitd at the socket; fallback.test.ts: each
 *                     fallback strategy
 *   boot          3   kill.test.ts: killed at seven points of the boot
 *   context       1   errors.test.ts: a missing file
 *   build        12   errors.test.ts: a failing step, a syntax error; kill.test.ts: killed, cancelled
 *   push          6   errors.test.ts: 401, 403, 405, no login, invalid login; kill.test.ts: killed
 *   cache         6
 *   merge         5   errors.test.ts: permanent 503, 403, temporary 503; kill.test.ts: killed, cancelled
 *   tags          4   errors.test.ts: 403 for one of three; kill.test.ts: killed
 *   post          6   kill.test.ts: killed half-way
 *
 * Each test checks the exit code, at most one headline, the right image or none, no tag without its image, and that
 * nothing is left behind.
 */

interface Scene {
  readonly node: FarmNode
  readonly job: Job
  readonly running: Running
  readonly image: string
  /** The repository's path, the target of the faults. */
  readonly path: string
}

interface Case {
  readonly phase: string
  readonly name: string
  /** Where to build: the machine with the fault, or for faults of the registry a persistent builder of the runner. */
  readonly on?: 'node' | 'local'
  readonly inputs?: (scene: Omit<Scene, 'running' | 'job'>) => Readonly<Record<string, string>>
  readonly steps?: readonly string[]
  readonly event?: string
  /** Faults of the registry, which all have to occur; `match` is below the image's path. */
  readonly momentary?: readonly (Fault & { readonly match: string; readonly times: number })[]
  /** Before main starts. */
  readonly before?: (scene: Omit<Scene, 'running' | 'job'>) => Promise<unknown>
  /** While main runs. */
  readonly during?: (scene: Scene) => Promise<unknown>
  /** After main has ended. */
  readonly after?: (scene: Scene) => Promise<unknown>
  /** After post has ended. */
  readonly last?: (scene: Scene) => Promise<unknown>
  /** The error of main; main succeeds if absent. */
  readonly headline?: RegExp
  readonly logs?: RegExp
  readonly neverLogs?: RegExp
  /** The only warning of post; no warning if absent. */
  readonly postWarns?: RegExp
  /** The content of the registry afterwards, without caches. */
  readonly tags?: readonly string[]
}

interface Outcome {
  readonly image: string
  readonly main: StepResult
  readonly post: StepResult
}

const setup = useFarm({ keepsBuilders: true })
let farm: Farm
const outcomes = new Map<string, Outcome>()

const talks = ({ running }: Pick<Scene, 'running'>) => running.waitForOutput(/\] working/)
const building = ({ running }: Pick<Scene, 'running'>) => running.waitForOutput(/Building /)
const slow = ['RUN echo working; sleep 2']
const refuse =
  (fault: (path: string) => Fault) =>
  async ({ path }: { readonly path: string }) =>
    await farm.registry.fault(fault(path))
const rescheduledToLocal = /linux\/amd64 rescheduled to local \(`fallback: local`\)/
const builders = 'docker ps -q --filter name=buildx_buildkit'
const killSsh = ({ job }: Pick<Scene, 'job'>) => endTunnels(job)
const inOrder =
  (...parts: readonly ((scene: Scene) => Promise<unknown>)[]) =>
  async (scene: Scene) => {
    for (const part of parts) await part(scene)
  }
const from = (who: 'host' | 'local', fault: Omit<Fault, 'match'> & { readonly what: string }) =>
  refuse((path) => {
    const { what, ...rest } = fault
    return { ...rest, match: `/${path}/${what}`, from: who }
  })

const bothOf =
  (one: ReturnType<typeof from>, other: ReturnType<typeof from>) => async (where: { readonly path: string }) =>
    await Promise.all([one(where), other(where)])

/** Faults of a machine, one machine at a time. */
const ofNodes: readonly Case[] = [
  {
    phase: 'probe',
    name: 'a machine that is off',
    before: ({ node }) => node.kill(),
    after: ({ node }) => node.revive(),
    logs: rescheduledToLocal,
  },
  {
    phase: 'probe',
    name: 'a machine that is frozen',
    before: ({ node }) => node.freeze(),
    after: ({ node }) => node.thaw(),
    logs: /does not answer.*linux\/amd64 rescheduled to local/,
  },
  {
    phase: 'probe',
    name: 'a network that is cut',
    before: ({ node }) => node.cut(),
    after: ({ node }) => node.mend(),
    logs: rescheduledToLocal,
  },
  {
    phase: 'probe',
    name: 'an engine that is frozen',
    before: ({ node }) => node.freezeEngine(),
    after: ({ node }) => node.thawEngine(),
    logs: /The Docker Engine of ci@\S+ does not answer\. .*linux\/amd64 rescheduled to local/,
  },
  {
    phase: 'probe',
    name: 'an engine that is stopped, and nothing to fall back to',
    before: ({ node }) => node.stopEngine(),
    after: ({ node }) => node.startEngine(),
    inputs: () => ({ fallback: 'node' }),
    headline: /^No Docker Engine runs on ci@\S+$/,
    logs: /No fallback for linux\/amd64:[^]*node: no other available node builds linux\/amd64/,
  },
  {
    phase: 'boot',
    name: 'a machine that goes off',
    during: inOrder(building, ({ node }) => node.kill()),
    after: ({ node }) => node.revive(),
    logs: rescheduledToLocal,
  },
  {
    phase: 'boot',
    name: 'a disk that is full',
    before: ({ node }) => node.fill(),
    after: ({ node }) => node.unfill(),
    logs: rescheduledToLocal,
  },
  {
    phase: 'boot',
    name: 'an image of BuildKit that is not there',
    inputs: () => ({ 'driver-opts': `image=${farm.registry.host}/farm/nothing:1\nnetwork=host` }),
    headline: /^BuildKit does not start on this runner$/,
    logs: /Before that: BuildKit does not start on node 10\./,
  },
  {
    phase: 'context',
    name: 'a connection that ends while the context is sent',
    steps: ['COPY . /all', ...slow],
    during: inOrder(({ running }) => running.waitForOutput(/FROM/), killSsh),
    logs: rescheduledToLocal,
  },
  {
    phase: 'build',
    name: 'a machine that goes off',
    during: inOrder(talks, ({ node }) => node.kill()),
    after: ({ node }) => node.revive(),
    logs: rescheduledToLocal,
  },
  {
    phase: 'build',
    name: 'a machine that freezes',
    during: inOrder(talks, ({ node }) => node.freeze()),
    after: ({ node }) => node.thaw(),
    logs: rescheduledToLocal,
  },
  {
    phase: 'build',
    name: 'a network that is cut',
    during: inOrder(talks, ({ node }) => node.cut()),
    after: ({ node }) => node.mend(),
    logs: rescheduledToLocal,
  },
  { phase: 'build', name: 'a connection that ends', during: inOrder(talks, killSsh), logs: rescheduledToLocal },
  {
    phase: 'build',
    name: 'an engine that is killed',
    during: inOrder(talks, ({ node }) => node.exec('kill -KILL $(cat /run/docker.pid)')),
    after: ({ node }) => node.startEngine(),
    logs: rescheduledToLocal,
  },
  {
    phase: 'build',
    name: 'an engine that freezes',
    steps: ['RUN echo working; sleep 6'],
    during: inOrder(talks, ({ node }) => node.freezeEngine()),
    after: ({ node }) => node.thawEngine(),
    logs: /Node \S+ stopped answering during the build of linux\/amd64\. linux\/amd64 rescheduled to local/,
  },
  {
    phase: 'build',
    name: 'a BuildKit that freezes, while its engine answers',
    during: inOrder(talks, ({ node }) =>
      node.exec(
        'for dir in /proc/[0-9]*; do ' +
          '[ "$(cat $dir/comm 2>/dev/null)" != buildkitd ] || kill -STOP "${dir#/proc/}"; done',
      ),
    ),
    logs: /Node \S+ stopped answering during the build of linux\/amd64\. linux\/amd64 rescheduled to local/,
  },
  {
    phase: 'build',
    name: 'a BuildKit that is killed',
    during: inOrder(talks, ({ node }) => node.exec(`docker kill $(${builders})`)),
    logs: rescheduledToLocal,
  },
  {
    phase: 'build',
    name: 'a disk that fills up',
    steps: ['RUN echo working; sleep 1; dd if=/dev/zero of=/big bs=1M count=20'],
    during: inOrder(talks, ({ node }) => node.fill()),
    after: ({ node }) => node.unfill(),
    logs: /is out of disk space.*linux\/amd64 rescheduled to local/,
  },
  {
    phase: 'build',
    name: 'the last machine that is left goes off',
    inputs: () => ({ fallback: 'node' }),
    during: inOrder(talks, ({ node }) => node.kill()),
    after: ({ node }) => node.revive(),
    headline: /^(The connection to node \S+ ended|Node \S+ was lost) during the build of linux\/amd64$/,
    logs: /No fallback for linux\/amd64:[^]*node: no other available node/,
  },
  { phase: 'post', name: 'a connection that has ended', inputs: () => ({ use: 'true' }), after: killSsh },
  {
    phase: 'post',
    name: 'a container that is gone',
    inputs: () => ({ use: 'true' }),
    after: ({ node }) => node.exec(`docker rm -f -v $(${builders})`),
  },
  {
    phase: 'post',
    name: 'a machine that is off',
    inputs: () => ({ use: 'true' }),
    after: ({ node }) => node.kill(),
    postWarns: /^The builder on \S+ could not be removed: .*docker rm -f/,
    last: async ({ node }) => {
      await node.revive()
      await node.exec(`docker rm -f -v $(docker ps -aq); docker volume rm $(docker volume ls -q)`)
    },
  },
]

/** Faults of the registry, each for one image. */
const ofRegistry: readonly Case[] = [
  {
    phase: 'build',
    name: 'a step that fails is not tried again',
    steps: ['RUN echo working; false'],
    headline: /^linux\/amd64: \[2\/2\] RUN echo working; false failed: /,
    logs: /exit code: 1/,
    neverLogs: /trying again|instead/,
  },
  {
    phase: 'build',
    name: 'a step that is killed, as for want of memory',
    steps: ['RUN echo working; sleep 5 & kill -9 $!; wait $!'],
    headline: /RUN echo working.* failed: exit code: 137/,
    neverLogs: /instead/,
  },
  {
    phase: 'push, merge, tags, post',
    name: '503 for a moment',
    event: 'pull_request',
    momentary: [
      { status: 503, from: 'local', match: 'blobs/uploads', method: 'POST', times: 2 },
      { status: 503, from: 'host', match: 'manifests/sha256', method: 'GET', times: 2 },
      { status: 503, from: 'host', match: 'manifests/pr-', method: 'PUT', times: 2 },
      { status: 503, match: 'manifests/', method: 'DELETE', times: 2 },
    ],
  },
  {
    phase: 'push, merge, tags, post',
    name: 'connections cut, first while a layer is sent',
    event: 'pull_request',
    momentary: [
      { cut: true, from: 'local', match: 'blobs/uploads', method: 'PUT', times: 2 },
      { cut: true, from: 'host', match: 'manifests/sha256', method: 'GET', times: 2 },
      { cut: true, from: 'host', match: 'manifests/pr-', method: 'PUT', times: 2 },
      { cut: true, match: 'manifests/', method: 'DELETE', times: 2 },
    ],
  },
  {
    phase: 'push, merge',
    name: '429 for a moment, and with a time to wait',
    momentary: [
      { status: 429, from: 'local', match: 'blobs/uploads', method: 'POST', times: 2 },
      { status: 429, from: 'host', headers: { 'retry-after': '1' }, match: 'manifests/sha256', times: 1 },
    ],
  },
  {
    phase: 'push',
    name: 'connections cut while the manifest is sent',
    momentary: [{ cut: true, from: 'local', match: 'manifests/sha256', method: 'PUT', times: 2 }],
  },
  {
    phase: 'push',
    name: '500 while the manifest is sent',
    momentary: [{ status: 500, from: 'local', match: 'manifests/sha256', method: 'PUT', times: 2 }],
  },
  {
    phase: 'push',
    name: '429 for good',
    before: from('local', { status: 429, what: 'blobs/uploads', method: 'POST' }),
    headline: /^The registry failed during the push of linux\/amd64$/,
    logs: /trying again in 20 s/,
  },
  {
    phase: 'cache',
    name: 'a cache that may not be read or written',
    before: bothOf(
      from('local', { status: 403, what: 'manifests/buildcache', method: 'HEAD' }),
      from('local', { status: 403, what: 'manifests/buildcache', method: 'PUT' }),
    ),
    logs: /::warning::Cache export failed for linux.amd64: /,
  },
  {
    phase: 'cache',
    name: '500 while the cache is read, and 503 while it is written',
    before: bothOf(
      from('local', { status: 500, what: 'manifests/buildcache', method: 'GET' }),
      from('local', { status: 503, what: 'manifests/buildcache', method: 'PUT' }),
    ),
    logs: /::warning::Cache export failed for linux.amd64: /,
  },
  {
    phase: 'cache',
    name: 'connections cut while the cache is written',
    before: from('local', { cut: true, what: 'manifests/buildcache', method: 'PUT' }),
    logs: /::warning::Cache export failed for linux.amd64: /,
  },
  {
    phase: 'cache',
    name: 'times of earlier runs that may not be read or written',
    before: from('host', { status: 403, what: 'manifests/buildcache-.*-stats' }),
    neverLogs: /::(warning|error)::/,
  },
  {
    phase: 'merge',
    name: 'a part that is gone',
    before: from('host', { status: 404, what: 'manifests/sha256', method: 'GET' }),
    headline: /^The image index of \S+ could not be created$/,
  },
  {
    phase: 'merge',
    name: 'a configuration that is gone',
    before: from('host', { status: 404, what: 'blobs/sha256', method: 'GET' }),
    headline: /^The image index of \S+ could not be created$/,
  },
  {
    phase: 'tags',
    name: 'a tag that may not be updated',
    before: from('host', { status: 403, what: 'manifests/main$', method: 'PUT' }),
    headline: /^1 of 1 tags could not be updated$/,
  },
  {
    phase: 'tags',
    name: 'one of two repositories that may not be written',
    inputs: ({ image }) => ({ image: `${image}\n${image}-too` }),
    before: from('host', { status: 403, what: 'manifests/main$', method: 'PUT' }),
    headline: /^1 of 2 tags could not be updated$/,
  },
  {
    phase: 'post',
    name: 'tags that may not be deleted',
    event: 'pull_request',
    before: refuse((path) => ({ status: 403, method: 'DELETE', match: `/${path}/` })),
    postWarns: /Kept /,
    tags: ['pr-RUN'],
  },
]

const titleOf = ({ phase, name }: Case) => `${phase}: ${name}`

/** Kills the runner's end of the connections by process id. */
async function endTunnels(job: Job): Promise<void> {
  const pids = await waitFor('a connection', () => {
    const found = tunnelsOf(job)
    return found.length > 0 && found
  })
  pids.forEach((pid) => process.kill(pid, 'SIGKILL'))
}

function tunnelsOf(job: Job): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => commandLine(pid).includes(' -M -N ') && commandLine(pid).includes(job.dir)).map(Number)
}

function commandLine(pid: string): string {
  return tryRead(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
}

async function play(scenario: Case, node: FarmNode): Promise<void> {
  const image = freshImage(farm)
  const path = image.slice(image.indexOf('/') + 1)
  const where = { node, image, path }
  await scenario.before?.(where)
  for (const fault of scenario.momentary ?? [])
    await farm.registry.fault({ ...fault, match: `/${path}/${fault.match}` })
  const files = {
    Dockerfile: [`FROM ${farm.images.base}`, ...(scenario.steps ?? slow), ''].join('\n'),
    filling: 'x'.repeat(3_000_000),
  }
  const job = setup.job({ files, ...(scenario.event !== undefined && { event: scenario.event }) })
  const local = { nodes: 'linux/amd64 = local', ...keptBuilder }
  const on = scenario.on === 'local' ? local : { nodes: `linux/amd64 = ${node.endpoint}` }
  const running = job.start(farmInputs(farm, { image, ...on, ...scenario.inputs?.(where) }))
  const scene = { ...where, job, running }
  // An error here shows in the result of main.
  await scenario.during?.(scene).catch(() => undefined)
  const tooLong = setTimeout(() => running.process.kill('SIGKILL'), 150_000)
  const main = await running.result
  clearTimeout(tooLong)
  await scenario.after?.(scene)
  const post = await job.post()
  await scenario.last?.(scene)
  outcomes.set(titleOf(scenario), { image, main, post })
}

async function playAll(cases: Iterable<Case>, node: FarmNode): Promise<void> {
  for (const scenario of cases) {
    try {
      await play(scenario, node)
    } catch (error) {
      throw new Error(`${titleOf(scenario)}: ${String(error)}`, { cause: error })
    }
  }
}

async function expectAllOccurred(faults: Case['momentary'], image: string): Promise<void> {
  if (!faults) return
  const path = `${image.slice(image.indexOf('/'))}/`
  const occurred = (await farm.registry.requests(path)).filter(({ fault }) => fault)
  expect(occurred).toHaveLength(faults.reduce((sum, { times }) => sum + times, 0))
}

async function expectOutcome(scenario: Case): Promise<void> {
  const { headline, logs, neverLogs, postWarns } = scenario
  const { image, main, post } = outcomes.get(titleOf(scenario))!
  const { log } = main
  expect({ code: main.code, errors: main.errors, log }).toEqual({
    code: headline ? 1 : 0,
    errors: headline ? [expect.stringMatching(headline)] : [],
    log,
  })
  if (logs) expect(log).toMatch(logs)
  if (neverLogs) expect(log).not.toMatch(neverLogs)
  expect(log).not.toMatch(/Unexpected error|bug of multiarch-build/)
  expect([post.code, post.errors, post.warnings, post.log]).toEqual([
    0,
    [],
    postWarns ? [expect.stringMatching(postWarns)] : [],
    post.log,
  ])
  await expectAllOccurred(scenario.momentary, image)
  const tags = (await storedTags(farm, image))
    .filter((tag) => !tag.startsWith('buildcache-'))
    .map((tag) => tag.replace(/^pr-\d+/, 'pr-RUN'))
  expect(tags).toEqual(scenario.tags ?? (headline || scenario.event ? [] : ['main']))
  if (!tags.includes('main')) return
  const index = await storedIndex(farm, image, 'main')
  expect([index?.digest, index?.manifests.map(({ platform }) => `${platform.os}/${platform.architecture}`)]).toEqual([
    main.outputs['digest'],
    ['linux/amd64', 'unknown/unknown'],
  ])
}

beforeAll(async () => {
  farm = setup.farm
  // A freeze takes longest to detect, so these cases come first; each machine takes the next case.
  const freezes = ({ name }: Case) => name.includes('freezes')
  const queue = [...ofNodes.filter(freezes), ...ofNodes.filter((one) => !freezes(one))].values()
  // A persistent builder does not send a layer again that it has pushed to another repository, so each has its own.
  const own = (at: number) => [`RUN echo working > /${Date.now()}-${at}`]
  const third = ofRegistry.map((scenario, at): Case => ({ on: 'local', steps: own(at), ...scenario }))
  const long = third.filter(({ name }) => name.includes('for good'))
  const others = third.filter((one) => !long.includes(one)).values()
  await Promise.all([
    playAll(queue, farm.nodes.amd),
    playAll(queue, farm.nodes.arm),
    playAll(long, farm.nodes.amd),
    playAll(others, farm.nodes.amd),
    playAll(others, farm.nodes.arm),
  ])
  await removeKeptBuilders(farm)
}, 900_000)
afterAll(async () => {
  await Promise.all([farm.nodes.amd.heal(), farm.nodes.arm.heal()])
})

describe('faults', () => {
  const all = [...ofNodes, ...ofRegistry]
  test.each(all.map((scenario) => [titleOf(scenario), scenario] as const))(
    '%s',
    async (_, scenario) => await expectOutcome(scenario),
  )

  test('nothing is left on nodes, runner and registry', async () => {
    for (const job of setup.jobs) expect(await leftovers(farm, job)).toEqual([])
  })
})
