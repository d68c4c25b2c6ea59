import type { RunArtifacts } from '../../src/cleanup/ownership.ts'
import { deleteRunArtifacts } from '../../src/cleanup/run-image-cleanup.ts'
import type { PackageRepository } from '../../src/packages/repository.ts'
import { createRunStatusCache, createRunStatusFetcher, type FetchRunStatus } from '../../src/forge/run-status.ts'
import { cleanUpRepository } from '../../src/cleanup/registry-cleanup.ts'
import type { Call } from '../ghcr/call-log.ts'
import { days, hours } from '../ghcr/clock.ts'
import { pushRelease } from '../ghcr/histories.ts'
import { root } from '../ghcr/permissions.ts'
import { seeded, type Random } from '../ghcr/random.ts'
import { declareRun, endRun, findRun, forgetRun } from '../ghcr/runs.ts'
import { settle } from '../ghcr/state.ts'
import { calm, type Rules, type Fake } from '../ghcr/fake.ts'
import { adversary, sign } from './adversary.ts'
import {
  begin,
  closureOf,
  createModel,
  expire,
  expiredNights,
  firstRun,
  isOfNight,
  isTemporary,
  keptNights,
  isWhole,
  leftovers,
  merge,
  pin,
  promote,
  publish,
  pullRequestOfRun,
  pushNight,
  pushPart,
  release,
  repository,
  retag,
  seeNights,
  surelyExpiredNights,
  type Attempt,
  type Living,
  type Model,
} from './model.ts'
import { packageRepositoryIn, requestIn } from './package-repository.ts'
import { crash, settled, startTask, type Task } from './tasks.ts'

/** Read once: each read of the environment costs as much as a call. */
const isTraced = 'TRACE' in process.env

/** What may happen; `pick` selects to what. */
const actions = {
  build: (playing, pick) => {
    const made = beginRun(playing, pick)
    if (made) publish(playing.model, made, pick % 2 ? `pr-${made.run}` : `pr-${made.run}-slim`)
  },
  begin: (playing, pick) => void beginRun(playing, pick),
  publish: publishOne,
  partial: pushParts,
  merge: ({ model }, pick) => {
    const run = runOf(pick)
    const tag = (pick >> 2) % 2 ? `merged-${pick % 2}` : `pr-${run}`
    if (findRun(model.fake.state, repository, run)?.status === 'in_progress')
      merge(model, run, { tag, isKilled: pick % 5 === 0 })
  },
  post: (playing, pick) => {
    const one = builtAttempt(playing, pick)
    if (one) startPost(playing, one)
  },
  cleanup: (playing) => startCleanup(playing),
  'cleanup of a run': (playing, pick) => startCleanup(playing, { run: runOf(pick) }),
  'cleanup of a pull request': (playing, pick) => startCleanup(playing, { pullRequest: pullRequestOfRun(runOf(pick)) }),
  retention: (playing) => startCleanup(playing, { retention: true }),
  night: ({ model }, pick) => pushNight(model, pick),
  'keep night': ({ model }, pick) => keepNight(model, pick),
  'publish night again': ({ model }, pick) => publishNightAgain(model, pick),
  'retag index': (playing, pick) => {
    const index = builtAttempt(playing, pick)?.index
    if (index) retag(playing.model, index.digest, `stable-${pick % 2}`)
  },
  'retag child': (playing, pick) => {
    const entries = builtAttempt(playing, pick)?.entries
    if (entries) retag(playing.model, entries[pick % entries.length]!.version.digest, `child-${pick % 2}`)
  },
  promote: (playing, pick) => {
    const entries = builtAttempt(playing, pick)?.entries.filter((_, at) => (pick >> at) % 2 === 0)
    if (entries) promote(playing.model, entries, pick % 3 === 0 ? 'latest' : `promoted-${pick % 2}`)
  },
  release: ({ model }, pick) => release(model, pick % 3, pick % 2 ? 'latest' : `v${pick % 3}`),
  drop: ({ model }, pick) => drop(model, pick),
  foreign: ({ model }, pick) => foreign(model, pick),
  pin: ({ model }, pick) => pin(model, pick),
  sign: ({ model }, pick) => sign(model, pick),
  'forge tag': ({ model }, pick) => adversary['forge tag'](model, pick),
  'forge index': ({ model }, pick) => adversary['forge index'](model, pick),
  'forge attestation': ({ model }, pick) => adversary['forge attestation'](model, pick),
  'forge part': ({ model }, pick) => adversary['forge part'](model, pick),
  'forge provenance': ({ model }, pick) => adversary['forge provenance'](model, pick),
  'forge subject': ({ model }, pick) => adversary['forge subject'](model, pick),
  'forge referrer': ({ model }, pick) => adversary['forge referrer'](model, pick),
  'forge pull request': ({ model }, pick) => adversary['forge pull request'](model, pick),
  'forge night': ({ model }, pick) => adversary['forge night'](model, pick),
  'forge node': ({ model }, pick) => adversary['forge node'](model, pick),
  end: ({ model }, pick) => endOf(model, runOf(pick)),
  rerun: ({ model }, pick) => rerun(model, runOf(pick)),
  forget: ({ model }, pick) => forget(model, runOf(pick)),
  advance: ({ model }, pick) => {
    model.clock.advance(pick % 2 ? 2 * hours : 2 * days)
    expire(model)
  },
  crash: ({ tasks }, pick) => {
    const running = tasks.filter(({ done }) => !done)
    const task = running[pick % Math.max(1, running.length)]
    if (task) crash(task)
  },
  fault: ({ model }, pick) => {
    model.fake.faults.push({
      side: pick % 3 ? 'rest' : 'registry',
      answer: ([429, 403, 500, 502, 'reset', 'timeout'] as const)[pick % 6]!,
      skip: pick % 4,
      when: pick % 2 ? 'after' : 'before',
      retryAfter: 1,
    })
  },
} satisfies Record<string, (playing: Play, pick: number) => void>

