import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { readCopyInputs } from '../../src/inputs/copy-inputs.ts'
import { readMergeInputs } from '../../src/inputs/merge-inputs.ts'
import type { RegistryAccess } from '../../src/registry/client-factory.ts'
import { openJournal } from '../../src/run/journal.ts'
import { copyImage } from '../../src/stories/copy.ts'
import { mergeImage } from '../../src/stories/merge.ts'
import { faultProxy, type Fault, type FaultProxy } from '../farm/fault-proxy.ts'
import { event, jobWith } from '../unit/fixtures/job.ts'
import { openHands, type Hands } from '../unit/packages/oci/images.ts'
import { collectingLog, newRunDir } from '../unit/stories/fixtures.ts'
import { attachFarm, mapConcurrently, type Farm } from './harness.ts'
import { builtImage, joined, pushPart, testCommit, type PartOf } from './parts.ts'
import { createJob, type Job, type Running, type StepResult } from './runner.ts'

/*
 * What may happen to a merge and to a copy, against distribution 3 behind a proxy that injects faults. The actions are
 * processes of dist/. After each case every tag names the old or the new image, complete; the summary states which; and
 * a second run completes it.
 */

let farm: Farm
/** Two addresses of one registry: a copy between them mounts nothing. */
let here: Proxy
let there: Proxy
let count = 0
const jobs: Job[] = []

interface Proxy {
  readonly host: string
  readonly proxy: FaultProxy
  readonly server: Server
}

beforeAll(async () => {
  farm = await attachFarm()
  ;[here, there] = await Promise.all([startProxy(), startProxy()])
})

afterAll(() => {
  jobs.forEach((job) => job.end())
  for (const { server } of [here, there]) server.close().closeAllConnections()
})

async function startProxy(): Promise<Proxy> {
  const proxy = faultProxy({ upstreamSocket: join(farm.dir, 'registry.sock'), nameOf: () => 'host' })
  const server = proxy.listener()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, proxy, server }
}

const runId = '17000000001'
const other = '17000000002'
const platforms = ['linux/amd64', 'linux/arm64']
const tags = ['1.0.0', 'latest']
const size = 200_000
const built = platforms.map((platform) => builtImage(platform, { runId, size }))
const [amd = joined([]), arm = joined([])] = built
/** One platform is enough for a copy. */
const copied = joined([amd])
const old = joined(platforms.map((platform) => builtImage(platform, { runId: other, text: 'old' })))

interface Scene {
  readonly path: string
  readonly hands: Hands
}

interface Outcome extends Scene {
  readonly name: string
  readonly result: StepResult
  /** What each tag names, in the order of `tags`. */
  readonly states: readonly string[]
  readonly incomplete: readonly string[]
}

interface Action {
  /** What exists before. */
  readonly prepare: (scene: Scene) => Promise<unknown>
  readonly start: (job: Job, path: string) => Running
  /** In this process, which is cheaper; the next attempt of the same run. */
  readonly again: (path: string) => Promise<unknown>
  /** Proxies and paths that it sends requests to. */
  readonly calls: (path: string) => readonly (readonly [Proxy, string])[]
  /** The digest that the tags have at the end. */
  readonly digest: string
}

const registries: RegistryAccess = { credentials: () => Promise.resolve(undefined), fetch, log: () => undefined }
const envOf = (inputs: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]))
const unsigned = () => Promise.resolve(undefined)
const signal = () => new AbortController().signal
const tagOf = (platform: string) => `build-0123456-${runId}-${platform.replace('/', '-')}`

const partOf = (at: number, more: Partial<PartOf> = {}): PartOf => ({
  runId,
  platform: platforms[at] ?? '',
  image: built[at] ?? amd,
  ...more,
})
const pushParts = async ({ path }: Scene) => {
  await pushPart(here.host, path, partOf(0))
  await pushPart(here.host, path, partOf(1))
}

const mergeInputs = (path: string): Readonly<Record<string, string>> => ({
  image: `${here.host}/${path}`,
  platforms: platforms.join(),
  tags: tags.join('\n'),
})

