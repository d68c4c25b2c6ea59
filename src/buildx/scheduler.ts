import type { FallbackChoice } from '../inputs/fallback.ts'
import type { UserError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { sleep, withAbort } from '../lib/time.ts'
import { EngineClient } from '../nodes/engine/client.ts'
import { isEmulated, type Node } from '../nodes/node.ts'
import type { NodePool } from '../nodes/pool.ts'
import { watchNode } from '../nodes/watch.ts'
import { rescheduleTargets } from '../plan/reschedule.ts'
import type { TargetGroup } from '../plan/target.ts'
import type { Journal } from '../run/journal.ts'
import type { BuilderInstances } from './instances.ts'
import { buildGroup, type GroupRequest, type GroupResult } from './run.ts'
import { next, type GroupAction, type GroupEvent, type GroupState } from './schedule.ts'

type SharedRequest = Omit<
  GroupRequest,
  'group' | 'builder' | 'isPersistent' | 'boot' | 'lost' | 'name' | 'attempt' | 'onProgress'
>

export interface ScheduleRequest extends SharedRequest {
  readonly groups: readonly TargetGroup[]
  readonly pool: NodePool
  readonly instances: BuilderInstances
  readonly journal: Journal
  /** Whether a failing Dockerfile step ends the builds of the other groups. */
  readonly failFast: boolean
  /** The daemons that are booting; one may have ended. */
  readonly boots: ReadonlyMap<Node, Promise<unknown>>
  readonly fallback: readonly FallbackChoice[]
  readonly log: Log
  /** Called once, when a build has started or ended on every node: no daemon is booting any more. */
  readonly onBegun: () => void
}

export interface ScheduleResult {
  /** The groups that were built, and those that failed for good. */
  readonly results: readonly GroupResult[]
  /** Warnings about nodes that were lost and caches that were not written. */
  readonly notes: readonly string[]
}

/**
 * Builds all groups, each in its own buildx call: carries out what `next` decides. The targets of a lost node are
 * rescheduled as `fallback` says, and a group whose registry was busy is built again; the other groups keep building.
 */
export class Scheduler {
  readonly #request: ScheduleRequest
  readonly #results: GroupResult[] = []
  readonly #notes: string[] = []
  readonly #starting: Set<TargetGroup>
  readonly #stop = new AbortController()
  /** That of the request; also aborts when a failing step ends the builds. */
  readonly #signal: AbortSignal
  /** How often each target was built, by its id. */
  readonly #attempts = new Map<string, number>()
  #calls = 0

  constructor(request: ScheduleRequest) {
    this.#request = request
    this.#starting = new Set(request.groups)
    this.#signal = AbortSignal.any([request.signal, this.#stop.signal])
  }

  /** Builds all groups. Failures are in the results. */
  async run(): Promise<ScheduleResult> {
    const { groups } = this.#request
    await Promise.all(groups.map((group) => this.#build({ group, retries: 0, trail: [] })))
    return { results: this.#results, notes: this.#notes }
  }

  async #build(state: GroupState): Promise<void> {
    const { group } = state
    const { emit, onPush } = this.#request
    const result = await buildWatched({ ...this.#request, signal: this.#signal }, group, {
      name: `call-${this.#calls++}`,
      attempt: this.#countAttempt(group),
      emit: (lines) => {
        this.#started(group)
        return emit(lines)
      },
    })
    this.#started(group)
    for (const { target, digest } of result.built) if (digest !== '') onPush(target, digest)
    await this.#handle(state, { kind: 'ended', failure: result.failure }, result)
  }

  async #handle(state: GroupState, event: GroupEvent, result: GroupResult): Promise<void> {
    const isOver = this.#request.signal.aborted || this.#results.some(({ failure }) => failure)
    const actions = next(state, event, isOver)
    await Promise.all(actions.map((action) => this.#perform(action, state, result)))
  }

  async #perform(action: GroupAction, state: GroupState, result: GroupResult): Promise<void> {
    switch (action.kind) {
      case 'build':
        await this.#build(action.state)
        break
      case 'warn':
        this.#notes.push(action.note)
        this.#request.log.warn(action.note)
        break
      case 'finish':
        this.#finish(result, action.failure)
        break
      case 'wait':
        await this.#wait(action, state, result)
        break
      case 'reschedule':
        await this.#reschedule(action, state, result)
    }
  }

  #finish(result: GroupResult, failure: UserError | undefined): void {
    this.#results.push({ ...result, ...(failure && { failure }) })
    if (failure?.code !== 'build' || !this.#request.failFast || this.#stop.signal.aborted) return
    this.#stop.abort(failure)
    const unfinished = this.#request.groups.length > this.#results.length
    if (unfinished) this.#request.log.info('A build has failed: the other builds are cancelled (`fail-fast`).')
  }

  async #wait(
    { ms, failure }: Extract<GroupAction, { kind: 'wait' }>,
    state: GroupState,
    result: GroupResult,
  ): Promise<void> {
    const { log } = this.#request
    const [reason = failure.hint] = failure.details.slice(-1)
    log.info(`${failure.message} (${reason}); trying again in ${ms / 1000} s`)
    await withAbort(this.#signal, sleep(ms)).catch(() => undefined)
    await this.#handle(state, { kind: 'waited', failure }, result)
  }

  async #reschedule(
    { failure }: Extract<GroupAction, { kind: 'reschedule' }>,
    state: GroupState,
    result: GroupResult,
  ): Promise<void> {
    const { pool, fallback } = this.#request
    const { node, targets } = state.group
    pool.markLost(node, failure)
    const local = await pool.local()
    const moved = rescheduleTargets({ drafts: targets, failure, choices: fallback, available: pool.available(), local })
    await this.#handle(state, { kind: 'rescheduled', failure, moved }, result)
  }

  /** The targets of a group have always been built together. */
  #countAttempt({ targets }: TargetGroup): number {
    const counts = targets.map(({ id }) => (this.#attempts.get(id) ?? 0) + 1)
    targets.forEach(({ id }, index) => this.#attempts.set(id, counts[index] ?? 1))
    return Math.max(...counts)
  }

  #started(group: TargetGroup): void {
    if (this.#starting.delete(group) && this.#starting.size === 0) this.#request.onBegun()
  }
}

/** Builds a group on its node while the node is watched; notes in the journal that its daemon is booting. */
async function buildWatched(
  request: ScheduleRequest,
  group: TargetGroup,
  call: Pick<GroupRequest, 'name' | 'attempt' | 'emit'>,
): Promise<GroupResult> {
  const stop = new AbortController()
  const { node, targets } = group
  const { instances, signal } = request
  const builder = instances.forPlatforms(
    node,
    targets.map(({ platform }) => platform),
  )
  const container = instances.container(node)
  const booted = noteBoot(request.journal, group, container)
  let progressAt = performance.now()
  const daemon = container !== undefined && {
    ping: (deadline: number) => new EngineClient(node.socket, deadline).pingBuildkitd(container),
    lastProgress: () => progressAt,
    // Only a BuildKit image of the user's choice can be of another architecture than the machine.
    emulated: 'image' in node.spec.driverOpts && targets.some(({ platform }) => isEmulated(node, platform)),
  }
  const emit: GroupRequest['emit'] = (lines) => {
    // buildx also prints lines about a boot that was cut off.
    if (!signal.aborted) booted()
    return call.emit(lines)
  }
  try {
    const lost = watchNode({ node, stop: stop.signal, ...(daemon && { daemon }) })
    const onProgress = () => (progressAt = performance.now())
    const boot = request.boots.get(node)
    const isPersistent = instances.isPersistent(node)
    return await buildGroup({ ...request, ...call, emit, group, builder, isPersistent, boot, lost, onProgress })
  } finally {
    stop.abort()
  }
}

/** Notes that buildx boots a daemon; returns what notes, once, that it has booted. */
function noteBoot(journal: Journal, { node }: TargetGroup, container: string | undefined): () => void {
  if (container === undefined) return () => undefined
  const image = node.spec.driverOpts['image'] ?? ''
  journal.note({ kind: 'boots', node: node.spec.name, socket: node.socket, container, image })
  let isBooting = true
  return () => {
    if (isBooting) journal.note({ kind: 'booted', container })
    isBooting = false
  }
}