export const kinds = Object.keys(actions) as (keyof typeof actions)[]

const runOf = (pick: number): number => firstRun + (pick % 3)

function beginRun({ model }: Play, pick: number): Attempt | undefined {
  const run = runOf(pick)
  if (isOver(model, run)) return undefined
  return begin(model, run, { ephemeral: true, provenance: pick % 5 !== 0, content: `content ${pick % 4}` })
}

/** One platform, or all of them: an image that is to be a release, or an ephemeral one. */
function pushParts({ model }: Play, pick: number): void {
  const run = runOf(pick)
  if (isOver(model, run)) return
  const isRelease = (pick >> 2) % 2 === 1
  const content = isRelease ? `release ${pick % 3}` : `content ${pick % 4}`
  for (const [at, platform] of ['linux/amd64', 'linux/arm64'].entries())
    if (pick % 4 !== at + 2) pushPart(model, run, { platform, isRelease }, content)
}

function builtAttempt({ model }: Play, pick: number): Attempt | undefined {
  const built = model.attempts.filter(({ index, ephemeral }) => index !== undefined && ephemeral)
  return built[pick % Math.max(1, built.length)]
}

export interface Step {
  /** How many calls of those at work come first. */
  readonly after: number
  readonly kind: (typeof kinds)[number]
  readonly pick: number
}

export interface History {
  readonly seed: number
  readonly lag: number
  readonly lagBy: Rules['lists']['lagBy']
  readonly freshGet: boolean
  readonly order: Rules['lists']['order']
  readonly pageSize: number
  readonly steps: readonly Step[]
}

/** A wrong algorithm: the right one that is lied to about the fake, or whose deeds are not what it asked for. */
export interface Mutation {
  readonly packages?: (packages: PackageRepository) => PackageRepository
  readonly ask?: (ask: FetchRunStatus) => FetchRunStatus
  readonly own?: (own: RunArtifacts, packages: PackageRepository) => Promise<RunArtifacts>
}