const merge: Action = {
  prepare: pushParts,
  start: (job, path) => job.startMerge(mergeInputs(path)),
  again: async (path) => {
    const [, , files] = jobWith({})
    const attempt = { ...event, runId, runAttempt: 2, sha: testCommit }
    const dir = newRunDir()
    await mergeImage(
      {
        inputs: await readMergeInputs(envOf(mergeInputs(path)), attempt, files),
        event: attempt,
        dir,
        journal: openJournal(dir),
        log: collectingLog().log,
        signal: signal(),
        sleep: () => Promise.resolve(),
        prepareSigning: unsigned,
      },
      registries,
    )
  },
  calls: (path) => [[here, path]],
  digest: '',
}

const copyInputs = (path: string): Readonly<Record<string, string>> => ({
  from: `${there.host}/${path}-source:1`,
  to: tags.map((tag) => `${here.host}/${path}:${tag}`).join('\n'),
})

const copy: Action = {
  prepare: async ({ path }) => await openHands(there.host, `${path}-source`).push(copied, ['1']),
  start: (job, path) => job.startCopy(copyInputs(path)),
  again: async (path) =>
    await copyImage(await readCopyInputs(envOf(copyInputs(path)), event), {
      registries,
      log: collectingLog().log,
      signal: signal(),
      prepareSigning: unsigned,
    }),
  calls: (path) => [
    [there, `${path}-source`],
    [here, path],
  ],
  digest: copied.index.digest,
}

function openJob(attempt = '1'): Job {
  const job = createJob({ runId, env: { GITHUB_RUN_ATTEMPT: attempt, PATH: process.env['PATH'] ?? '' } })
  jobs.push(job)
  return job
}

async function openScene(action: Action): Promise<Scene> {
  const path = `acme/faults-${process.pid}-${Date.now()}-${count++}`
  const scene = { path, hands: openHands(here.host, path) }
  await scene.hands.push(old, tags)
  await action.prepare(scene)
  return scene
}

/** The requests of the action itself: a fault with this `skip` meets the next one. */
const matchOf = (path: string) => `^/v2/${path}/`
const ownRequests = ({ proxy }: Proxy, path: string) =>
  proxy.requests.filter(({ agent, path: url }) => agent === 'multiarch-build' && url.startsWith(`/v2/${path}/`))

async function describeScene(scene: Scene, name: string, result: StepResult): Promise<Outcome> {
  const states = await Promise.all(tags.map(async (tag) => (await scene.hands.digest(tag)) ?? 'missing'))
  const missing = await Promise.all(tags.map((tag) => scene.hands.missing(tag)))
  return { ...scene, name, result, states, incomplete: missing.flat() }
}

/** How many requests of a complete run reach each path, and the digest that it publishes. */
async function measure(action: Action): Promise<{ readonly digest: string; readonly counts: readonly number[] }> {
  const scene = await openScene(action)
  const before = action.calls(scene.path).map(([proxy, path]) => ownRequests(proxy, path).length)
  const result = await action.start(openJob(), scene.path).result
  expect([result.code, result.log]).toEqual([0, result.log])
  const after = action.calls(scene.path).map(([proxy, path]) => ownRequests(proxy, path).length)
  return { digest: result.outputs['digest'] ?? '', counts: after.map((total, at) => total - (before[at] ?? 0)) }
}

interface Moment {
  readonly at: number
  readonly call: number
}

/** Ends the action when the proxy has received its request number `call`. */
async function interrupt(action: Action, { at, call }: Moment, kind: 'SIGKILL' | 'SIGINT'): Promise<Outcome> {
  const scene = await openScene(action)
  const [proxy, path] = action.calls(scene.path)[at] ?? [here, scene.path]
  const job = openJob()
  const started: { running?: Running } = {}
  const isOver = async () => {
    started.running?.process.kill(kind)
    // A killed process has no more effect; a cancelled one gets its answer.
    if (kind === 'SIGKILL') await started.running?.result
  }
  proxy.proxy.faults.push({ match: matchOf(path), skip: call, times: 1, before: isOver, cut: kind === 'SIGKILL' })
  started.running = action.start(job, scene.path)
  const result = await started.running.result
  if (action === merge && call % 2 === 0) await job.post()
  return await describeScene(scene, `${kind} at call ${call} of ${path}`, result)
}

