import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { readCopyInputs } from '../../src/inputs/copy-inputs.ts'
import { readMergeInputs } from '../../src/inputs/merge-inputs.ts'
import { formatError } from '../../src/lib/errors.ts'
import type { RegistryAccess } from '../../src/registry/client-factory.ts'
import { renderCopyOutputs, renderCopySummary } from '../../src/report/copy.ts'
import { createMergeReport, renderMergeSummary } from '../../src/report/merge-report.ts'
import { renderImageOutputs } from '../../src/report/outputs.ts'
import { renderErrorSummary } from '../../src/report/summary.ts'
import { openJournal } from '../../src/run/journal.ts'
import type { RunDir } from '../../src/run/run-dir.ts'
import { RunRecord } from '../../src/report/run-record.ts'
import { copyImage } from '../../src/stories/copy.ts'
import { mergeImage } from '../../src/stories/merge.ts'
import { undoRun } from '../../src/stories/undo.ts'
import { faultProxy, type Fault, type FaultProxy } from '../farm/fault-proxy.ts'
import { startMemoryRegistry, type MemoryRegistry } from '../farm/memory-registry.ts'
import { ensureTools } from '../farm/tools.ts'
import { event, jobWith } from '../unit/fixtures/job.ts'
import { openHands, type Content, type Hands, type TestImage } from '../unit/packages/oci/images.ts'
import { collectingLog, newRunDir } from '../unit/stories/fixtures.ts'
import { mapConcurrently } from './harness.ts'
import { InterruptedFetch, isChange, type Interruption } from './interrupted-fetch.ts'
import { builtImage, joined, pushPart, testCommit, type PartOf } from './parts.ts'
import { createJob, type Job, type Running, type StepResult } from './runner.ts'

/*
 * What may happen to a merge and to a copy, against distribution 3 behind a proxy that injects faults. After each case
 * every tag names the old or the new image, complete; the summary states which; and a second run completes it.
 *
 * The actions run in this process: before every change of the registry they end as if they were killed, and at every
 * request they are cancelled. As processes of dist/ they are killed and cancelled at one request of each kind.
 */

let registry: MemoryRegistry
/** Two addresses of the registry, with faults: a copy between them mounts nothing. */
let here: Proxy
let there: Proxy
let count = 0
const jobs: Job[] = []
const dirs: RunDir[] = []

interface Proxy {
  readonly host: string
  readonly proxy: FaultProxy
  readonly server: Server
}

beforeAll(async () => {
  registry = await startMemoryRegistry(await ensureTools(), tmpdir())
  ;[here, there] = await Promise.all([startProxy(), startProxy()])
  await storeTemplates()
})

afterAll(async () => {
  jobs.forEach((job) => job.end())
  dirs.forEach(({ path }) => rmSync(path, { recursive: true, force: true }))
  for (const { server } of [here, there]) server.close().closeAllConnections()
  await registry.stop()
})

async function startProxy(): Promise<Proxy> {
  const upstream = { host: '127.0.0.1', port: registry.port }
  const proxy = faultProxy({ upstream, nameOf: () => 'host' })
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
const old = joined([builtImage('linux/amd64', { runId: other, text: 'old' })])

interface Scene {
  readonly path: string
  readonly hands: Hands
}

/** What a run reported. */
type Ended = Pick<StepResult, 'code' | 'log' | 'summary' | 'outputs'>

interface Outcome extends Scene {
  readonly name: string
  readonly result: Ended
  /** What each tag names, in the order of `tags`. */
  readonly states: readonly string[]
  readonly incomplete: readonly string[]
  /** What the run changed in the registry, if that is certain. */
  readonly effect?: string | undefined
}

/** A run of an action in this process. */
interface OwnRun {
  readonly path: string
  readonly requests: InterruptedFetch
  /** The address of the registry: by default its own, where no faults are. */
  readonly host?: string
  readonly attempt?: number
}

interface Action {
  /** What exists before. */
  readonly prepare: (scene: Scene) => Promise<unknown>
  readonly start: (job: Job, path: string) => Running
  readonly run: (run: OwnRun) => Promise<Ended>
}

const accessBy = ({ raw }: InterruptedFetch): RegistryAccess => ({
  credentials: () => Promise.resolve(undefined),
  fetch,
  rawFor: () => raw,
  log: () => undefined,
})
const envOf = (inputs: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]))
const unsigned = () => Promise.resolve(undefined)
const tagOf = (platform: string) => `build-0123456-${runId}-${platform.replace('/', '-')}`