export class Violation extends Error {}

interface Play {
  readonly history: History
  readonly mutation: Mutation
  readonly model: Model
  readonly tasks: Task[]
  /** By name of the task: the call at which a cleanup began that keeps the newest nights. */
  readonly retentions: Map<string, number>
  readonly random: Random
  free: boolean
  violation: Violation | undefined
}

/** Plays it to its end. @throws Violation where something that lives lost anything, or something dead is left */
export async function play(history: History, mutation: Mutation = {}): Promise<void> {
  // Nothing below waits for an event, so without this a process that plays many histories would not see any.
  await new Promise((resolve) => setImmediate(resolve))
  const { lag, lagBy, freshGet, order } = history
  const rules: Rules = { ...calm, checkAnswers: false, lists: { ...calm.lists, lag, lagBy, freshGet, order } }
  const model = createModel(rules, history.seed)
  declareRun(model.fake.state, { repository, id: cleanupRun })
  const playing: Play = {
    history,
    mutation,
    model,
    tasks: [],
    retentions: new Map(),
    random: seeded(history.seed),
    free: false,
    violation: undefined,
  }
  for (const step of history.steps) {
    await goOn(playing, step.after)
    if (isTraced) console.log('STEP', JSON.stringify(step))
    expireSelected(playing)
    actions[step.kind](playing, step.pick)
    check(playing)
    if (playing.violation) throw playing.violation
  }
  await goOn(playing, Infinity)
  await finish(playing)
}

/** Lets those at work make so many calls, of one and another. */
async function goOn(playing: Play, calls: number): Promise<void> {
  for (let left = calls; left > 0; left--) {
    const alive = playing.tasks.filter(({ done, waiting }) => !done && waiting.length > 0)
    const task = alive[Math.floor(playing.random() * alive.length)]
    if (!task) return
    const next = task.waiting.splice(Math.floor(playing.random() * task.waiting.length), 1)[0]
    next?.go()
    await settled()
    healed(playing)
    if (playing.violation) throw playing.violation
  }
}

function publishOne(playing: Play, pick: number): void {
  const { model } = playing
  const open = model.attempts.filter((made) => !made.index && made.ephemeral && isCurrent(model, made))
  const made = open[pick % Math.max(1, open.length)]
  if (made && !publish(model, made, `pr-${made.run}`) && !model.given.has(made.run))
    playing.violation = new Violation(`run ${made.run} lost what it was about to publish`)
}

const isCurrent = ({ fake: { state } }: Model, { run, attempt }: Attempt): boolean => {
  const known = findRun(state, repository, run)
  return known?.status === 'in_progress' && known.attempt === attempt
}

/** Somebody else's tag goes on to something new. */
function drop(model: Model, pick: number): void {
  const others = [...model.living.keys()].filter((tag) => !isTemporary(tag))
  const tag = others[pick % Math.max(1, others.length)]
  if (tag !== undefined) release(model, 7, tag)
}

/** Another tool's temporary image, without any mark, of the same content as a release. */
function foreign(model: Model, pick: number): void {
  const run = firstRun + 100 + (pick % 2)
  if (findRun(model.fake.state, repository, run)) return
  const pushed = pushRelease(model.fake.state, model.pkg, {
    tag: `pr-${run}`,
    content: `release ${pick % 3}`,
    provenance: false,
  })
  declareRun(model.fake.state, { repository, id: run })
  model.living.set(`pr-${run}`, { digest: pushed.index.digest, since: model.calls, run })
}

function endOf({ fake: { state } }: Model, run: number): void {
  if (findRun(state, repository, run)?.status === 'in_progress') endRun(state, repository, run, 'cancelled')
}

const isOver = ({ fake: { state }, gone }: Model, run: number): boolean =>
  gone.has(run) || findRun(state, repository, run)?.status === 'completed'