/** Whether output and summary state what each tag names. */
function statedTags({ result: { code, summary, log }, states }: Outcome, digest: string): boolean {
  if (code === 137) return true
  const isOld = states.every((state) => state !== digest)
  if (isOld && [summary, log].every((text) => /no tag was updated|nothing (was|can be) /i.test(text))) return true
  return tags.every((tag, at) => {
    const line = summary.split('\n').find((text) => text.includes(`:${tag}`) && !text.startsWith('**')) ?? ''
    return states[at] === digest ? /^updated|→|\|| - |- `/.test(line) : /not updated|restored/.test(line)
  })
}

function expectConsistent(outcome: Outcome, digest: string): void {
  const { name, states, incomplete, result } = outcome
  expect({ name, incomplete }).toEqual({ name, incomplete: [] })
  for (const state of states)
    expect([name, [old.index.digest, digest]]).toEqual([name, expect.arrayContaining([state])])
  const stated = statedTags(outcome, digest)
  expect({ name, stated, text: result.log + result.summary }).toEqual({
    name,
    stated: true,
    text: result.log + result.summary,
  })
}

let cases = 0
/** Only ends a failing test, also on a host with a lot of other work. */
const patience = 900_000

async function interruptEverywhere(action: Action, kind: 'SIGKILL' | 'SIGINT'): Promise<void> {
  const { digest, counts } = await measure(action)
  const moments = counts.flatMap((total, at) => Array.from({ length: total }, (_, call) => ({ at, call })))
  const outcomes = await mapConcurrently(moments, (moment) => interrupt(action, moment, kind), 6)
  for (const outcome of outcomes) expectConsistent(outcome, digest)
  // Otherwise this proves nothing.
  const codes = outcomes.map(({ result }) => result.code)
  if (kind === 'SIGKILL') expect(codes).toEqual(codes.map(() => 137))
  else expect(codes.filter((code) => code === 1).length).toBeGreaterThan(moments.length / 3)
  await mapConcurrently(outcomes, (outcome) => expectCompletes(action, outcome, digest), 6)
  cases += moments.length
}

async function expectCompletes(action: Action, { path, name, hands }: Outcome, digest: string): Promise<void> {
  await action.again(path).catch((error: unknown) => {
    throw new Error(`${name}: the second run failed`, { cause: error })
  })
  const { states, incomplete } = await describeScene({ path, hands }, name, {} as StepResult)
  expect({ name, states, incomplete }).toEqual({ name, states: tags.map(() => digest), incomplete: [] })
}

describe.each([
  ['merge', merge],
  ['copy', copy],
] as const)('%s', (_, action) => {
  test('is killed at every request', async () => await interruptEverywhere(action, 'SIGKILL'), patience)
  test('is cancelled at every request', async () => await interruptEverywhere(action, 'SIGINT'), patience)
})

test(
  'the post step of a merge is killed at every request, and the next merge finishes',
  async () => {
    const scene = await openScene(merge)
    const job = openJob()
    const main = await job.merge(mergeInputs(scene.path))
    const digest = main.outputs['digest'] ?? ''
    const before = ownRequests(here, scene.path).length
    await job.post()
    const total = ownRequests(here, scene.path).length - before
    expect(await scene.hands.tags()).toEqual(tags)
    const calls = Array.from({ length: total }, (_, call) => call)
    const outcomes = await mapConcurrently(
      calls,
      async (call) => {
        const at = await openScene(merge)
        const first = openJob()
        await first.merge(mergeInputs(at.path))
        const started: { running?: Running } = {}
        const kill = async () => {
          started.running?.process.kill('SIGKILL')
          await started.running?.result
        }
        here.proxy.faults.push({ match: matchOf(at.path), skip: call, times: 1, before: kill, cut: true })
        started.running = first.startPost()
        const { code } = await started.running.result
        const interrupted = await describeScene(at, `call ${call}`, main)
        const second = openJob('2')
        const merged = await second.merge(mergeInputs(at.path))
        const post = await second.post()
        const last = await describeScene(at, `call ${call}`, merged)
        return { code, interrupted, post, last, left: await at.hands.tags() }
      },
      6,
    )
    for (const { code, interrupted, post, last, left } of outcomes) {
      const { name, result, states, incomplete } = last
      expect([name, code, interrupted.incomplete]).toEqual([name, 137, []])
      expect([name, result.code, result.log]).toEqual([name, 0, result.log])
      expect([name, ...states, ...incomplete, post.warnings]).toEqual([name, digest, digest, []])
      expect([name, left]).toEqual([name, tags])
    }
    cases += calls.length
  },
  patience,
)

interface Case {
  readonly action: Action
  /** Changes what `prepare` has made. */
  readonly before?: (scene: Scene) => Promise<unknown>
  readonly inputs?: Readonly<Record<string, string>>
  readonly faults?: (path: string) => readonly Fault[]
  /** In the log; the run succeeds if absent. */
  readonly fails?: RegExp
  /** What the tags name afterwards; all the new image or, after a failure, all the old one, unless given. */
  readonly updated?: readonly boolean[]
  /** Before the second run. */
  readonly repair?: (scene: Scene) => Promise<unknown>
}

const on = (method: string, what: string, fault: Omit<Fault, 'method' | 'match'>) => (path: string) => [
  { ...(method !== '' && { method }), match: `^/v2/${path}/${what}`, ...fault },
]
const immutable = { errors: [{ code: 'TAG_INVALID', message: 'the tag is immutable' }] }
const emptyList = { status: 200, body: '{"tags":[]}', headers: { 'content-type': 'application/json' } }
/** Replaces a part with another one under the same tag. */
const replaced = (part: Partial<PartOf>, tag: string) => async (scene: Scene) => {
  const { path, hands } = scene
  await pushPart(here.host, path, partOf(1, part))
  await retag(hands, path, tag)
}
/** Puts what a tag names under the build tag of the second part. */
async function retag(hands: Hands, path: string, from: string, to = tagOf('linux/arm64')): Promise<void> {
  const answer = await fetch(`http://${here.host}/v2/${path}/manifests/${from}`, {
    headers: { accept: 'application/vnd.oci.image.index.v1+json' },
  })
  const bytes = Buffer.from(await answer.arrayBuffer())
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  expect([from, await hands.put(to, { bytes, mediaType, digest: '' })]).toEqual([from, 201])
  if (from !== to) await hands.delete(from)
}
const pushSecond = async ({ path }: Scene) => await pushPart(here.host, path, partOf(1, { attempt: 2 }))
const withoutPart = async ({ hands }: Scene) => await hands.delete(tagOf('linux/arm64'))
const second = arm.children[0]?.digest ?? ''
const secondConfig = arm.blobs[1]?.digest ?? ''
const foreign: readonly (readonly [string, Partial<PartOf>, string, RegExp])[] = [
  ['of another run', { runId: other }, `build-0123456-${other}-linux-arm64`, /was pushed by run 17000000002/],
  ['of another repository', { repository: 'mallory/app' }, tagOf('linux/arm64'), /a run of another repository/],
  ['of another commit', { sha: `0123456${'f'.repeat(33)}` }, tagOf('linux/arm64'), /built from the commit 0123456f/],
  [
    'with the image of another run',
    { image: builtImage('linux/arm64', { runId: other, text: 'replayed' }) },
    tagOf('linux/arm64'),
    /provenance names run 17000000002/,
  ],
]