const partOf = (at: number, more: Partial<PartOf> = {}): PartOf => ({
  runId,
  platform: platforms[at] ?? '',
  image: built[at] ?? amd,
  ...more,
})

/** A repository with everything that scenes begin with: they mount it. */
const template = `acme/faults-template-${process.pid}-${Date.now()}`
let partIndexes: readonly Content[] = []

async function storeTemplates(): Promise<void> {
  const hands = openHands(registry.host, template)
  await Promise.all([old, copied].map((image) => hands.push(image, [])))
  await pushPart(registry.host, template, partOf(0))
  await pushPart(registry.host, template, partOf(1))
  partIndexes = await Promise.all(platforms.map((platform) => readManifest(template, tagOf(platform))))
}

const indexType = 'application/vnd.oci.image.index.v1+json'

async function readManifest(path: string, reference: string): Promise<Content> {
  const answer = await fetch(`http://${registry.host}/v2/${path}/manifests/${reference}`, {
    headers: { accept: indexType },
  })
  return { bytes: Buffer.from(await answer.arrayBuffer()), mediaType: indexType, digest: '' }
}

/** Stores what the template has too, under tags. */
async function store(path: string, { blobs, children }: TestImage, tagged: Readonly<Record<string, Content>>) {
  const hands = openHands(registry.host, path)
  await Promise.all(
    blobs.map(async ({ digest }) => {
      const mount = `/v2/${path}/blobs/uploads/?mount=${digest}&from=${template}`
      expect((await fetch(`http://${registry.host}${mount}`, { method: 'POST' })).status).toBe(201)
    }),
  )
  const put = async (reference: string, content: Content) => expect(await hands.put(reference, content)).toBe(201)
  await Promise.all(children.map((child) => put(child.digest, child)))
  await Promise.all(Object.entries(tagged).map(([tag, index]) => put(tag, index)))
}

const storeParts = async ({ path }: Scene) =>
  await Promise.all(
    built.map((image, at) => store(path, image, { [tagOf(platforms[at] ?? '')]: partIndexes[at] ?? image.index })),
  )

const mergeInputs = (path: string, host = here.host): Readonly<Record<string, string>> => ({
  image: `${host}/${path}`,
  platforms: platforms.join(),
  tags: tags.join('\n'),
})

const ended = (more: Partial<Ended> = {}): Ended => ({ code: 0, log: '', summary: '', outputs: {}, ...more })

/** Runs an action in this process, with what its step would report. */
async function runHere(
  requests: InterruptedFetch,
  lines: readonly string[],
  work: () => Promise<Partial<Ended>>,
): Promise<Ended> {
  const result = await work().then(
    (reported) => ended({ log: lines.join('\n'), ...reported }),
    (error: unknown) => {
      const { headline, body } = formatError(error)
      return ended({ code: 1, log: [...lines, headline, body].join('\n'), summary: renderErrorSummary(headline, body) })
    },
  )
  return requests.isKilled ? ended({ code: 137 }) : result
}

function newDir(): RunDir {
  const dir = newRunDir()
  dirs.push(dir)
  return dir
}

const eventOf = (runAttempt: number) => ({ ...event, runId, runAttempt, sha: testCommit })