function forget(model: Model, run: number): void {
  const { state } = model.fake
  const known = findRun(state, repository, run)
  if (known?.status === 'completed') model.gone.set(run, known.updatedAt)
  forgetRun(state, repository, run)
}

/** Started again: what it has pushed so far may be needed. */
function rerun(model: Model, run: number): void {
  const {
    fake: { state },
    pkg,
    living,
  } = model
  const known = findRun(state, repository, run)
  if (known?.status !== 'completed') return
  declareRun(state, { repository, id: run, status: 'in_progress', conclusion: null, attempt: known.attempt + 1 })
  const tags = model.attempts.flatMap((made) => (made.run === run ? made.own.tags.map(({ tag }) => tag) : []))
  for (const tag of new Set(tags)) {
    const digest = pkg.tags.get(tag)
    if (
      digest !== undefined &&
      isWhole(pkg, tag, digest) &&
      model.attempts.some(
        (made) => made.index?.digest === digest && !model.given.has(run) && !model.posted.has(made.runAnnotation),
      )
    )
      living.set(tag, { digest, since: model.calls, run, revived: true })
  }
}

function startPost(playing: Play, made: Attempt): void {
  const { model, mutation } = playing
  for (const annotation of [made.runAnnotation, ...(made.own.partAnnotations ?? [])]) model.posted.add(annotation)
  const deleted = new Set([made.index?.digest, ...made.own.tags.map(({ digest }) => digest)])
  for (const [tag, { digest, run }] of model.living)
    if (run !== undefined && deleted.has(digest)) model.living.delete(tag)
  // A name of its own for each: what one breaks and dies, another of the same run cannot mend.
  start(playing, `post ${playing.tasks.length} of ${made.runAnnotation}`, async (fake) => {
    const packages = packageRepositoryOf(playing, fake, made.runAnnotation)
    return await deleteRunArtifacts(packages, (await mutation.own?.(made.own, packages)) ?? made.own)
  })
}

/** Somebody gives an image of a night another name, or makes an index of their own over it. */
function keepNight(model: Model, pick: number): void {
  const night = model.nights[pick % Math.max(1, model.nights.length)]
  if (night && pick % 2) retag(model, night.index.digest, `kept-${pick % 3}`)
  else if (night) promote(model, night.entries, `promoted-${pick % 2}`)
}

/** Somebody gives an image of a night the tag of another night: a rollback. */
function publishNightAgain(model: Model, pick: number): void {
  const { nights, pkg, published, clock } = model
  const night = nights[pick % Math.max(1, nights.length)]
  // Only while the image has another tag: nothing else would tell that it was published again.
  const isTagged = night && [...pkg.tags].some(([tag, digest]) => isOfNight(tag) && digest === night.index.digest)
  if (!isTagged) return
  retag(model, night.index.digest, `nightly-again${pick % 2}`)
  published.set(night.index.digest, clock.now())
}

/** What a cleanup is told to delete, instead of what finished runs pushed. */
interface Told {
  readonly run?: number
  readonly pullRequest?: string | undefined
  readonly retention?: true
}

function startCleanup(playing: Play, told: Told = {}): void {
  const { model } = playing
  const { run, pullRequest } = told
  if (pullRequest !== undefined) model.closed.add(pullRequest)
  if (run !== undefined) {
    model.given.add(run)
    for (const [tag, living] of model.living) if (living.run === run) model.living.delete(tag)
  }
  const name = `cleanup ${playing.tasks.length}`
  if (told.retention) playing.retentions.set(name, model.calls)
  start(playing, name, (fake) => cleanUpIn(playing, fake, told))
}