/** Both actions update tags, and in the same way. */
const tagCases: Readonly<Record<string, Omit<Case, 'action'>>> = {
  '429 for a tag': {
    faults: on('PUT', 'manifests/latest', { status: 429, headers: { 'retry-after': '1' }, times: 1 }),
  },
  'one tag is refused': {
    faults: on('PUT', 'manifests/latest', { status: 403 }),
    fails: /1 of 2 tags could not be updated/,
    updated: [true, false],
  },
  'one tag is immutable': {
    faults: on('PUT', 'manifests/latest', { status: 400, body: JSON.stringify(immutable) }),
    fails: /latest is immutable/,
  },
}

const mergeCases: Readonly<Record<string, Omit<Case, 'action'>>> = {
  'a part is missing': { before: withoutPart, fails: /Missing in .*linux\/arm64/, repair: pushSecond },
  ...Object.fromEntries(
    foreign.map(([what, part, tag, fails]) => [
      `a part ${what}`,
      {
        before: async (scene: Scene) => {
          await withoutPart(scene)
          await replaced(part, tag)(scene)
        },
        fails,
        repair: async (scene: Scene) => {
          await withoutPart(scene)
          await pushSecond(scene)
        },
      },
    ]),
  ),
  'a part that is doubled': {
    before: async ({ path, hands }) => {
      await retag(hands, path, tagOf('linux/arm64'), `${tagOf('linux/arm64')}-copy`)
      await hands.delete(tagOf('linux/arm64'))
      await pushPart(here.host, path, partOf(1, { image: builtImage('linux/arm64', { runId, text: 'twice' }) }))
    },
    fails: /Two jobs have pushed linux\/arm64/,
    repair: async ({ hands, path }) => await retag(hands, path, `${tagOf('linux/arm64')}-copy`),
  },
  'a stale part of an earlier attempt': {
    before: async ({ path }) => {
      await pushPart(here.host, path, partOf(1, { image: builtImage('linux/arm64', { runId, text: 'stale' }) })).catch(
        () => undefined,
      )
      await pushPart(here.host, path, partOf(1, { attempt: 2 }))
    },
  },
  'a build tag on something else': {
    before: async ({ hands }) => await hands.put(tagOf('linux/riscv64'), amd.index),
    fails: /has no annotations of a part/,
    repair: async ({ hands }) => await hands.delete(tagOf('linux/riscv64')),
  },
  'a part that was not requested': {
    before: async ({ path }) => {
      const extra = builtImage('linux/riscv64', { runId })
      await pushPart(here.host, path, partOf(0, { platform: 'linux/riscv64', image: extra }))
    },
    fails: /was built, but not requested/,
    repair: async ({ hands }) => await hands.delete(tagOf('linux/riscv64')),
  },
  'a part whose image is deleted': {
    before: async ({ hands }) => await hands.delete(second),
    fails: /could not be (created|read)/,
    repair: async ({ hands }) => await hands.push(arm, []),
  },
  'a part without its configuration': {
    faults: on('GET', `blobs/${secondConfig}`, { status: 404 }),
    fails: /could not be created/,
  },
  'a list of tags that lags': { faults: on('GET', 'tags/list', { ...emptyList, times: 2 }) },
  'a part that is not shown at once': { faults: on('GET', 'manifests/build-', { status: 404, times: 2 }) },
  'an image that is not shown at once': { faults: on('GET', `manifests/${second}`, { status: 404, times: 2 }) },
  'a tag that lags after its update': { faults: on('HEAD', 'manifests/latest', { status: 404, skip: 1, times: 2 }) },
  '503 for the list of tags': { faults: on('GET', 'tags/list', { status: 503, times: 2 }) },
  '500 for the index': { faults: on('PUT', 'manifests/sha256', { status: 500, times: 1 }) },
  '502 for a tag': { faults: on('PUT', 'manifests/latest', { status: 502, times: 1 }) },
  '429 for a part': {
    faults: on('GET', 'manifests/build-', { status: 429, headers: { 'retry-after': '1' }, times: 2 }),
  },
  ...tagCases,
  '503 for a tag, for good': {
    faults: on('PUT', 'manifests/latest', { status: 503 }),
    fails: /1 of 2 tags could not be updated/,
    updated: [true, false],
  },
  'all pushes are refused': { faults: on('PUT', 'manifests/', { status: 403 }), fails: /could not be created/ },
  'the index is refused': { faults: on('PUT', 'manifests/sha256', { status: 400 }), fails: /could not be created/ },
  'the connection is cut at the index': { faults: on('PUT', 'manifests/sha256', { cut: true, times: 1 }) },
  'the connection is cut at a tag': { faults: on('PUT', 'manifests/latest', { cut: true, times: 1 }) },
  'the connection is cut within a part': { faults: on('GET', 'manifests/build-', { cutAfter: 100, times: 2 }) },
  'the connection is cut at every request': { faults: on('GET', '', { cut: true }), fails: /could not be read/ },
  'the merged parts cannot be tagged': { faults: on('PUT', 'manifests/build-', { status: 403 }) },
}