async function runMerge({ path, requests, host = registry.host, attempt = 1 }: OwnRun, dir = newDir()): Promise<Ended> {
  const { log, lines } = collectingLog()
  return await runHere(requests, lines, async () => {
    const [, , files] = jobWith({})
    const run = {
      inputs: await readMergeInputs(envOf(mergeInputs(path, host)), eventOf(attempt), files),
      event: eventOf(attempt),
      dir,
      journal: openJournal(dir),
      log,
      signal: requests.signal,
      sleep: () => Promise.resolve(),
      record: new RunRecord(),
      prepareSigning: unsigned,
    }
    const merged = await mergeImage(run, accessBy(requests))
    if (!merged) throw new Error('there are no parts')
    const made = createMergeReport(merged, 1)
    return { summary: renderMergeSummary(made), outputs: renderImageOutputs(made.variants) }
  })
}

async function undoMerge({ path, requests, host = registry.host, attempt = 1 }: OwnRun, dir: RunDir): Promise<Ended> {
  const { log, lines } = collectingLog()
  return await runHere(requests, lines, async () => {
    const request = { dir, main: '', tags: 'auto' as const, began: Date.now(), event: eventOf(attempt) }
    await undoRun(
      { ...request, images: [{ registry: host, path }] },
      {
        openPackages: () =>
          Promise.resolve({
            choice: 'oci',
            platform: event,
            token: '',
            ownerKind: undefined,
            registries: accessBy(requests),
            githubClient: () => () => Promise.reject(new Error('no client')),
            clock: { now: Date.now, sleep: () => Promise.resolve() },
          }),
        authenticate: () => Promise.resolve(),
        openNodes: () => Promise.resolve([]),
        collectRunnerGarbage: () => Promise.resolve({ removed: [], failed: [], strays: 0 }),
        log,
        signal: new AbortController().signal,
      },
    )
    return {}
  })
}

const merge: Action = {
  prepare: storeParts,
  start: (job, path) => job.startMerge(mergeInputs(path)),
  run: runMerge,
}

const copyInputs = (path: string, host = here.host): Readonly<Record<string, string>> => ({
  from: `${there.host}/${path}-source:1`,
  to: tags.map((tag) => `${host}/${path}:${tag}`).join('\n'),
})

const copy: Action = {
  prepare: async ({ path }) => await store(`${path}-source`, copied, { 1: copied.index }),
  start: (job, path) => job.startCopy(copyInputs(path)),
  run: async ({ path, requests, host = registry.host }) => {
    const { log, lines } = collectingLog()
    const { signal } = requests
    return await runHere(requests, lines, async () => {
      const inputs = await readCopyInputs(envOf(copyInputs(path, host)), event)
      const result = await copyImage(inputs, {
        registries: accessBy(requests),
        log,
        signal,
        record: new RunRecord(),
        prepareSigning: unsigned,
      })
      return { summary: renderCopySummary(result, 1), outputs: renderCopyOutputs(result) }
    })
  },
}

function openJob(attempt = '1'): Job {
  const job = createJob({ runId, env: { GITHUB_RUN_ATTEMPT: attempt, PATH: process.env['PATH'] ?? '' } })
  jobs.push(job)
  return job
}

async function openScene(action: Action): Promise<Scene> {
  const path = `acme/faults-${process.pid}-${Date.now()}-${count++}`
  const scene = { path, hands: openHands(registry.host, path) }
  await store(path, old, Object.fromEntries(tags.map((tag) => [tag, old.index])))
  await action.prepare(scene)
  return scene
}

async function describeScene(scene: Scene, name: string, result: Ended): Promise<Outcome> {
  const states = await Promise.all(tags.map(async (tag) => (await scene.hands.digest(tag)) ?? 'missing'))
  const missing = await Promise.all([...new Set(states)].map((state) => scene.hands.missing(state)))
  return { ...scene, name, result, states, incomplete: missing.flat() }
}

/** A kind of request, as a fault matches it. */
interface Kind {
  readonly method: string
  readonly match: (path: string) => string
  readonly isOfSource: boolean
}