function cleanUpIn(playing: Play, fake: Fake, { run, pullRequest, retention }: Told = {}) {
  const { model, mutation } = playing
  const olderThan = pullRequest === undefined ? 3 * days : 0
  const asked = createRunStatusFetcher(requestIn(fake, root), repository)
  const ask = mutation.ask?.(asked) ?? asked
  const rules = () => ({
    now: model.clock.now(),
    olderThan,
    ...(run !== undefined && { runId: String(run) }),
  })
  return cleanUpRepository(
    packageRepositoryOf(playing, fake, `${cleanupRun}-1-cleanup`),
    {
      tags: retention ? ['nightly-*'] : ['pr-*', 'build-*'],
      untagged: true,
      dryRun: false,
      pullRequest,
      retention: retention && { keep: keptNights, olderThan },
      ...(run !== undefined && { runId: String(run) }),
    },
    createRunStatusCache(ask, rules),
  )
}

/** The run that cleans up, which ends like any other. */
const cleanupRun = firstRun + 800

function packageRepositoryOf({ model, history, mutation }: Play, fake: Fake, mark: string): PackageRepository {
  const sleep = (ms: number) => {
    model.clock.advance(Math.min(ms, 1000))
    return Promise.resolve()
  }
  const packages = packageRepositoryIn({
    fake,
    clock: { now: () => model.clock.now(), sleep },
    pageSize: history.pageSize,
    mark,
  })
  return mutation.packages?.(packages) ?? packages
}