const layer = amd.blobs[0]?.digest ?? ''
const source = (method: string, what: string, fault: Omit<Fault, 'method' | 'match'>) => (path: string) =>
  on(method, what, fault)(`${path}-source`)
const copyCases: Readonly<Record<string, Omit<Case, 'action'>>> = {
  'an image that is incomplete': {
    before: async ({ path }) => await openHands(there.host, `${path}-source`).delete(amd.children[0]?.digest ?? ''),
    fails: /is incomplete/,
    repair: async ({ path }) => await openHands(there.host, `${path}-source`).push(copied, ['1']),
  },
  'an image that does not exist': {
    before: async ({ path }) => await openHands(there.host, `${path}-source`).delete('1'),
    fails: /cannot be read/,
    repair: async ({ path }) => await openHands(there.host, `${path}-source`).push(copied, ['1']),
  },
  'a source that lags': { faults: source('GET', 'manifests/', { status: 404, times: 2 }) },
  '503 for a layer': { faults: source('GET', 'blobs/', { status: 503, times: 2 }) },
  '429 for a layer': { faults: source('GET', 'blobs/', { status: 429, headers: { 'retry-after': '1' }, times: 2 }) },
  'the connection is cut within a layer': { faults: source('GET', `blobs/${layer}`, { cutAfter: 70_000, times: 1 }) },
  'other content under a digest': {
    faults: source('GET', `blobs/${layer}`, { status: 200, body: 'x'.repeat(size) }),
    fails: /could not be copied/,
  },
  'the connection is cut within an upload': { faults: on('', 'blobs/uploads/.{20}', { cutAfter: 70_000, times: 1 }) },
  '500 for an upload': { faults: on('POST', 'blobs/uploads/', { status: 500, times: 2 }) },
  'uploads are refused': { faults: on('POST', 'blobs/uploads/', { status: 403 }), fails: /Nothing can be pushed/ },
  '502 for a manifest': { faults: on('PUT', 'manifests/sha256', { status: 502, times: 2 }) },
  ...tagCases,
  'a tag that lags after its update': { faults: on('HEAD', 'manifests/latest', { status: 404, skip: 2, times: 2 }) },
  'the connection is cut at every manifest': { faults: on('PUT', 'manifests/', { cut: true }), fails: /could not be/ },
}