const resources = ['blobs/uploads/', 'blobs/', 'manifests/sha256', 'manifests/(?!sha256)', 'tags/list', 'referrers/']

/** The kinds of requests of a run. */
function kindsOf({ sent }: InterruptedFetch, of: string): readonly Kind[] {
  const kinds = new Map<string, Kind>()
  for (const { method, path } of sent)
    for (const repository of ['', '-source']) {
      const resource = resources.find((name) => new RegExp(`^/v2/${of}${repository}/${name}`).test(path))
      if (resource === undefined) continue
      const match = (scene: string) => `^/v2/${scene}${repository}/${resource}`
      kinds.set(`${method} ${repository} ${resource}`, { method, match, isOfSource: repository !== '' })
    }
  return [...kinds.values()]
}

interface Measured {
  readonly digest: string
  readonly total: number
  readonly changes: number
  readonly kinds: readonly Kind[]
}

/** The requests of a complete run, and the digest that it publishes. */
async function measure(action: Action): Promise<Measured> {
  const { path } = await openScene(action)
  const requests = new InterruptedFetch()
  const result = await action.run({ path, requests })
  expect([result.code, result.log]).toEqual([0, result.log])
  const { sent, changes } = requests
  const digest = result.outputs['digest'] ?? ''
  return { digest, total: sent.length, changes: changes.length, kinds: kindsOf(requests, path) }
}

/** Ends the action in this process at its request, or its change of the registry, number `at`. */
async function interrupt(action: Action, at: number, kind: Interruption): Promise<Outcome> {
  const scene = await openScene(action)
  const requests = new InterruptedFetch(at, kind)
  const result = await action.run({ path: scene.path, requests })
  return { ...(await describeScene(scene, `${kind} at ${at}`, result)), effect: requests.effect }
}