function start(playing: Play, name: string, work: (fake: Fake) => Promise<unknown>): void {
  const { model, tasks } = playing
  let before = ''
  const fake: Fake = { ...model.fake, afterEach: () => undefined }
  const task = startTask(name, fake, work, {
    isFree: () => playing.free,
    before: (call) => {
      model.calls++
      const id = lastPart(call.path)
      if (call.endpoint === 'get tags') task.look = model.calls
      if (call.endpoint === 'list versions' && before !== call.endpoint) {
        task.list = model.calls
        task.page = newestPage(model, playing.history)
      }
      if (call.endpoint === 'get version') task.gets.set(id, model.calls)
      if (call.endpoint === 'get run') task.run = model.calls
      if (call.endpoint === 'head manifest') task.head = model.calls
      before = call.endpoint
      if (isTraced)
        console.log(
          model.calls,
          name,
          call.endpoint,
          call.path.replace(/.*\//, '').slice(0, 16),
          model.pkg.versions.get(Number(id))?.digest.slice(7, 15) ?? '',
        )
    },
    after: (call) => {
      if (!isRead(call)) check(playing, task, call.endpoint, lastPart(call.path))
    },
  })
  tasks.push(task)
}

const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** A call that only reads breaks nothing, so the check after the next change finds the same. */
const isRead = ({ method }: Call): boolean => method === 'GET' || method === 'HEAD'

/** What lives is whole; else whose fault is it, and could it have been known? */
function check(playing: Play, task?: Task, endpoint = '', id = ''): void {
  const { pkg, living } = playing.model
  expireSelected(playing)
  checkPinned(playing, task)
  const call = task && { task, endpoint, id, deleted: digestOfVersion(playing.model, id) }
  for (const [tag, alive] of living) {
    if (isWhole(pkg, tag, alive.digest)) continue
    if (pkg.tags.get(tag) === alive.digest && isBrokenByAnother(alive, task)) addBreaker(alive, call)
    else if (!call) playing.violation ??= new Violation(`somebody broke ${tag} by ${endpoint}`)
    else if (!isExcused(playing, call, tag, alive)) playing.violation ??= new Violation(blame(call, tag, alive))
  }
}

/** What a cleanup may delete of a closed pull request, or take for one of the older nights. */
function expireSelected({ model, tasks, retentions }: Play): void {
  if (model.closed.size > 0) expire(model)
  seeNights(model)
  const begun = tasks.flatMap(({ name, done }) => (done ? [] : (retentions.get(name) ?? [])))
  if (begun.length === 0) return
  for (const tag of expiredNights(model, Math.min(...begun))) model.living.delete(tag)
}

function checkPinned(playing: Play, task?: Task): void {
  const { pkg, pinned } = playing.model
  for (const digest of pinned)
    if (!pkg.active.has(digest))
      playing.violation ??= new Violation(`${task?.name ?? 'somebody'} deleted ${digest}, which is used without a tag`)
}

/** A call that a task has made; `deleted` is the digest of the version whose ID ends the path. */
interface TaskCall {
  readonly task: Task
  readonly endpoint: string
  readonly id: string
  readonly deleted: string | undefined
}

const digestOfVersion = ({ pkg }: Model, id: string): string | undefined => pkg.versions.get(Number(id))?.digest

const isBrokenByAnother = ({ wounded }: Living, task?: Task): boolean =>
  [...(wounded ?? [])].some((name) => name !== task?.name)

function addBreaker(alive: Living, call: TaskCall | undefined): void {
  if (call?.endpoint === 'delete version') (alive.wounded ??= new Set()).add(call.task.name)
}

const deletes = ({ endpoint, deleted }: TaskCall, { digest }: Living): boolean =>
  endpoint === 'delete version' && deleted === digest

/** Whether the call overwrites a tag that was updated after the task last read it. */
const overwritesUnread = ({ endpoint, task }: TaskCall, { since, revived }: Living): boolean =>
  endpoint === 'put manifest' && since >= (revived ? task.run : task.head)

const blame = (call: TaskCall, tag: string, alive: Living): string =>
  deletes(call, alive) ? `${call.task.name} deleted ${tag}` : `${call.task.name} broke ${tag} by ${call.endpoint}`

/** Whether the task could not know that the tag was in use, or has broken it before and may still repair it. */
function isExcused({ model, history }: Play, call: TaskCall, tag: string, alive: Living): boolean {
  const { task } = call
  const removes = deletes(call, alive)
  if (removes ? alive.since >= lastRead(history, call, alive) : overwritesUnread(call, alive)) {
    model.living.delete(tag)
    return true
  }
  if (removes) return false
  if (
    alive.since >= lastListed(history, task, alive.digest) &&
    closureOf(model.pkg, alive.digest).has(call.deleted ?? '')
  )
    addBreaker(alive, call)
  return alive.wounded?.has(task.name) ?? false
}

/**
 * When the task last read whether a version has tags, as the number of the call. A version does not move in the list
 * when it gets a tag: the newest page shows the tags of the newest versions only.
 */
function lastListed({ lag, order }: History, task: Task, digest: string): number {
  const isShown = lag === 0 && order === 'newest' && task.page.has(digest)
  return Math.max(task.look, isShown ? task.list : -1)
}

const noDigests: ReadonlySet<string> = new Set()

/** The digests on the first page of a list without lag, newest first; of no other list is the page known. */
function newestPage({ pkg }: Model, { lag, order, pageSize }: History): ReadonlySet<string> {
  if (lag > 0 || order !== 'newest') return noDigests
  const active = [...pkg.versions.values()].filter(({ digest, id }) => pkg.active.get(digest)?.id === id)
  return new Set(active.slice(-pageSize).map(({ digest }) => digest))
}

/** When the task last read anything that shows whether the deleted version is in use. */
function lastRead(history: History, { task, id }: TaskCall, { revived, digest }: Living): number {
  if (revived) return task.run
  return Math.max(lastListed(history, task, digest), history.freshGet ? (task.gets.get(id) ?? -1) : -1)
}

/** Who is done and has not died has mended what it broke. */
function healed({ model, tasks }: Play): void {
  for (const [tag, alive] of model.living) {
    for (const name of alive.wounded ?? []) {
      const task = tasks.find((one) => one.name === name)
      if (!task?.done || task.crashed) continue
      alive.wounded?.delete(name)
      if (alive.wounded?.size === 0) {
        delete alive.wounded
        if (!isWhole(model.pkg, tag, alive.digest)) throw new Violation(`${name} broke ${tag} and did not mend it`)
      }
    }
  }
}

async function finish(playing: Play): Promise<void> {
  const { model } = playing
  const { fake, pkg, living } = model
  playing.free = true
  fake.faults.length = 0
  Object.assign(fake.rules, { lists: calm.lists })
  settle(fake.state)
  // A schedule cleans up while GitHub still restores what a killed run has deleted.
  if (hurt(model).length > 0) await cleanUpIn(playing, fake)
  endRuns(model, firstRun + 900)
  await finishNights(playing)
  const told = [await cleanUpIn(playing, fake)]
  // A second one deletes what the first one kept for now; where that is nothing, a sample shows that it does nothing.
  if (remains(model).length + hurt(model).length > 0 || playing.history.seed % 8 === 0) {
    // The first one deleted the images of later runs, which had shown that a run that the API does not know is old.
    endRuns(model, firstRun + 901)
    told.push(await cleanUpIn(playing, fake))
  }
  checkPinned(playing)
  if (playing.violation) throw playing.violation
  const broken = hurt(model).filter((tag) => !isUnprovable(model, tag))
  if (broken.length > 0) throw new Violation(`still broken in the end: ${broken.join(', ')}`)
  const unsigned = [...living].filter(([, { signature }]) => signature !== undefined && !pkg.tags.has(signature))
  if (unsigned.length > 0 && !playing.tasks.some(({ crashed }) => crashed))
    throw new Violation(`lost its signature: ${unsigned.map(([tag]) => tag).join(', ')}`)
  const left = remains(model)
  if (left.length === 0) return
  const results = told.map(({ kept, deleted, restored }) => [kept, deleted.map(({ subject }) => subject), restored])
  throw new Violation(`left in the end: ${left.join(', ')}; ${JSON.stringify(results)}`)
}

/** All runs ended long ago, after a last one. */
function endRuns(model: Model, last: number): void {
  const { state } = model.fake
  publish(model, begin(model, last, { ephemeral: true, provenance: true }), `pr-${last}`)
  for (const run of state.runs.values()) if (run.status !== 'completed') endRun(state, repository, run.id)
  model.clock.advance(100 * days)
  expire(model)
  for (const [tag, { run }] of model.living) if (run !== undefined) model.living.delete(tag)
}

/** What has to stay, and is incomplete. */
const hurt = ({ pkg, living }: Model): string[] =>
  [...living].flatMap(([tag, { digest }]) => (isWhole(pkg, tag, digest) ? [] : [tag]))

/** All nights are old by now: the newest stay, and those that may have been published again. */
async function finishNights(playing: Play): Promise<void> {
  const { model } = playing
  if (model.nights.length === 0) return
  seeNights(model)
  const nights = [...model.pkg.tags.keys()].filter(isOfNight)
  const expired = expiredNights(model, model.calls)
  expired.forEach((tag) => model.living.delete(tag))
  const sure = surelyExpiredNights(model)
  await cleanUpIn(playing, model.fake, { retention: true })
  const lost = nights.filter((tag) => !expired.includes(tag) && !model.pkg.tags.has(tag))
  if (lost.length > 0) throw new Violation(`nights that are lost in the end: ${lost.join(', ')}`)
  const left = sure.filter((tag) => model.pkg.tags.has(tag))
  if (left.length > 0) throw new Violation(`nights that are left in the end: ${left.join(', ')}`)
}

/** Temporary tags, and what is ours and needed by nothing of others. */
const remains = (model: Model): string[] => [...[...model.pkg.tags.keys()].filter(isTemporary), ...leftovers(model)]

/** Broken by one that died, with nothing left that tells whose the missing was: only a person can restore that. */
function isUnprovable({ pkg, living, ours }: Model, tag: string): boolean {
  const alive = living.get(tag)
  if (!alive?.wounded) return false
  const missing = [...closureOf(pkg, alive.digest)].filter((digest) => !pkg.active.has(digest))
  return !missing.some((digest) =>
    [...pkg.active.keys()].some((parent) => ours.has(parent) && closureOf(pkg, parent).has(digest)),
  )
}