const allCases = [
  ...Object.entries(mergeCases).map(([name, one]) => [`merge: ${name}`, { action: merge, ...one }] as const),
  ...Object.entries(copyCases).map(([name, one]) => [`copy: ${name}`, { action: copy, ...one }] as const),
]

describe('faults', () => {
  const outcomes = new Map<string, Outcome>()
  let digests: ReadonlyMap<Action, string>

  beforeAll(async () => {
    digests = new Map(
      await Promise.all([merge, copy].map(async (action) => [action, (await measure(action)).digest] as const)),
    )
    await mapConcurrently(
      allCases,
      async ([name, { action, before, faults }]) => {
        const scene = await openScene(action)
        await before?.(scene)
        const added = faults?.(scene.path) ?? []
        for (const { proxy } of [here, there]) proxy.faults.push(...added.map((fault) => ({ ...fault })))
        const job = openJob()
        const result = await action.start(job, scene.path).result
        if (action === merge) await job.post()
        for (const { proxy } of [here, there]) proxy.faults.splice(0, Infinity, ...withoutScene(proxy, scene))
        outcomes.set(name, await describeScene(scene, name, result))
      },
      8,
    )
  }, patience)

  const withoutScene = ({ faults }: FaultProxy, { path }: Scene) =>
    faults.filter(({ match = '' }) => !match.includes(path))

  test.each(allCases)('%s', async (name, { action, fails, updated, repair }) => {
    const outcome = outcomes.get(name)
    if (!outcome) throw new Error(name)
    const digest = digests.get(action) ?? ''
    const { result, states } = outcome
    expect([result.code, result.log]).toEqual([fails ? 1 : 0, fails ? expect.stringMatching(fails) : result.log])
    expectConsistent(outcome, digest)
    const expected = tags.map((_, at) => updated?.[at] ?? fails === undefined)
    expect(states.map((state) => state === digest)).toEqual(expected)
    await repair?.(outcome)
    await expectCompletes(action, outcome, digest)
    cases++
  })
})

test('there were at least 40 cases', () => {
  expect(cases).toBeGreaterThanOrEqual(40)
})