/** Ends a process at its first request of a kind. */
async function interruptProcess(start: () => Running, path: string, kind: Kind, signal: 'SIGKILL' | 'SIGINT') {
  const started: { running?: Running } = {}
  const isOver = async () => {
    started.running?.process.kill(signal)
    // A killed process has no more effect; a cancelled one gets its answer.
    if (signal === 'SIGKILL') await started.running?.result
  }
  const { proxy } = kind.isOfSource ? there : here
  proxy.faults.push({
    method: kind.method,
    match: kind.match(path),
    times: 1,
    before: isOver,
    cut: signal === 'SIGKILL',
  })
  started.running = start()
  return await started.running.result
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

async function expectCompletes(action: Action, { path, name, hands }: Outcome, digest: string): Promise<void> {
  const result = await action.run({ path, requests: new InterruptedFetch(), attempt: 2 })
  expect([name, result.code, result.log]).toEqual([name, 0, result.log])
  const { states, incomplete } = await describeScene({ path, hands }, name, result)
  expect({ name, states, incomplete }).toEqual({ name, states: tags.map(() => digest), incomplete: [] })
}

async function expectAll(action: Action, outcomes: readonly Outcome[], digest: string): Promise<void> {
  for (const outcome of outcomes) expectConsistent(outcome, digest)
  // A second run finds the same after all runs with the same effect.
  const effects = new Map(outcomes.map((outcome) => [outcome.effect ?? outcome.name, outcome]))
  await mapConcurrently([...effects.values()], (outcome) => expectCompletes(action, outcome, digest), 12)
  cases += outcomes.length
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

describe.each([
  ['merge', merge],
  ['copy', copy],
] as const)('%s', (_, action) => {
  let measured: Measured
  beforeAll(async () => {
    measured = await measure(action)
  })

  test.each([
    { kind: 'killed', when: 'before every change' },
    { kind: 'cancelled', when: 'at every request' },
  ] as const)(
    'is $kind $when',
    async ({ kind }) => {
      const { digest, total, changes } = measured
      const count = kind === 'killed' ? changes : total
      const outcomes = await mapConcurrently(numbers(count), (at) => interrupt(action, at, kind), 12)
      // Otherwise this proves nothing.
      const codes = outcomes.map(({ result }) => result.code)
      if (kind === 'killed') expect(codes).toEqual(codes.map(() => 137))
      else expect(codes.filter((code) => code === 1).length).toBeGreaterThan(total / 3)
      await expectAll(action, outcomes, digest)
    },
    patience,
  )

  test.each([
    ['SIGKILL', [137]],
    ['SIGINT', [0, 1]],
  ] as const)(
    'gets %s at a request of each kind',
    async (signal, codes) => {
      const { digest, kinds } = measured
      expect(kinds.length).toBeGreaterThan(5)
      // A killed copy leaves nothing but its changes; a killed merge leaves a journal, too.
      const ends = signal === 'SIGKILL' && action === copy ? kinds.filter(isChange) : kinds
      const outcomes = await mapConcurrently(ends, async (kind) => {
        const scene = await openScene(action)
        const job = openJob()
        const { path } = scene
        const result = await interruptProcess(() => action.start(job, path), path, kind, signal)
        if (action === merge) await job.post()
        return await describeScene(scene, `${signal} at ${kind.method} ${kind.match(path)}`, result)
      })
      for (const { name, result } of outcomes)
        expect([name, codes]).toEqual([name, expect.arrayContaining([result.code])])
      await expectAll(action, outcomes, digest)
    },
    patience,
  )
})

describe('the post step of a merge that was killed', () => {
  /** The next attempt of the merge, with its post step, after one whose post step was killed. */
  async function expectFinished(scene: Scene, name: string, digest: string): Promise<void> {
    expect([name, (await describeScene(scene, name, ended())).incomplete]).toEqual([name, []])
    const [dir, run] = [newDir(), { path: scene.path, requests: new InterruptedFetch(), attempt: 2 }]
    const merged = await runMerge(run, dir)
    expect([name, merged.code, merged.log]).toEqual([name, 0, merged.log])
    const post = await undoMerge(run, dir)
    const { states, incomplete } = await describeScene(scene, name, merged)
    expect([name, ...states, ...incomplete, post.log]).toEqual([name, digest, digest, post.log])
    expect([name, post.log]).toEqual([name, expect.not.stringContaining('warning')])
    expect([name, await scene.hands.tags()]).toEqual([name, tags])
  }

  async function openMerged() {
    const scene = await openScene(merge)
    const dir = newDir()
    const { outputs } = await runMerge({ path: scene.path, requests: new InterruptedFetch() }, dir)
    return { scene, dir, digest: outputs['digest'] ?? '' }
  }

  test(
    'is finished by the next merge',
    async () => {
      const { scene, dir, digest } = await openMerged()
      const whole = new InterruptedFetch()
      await undoMerge({ path: scene.path, requests: whole }, dir)
      expect(await scene.hands.tags()).toEqual(tags)
      const total = whole.changes.length
      expect(total).toBeGreaterThan(2)
      await mapConcurrently(
        numbers(total),
        async (number) => {
          const at = await openMerged()
          const { code } = await undoMerge(
            { path: at.scene.path, requests: new InterruptedFetch(number, 'killed') },
            at.dir,
          )
          expect([number, code]).toEqual([number, 137])
          await expectFinished(at.scene, `change ${number}`, digest)
        },
        12,
      )
      cases += total
      await mapConcurrently(kindsOf(whole, scene.path).filter(isChange), async (kind) => {
        const at = await openScene(merge)
        const job = openJob()
        await job.merge(mergeInputs(at.path))
        const { code, log } = await interruptProcess(() => job.startPost(), at.path, kind, 'SIGKILL')
        expect([kind.method, kind.match(at.path), code, log]).toEqual([kind.method, kind.match(at.path), 137, log])
        await expectFinished(at, kind.match(at.path), digest)
        cases++
      })
    },
    patience,
  )
})

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
  /** As a process of dist/. */
  readonly isProcess?: true
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
  await pushPart(registry.host, path, partOf(1, part))
  await retag(hands, path, tag)
}
/** Puts what a tag names under the build tag of the second part. */
async function retag(hands: Hands, path: string, from: string, to = tagOf('linux/arm64')): Promise<void> {
  const answer = await fetch(`http://${registry.host}/v2/${path}/manifests/${from}`, {
    headers: { accept: 'application/vnd.oci.image.index.v1+json' },
  })
  const bytes = Buffer.from(await answer.arrayBuffer())
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  expect([from, await hands.put(to, { bytes, mediaType, digest: '' })]).toEqual([from, 201])
  if (from !== to) await hands.delete(from)
}
const pushSecond = async ({ path }: Scene) => await pushPart(registry.host, path, partOf(1, { attempt: 2 }))
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
    isProcess: true,
    faults: on('PUT', 'manifests/latest', { status: 429, headers: { 'retry-after': '1' }, times: 1 }),
  },
  'one tag is refused': {
    isProcess: true,
    faults: on('PUT', 'manifests/latest', { status: 403 }),
    fails: /1 of 2 tags could not be updated/,
    updated: [true, false],
  },
  'one tag is immutable': {
    isProcess: true,
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
      await pushPart(registry.host, path, partOf(1, { image: builtImage('linux/arm64', { runId, text: 'twice' }) }))
    },
    fails: /Two jobs have pushed linux\/arm64/,
    repair: async ({ hands, path }) => await retag(hands, path, `${tagOf('linux/arm64')}-copy`),
  },
  'a stale part of an earlier attempt': {
    before: async ({ path }) => {
      await pushPart(
        registry.host,
        path,
        partOf(1, { image: builtImage('linux/arm64', { runId, text: 'stale' }) }),
      ).catch(() => undefined)
      await pushPart(registry.host, path, partOf(1, { attempt: 2 }))
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
      await pushPart(registry.host, path, partOf(0, { platform: 'linux/riscv64', image: extra }))
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
    before: async ({ path }) => await openHands(registry.host, `${path}-source`).delete(amd.children[0]?.digest ?? ''),
    fails: /is incomplete/,
    repair: async ({ path }) => await openHands(registry.host, `${path}-source`).push(copied, ['1']),
  },
  'an image that does not exist': {
    before: async ({ path }) => await openHands(registry.host, `${path}-source`).delete('1'),
    fails: /cannot be read/,
    repair: async ({ path }) => await openHands(registry.host, `${path}-source`).push(copied, ['1']),
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

/** A run of an action with its post step. */
async function runCase(action: Action, path: string, isProcess: boolean): Promise<Ended> {
  if (isProcess) {
    const job = openJob()
    const result = await action.start(job, path).result
    if (action === merge) await job.post()
    return result
  }
  const run = { path, requests: new InterruptedFetch(), host: here.host }
  if (action === copy) return await copy.run(run)
  const dir = newDir()
  const result = await runMerge(run, dir)
  await undoMerge(run, dir)
  return result
}

describe('faults', () => {
  const outcomes = new Map<string, Outcome>()
  let digests: ReadonlyMap<Action, string>

  beforeAll(async () => {
    digests = new Map(
      await Promise.all([merge, copy].map(async (action) => [action, (await measure(action)).digest] as const)),
    )
    await mapConcurrently(
      allCases,
      async ([name, { action, before, faults, isProcess = false }]) => {
        const scene = await openScene(action)
        await before?.(scene)
        const added = faults?.(scene.path) ?? []
        for (const { proxy } of [here, there]) proxy.faults.push(...added.map((fault) => ({ ...fault })))
        const result = await runCase(action, scene.path, isProcess)
        for (const { proxy } of [here, there]) proxy.faults.splice(0, Infinity, ...withoutScene(proxy, scene))
        outcomes.set(name, await describeScene(scene, name, result))
      },
      16,
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
