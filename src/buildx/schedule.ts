import type { Journal } from '../run/journal.ts'
import type { Builder } from './instances.ts'
import { pingDaemon } from '../nodes/engine/client.ts'
import type { Pool } from '../nodes/pool.ts'
import { watchNode } from '../nodes/watch.ts'
import type { FallbackWord } from '../inputs/fallback.ts'
import { moveTargets } from '../plan/reschedule.ts'
import { UserError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { sleep, withAbort } from '../lib/time.ts'
import { explainLostCache } from './errors.ts'
import { buildGroup, type GroupRequest, type GroupResult } from './run.ts'
import { groupByNode, targetLabel, type TargetGroup } from '../plan/target.ts'

interface LanesRequest extends Omit<GroupRequest, 'lane' | 'builder' | 'lost' | 'name' | 'onProgress'> {
  readonly lanes: readonly TargetGroup[]
  readonly pool: Pool
  readonly builder: Builder
  readonly journal: Journal
  readonly fallback: readonly FallbackWord[]
  readonly log: Log
  /** Called once when on every node a build has begun, or has ended before: daemons boot no more. */
  readonly onBegun: () => void
}

interface Lanes {
  /** Those that built, and those that failed for good. */
  readonly results: readonly GroupResult[]
  /** What the author should know of nodes that were lost. */
  readonly notes: readonly string[]
}

/**
 * Milliseconds to wait before a registry in trouble is tried again; BuildKit itself has tried for some seconds each
 * time.
 */
const patience = [2000, 8000, 20_000]

/**
 * Builds all lanes, each on its own. What a lost node should have built moves on as `fallback` says, and what a
 * registry could not take for the moment is tried again; nobody else notices.
 */
export async function buildLanes(request: LanesRequest): Promise<Lanes> {
  const results: GroupResult[] = []
  const notes: string[] = []
  let calls = 0
  const waiting = new Set(request.lanes)
  const begin = (lane: TargetGroup) => {
    if (waiting.delete(lane) && waiting.size === 0) request.onBegun()
  }

  async function follow(lane: TargetGroup, trail: readonly UserError[], tries = 0): Promise<void> {
    const emit: typeof request.emit = (lines) => {
      begin(lane)
      return request.emit(lines)
    }
    const { failure, ...result } = await buildWatched({ ...request, emit, name: `call-${calls++}` }, lane)
    begin(lane)
    const wait = patience[tries]
    for (const { target, digest } of result.built) if (digest !== '') request.onPush(target, digest)
    if (!failure) results.push(result)
    else if (request.signal.aborted || results.some((one) => one.failure)) results.push({ ...result, failure })
    else if (failure.code === 'busy' && wait !== undefined) {
      request.log.info(`${failure.message}; trying again in ${wait / 1000} s`)
      await withAbort(request.signal, sleep(wait)).catch(() => undefined)
      // Where another lane has failed for good by now, nothing comes of this one.
      if (results.some((one) => one.failure)) results.push({ ...result, failure })
      else await follow(lane, trail, tries + 1)
    } else if (failure.code === 'cache') {
      const note = [`${failure.message}: it is built without. ${failure.hint}`, ...failure.details].join('\n')
      notes.push(note)
      request.log.warn(note)
      await follow(withoutExport(lane), trail, tries)
    } else if (failure.code === 'node') await move({ ...result, failure }, [...trail, failure])
    else results.push({ ...result, failure })
  }

  async function move(
    result: GroupResult & { readonly failure: UserError },
    trail: readonly UserError[],
  ): Promise<void> {
    const { lane, failure } = result
    const { pool, fallback } = request
    pool.lose(lane.node, failure)
    const moved = moveTargets({
      drafts: lane.targets,
      failure,
      words: fallback,
      usable: pool.usable(),
      local: await pool.local(),
    })
    if (moved.failure) {
      results.push({ ...result, failure: withTrail(moved.failure, trail.slice(0, -1)) })
      return
    }
    const note = [`${failure.message}.`, ...moved.notes].join(' ')
    notes.push(note)
    request.log.warn(note)
    await Promise.all(groupByNode(moved.targets).map(async (next) => await follow(next, trail)))
  }

  await Promise.all(request.lanes.map(async (lane) => await follow(lane, [])))
  return { results, notes }
}

async function buildWatched(
  request: Omit<GroupRequest, 'lane' | 'builder' | 'lost' | 'onProgress'> & Pick<LanesRequest, 'builder' | 'journal'>,
  lane: TargetGroup,
): Promise<GroupResult> {
  const stop = new AbortController()
  const { node } = lane
  const { journal, signal } = request
  try {
    const builder = request.builder.lane(
      node,
      lane.targets.map(({ platform }) => platform),
    )
    const container = request.builder.container(node)
    if (container !== undefined)
      journal.note({
        kind: 'boots',
        node: node.spec.name,
        socket: node.socket,
        container,
        image: node.spec.driverOpts['image'] ?? '',
      })
    let booting = container
    const emit: GroupRequest['emit'] = (lines) => {
      // Of a boot that is cut off, buildx tells that it was.
      if (booting !== undefined && !signal.aborted) {
        journal.note({ kind: 'booted', container: booting })
        booting = undefined
      }
      return request.emit(lines)
    }
    let heard = performance.now()
    const daemon =
      container === undefined
        ? undefined
        : { ping: (deadline: number) => pingDaemon(node.socket, container, deadline), heard: () => heard }
    const lost = watchNode({ node, stop: stop.signal, ...(daemon && { daemon }) })
    return await buildGroup({ ...request, emit, lane, builder, lost, onProgress: () => (heard = performance.now()) })
  } finally {
    stop.abort()
  }
}

/** Its targets write no cache: one that cannot be written must not fail a build. */
function withoutExport({ node, targets }: TargetGroup): TargetGroup {
  return { node, targets: targets.map((target) => ({ ...target, writesCache: false })) }
}

/** What was tried before the last node failed too. */
function withTrail({ code, message, hint, details }: UserError, before: readonly UserError[]): UserError {
  return new UserError({
    code,
    message,
    hint,
    details: [...before.map((failure) => `Before that: ${failure.message}`), ...details],
  })
}

/** What the author should know of caches that could not be written. */
export function describeLostCaches({ lane, lostCaches }: GroupResult): string[] {
  return lostCaches.map((lost) => {
    const target =
      lane.targets.find(({ id }) => id === lost.target) ?? (lane.targets.length === 1 ? lane.targets[0] : undefined)
    return `The cache of ${target ? targetLabel(target) : 'a target'} could not be kept: ${explainLostCache(lost.error)}`
  })
}

/** How the log names what is built: `linux/arm64 slim, linux/amd64 slim`. */
export function namesOf(lanes: readonly TargetGroup[]): string {
  return lanes.flatMap(({ targets }) => targets.map(targetLabel)).join(', ')
}
