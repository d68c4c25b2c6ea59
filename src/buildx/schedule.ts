import { UserError } from '../lib/errors.ts'
import { nextWait, type RetryPolicy } from '../lib/retry.ts'
import { groupByNode, type Target, type TargetGroup } from '../plan/target.ts'

/** A group of targets on its way through retries and nodes. */
export interface GroupState {
  readonly group: TargetGroup
  /** How often it was built again because a registry was busy. */
  readonly retries: number
  /** Why earlier nodes were lost. */
  readonly trail: readonly UserError[]
}

/** What happened to a group. */
export type GroupEvent =
  | { readonly kind: 'ended'; readonly failure?: UserError | undefined }
  | { readonly kind: 'waited'; readonly failure: UserError }
  | { readonly kind: 'rescheduled'; readonly failure: UserError; readonly moved: Rescheduled }

interface Rescheduled {
  readonly targets: readonly Target[]
  /** What is done instead, one line each. */
  readonly notes: readonly string[]
  /** Set if a target has no node left. */
  readonly failure?: UserError
}

/** What to do next. */
export type GroupAction =
  | { readonly kind: 'build'; readonly state: GroupState }
  | { readonly kind: 'wait'; readonly ms: number; readonly failure: UserError }
  | { readonly kind: 'reschedule'; readonly failure: UserError }
  | { readonly kind: 'warn'; readonly note: string }
  | { readonly kind: 'finish'; readonly failure?: UserError }

/** For builds whose registry was busy. BuildKit itself has retried for some seconds each time. */
export const buildRetries: RetryPolicy = { waits: [2000, 8000, 20_000] }

/**
 * PURE: what to do with a group after an event.
 *
 * @param isOver whether the run was aborted, or another group has failed for good: then nothing is started again
 */
export function next(state: GroupState, event: GroupEvent, isOver: boolean): readonly GroupAction[] {
  const { failure } = event
  if (!failure) return [{ kind: 'finish' }]
  if (isOver) return [{ kind: 'finish', failure }]
  switch (event.kind) {
    case 'ended':
      return afterFailure(state, failure)
    case 'waited':
      return [{ kind: 'build', state: { ...state, retries: state.retries + 1 } }]
    case 'rescheduled':
      return afterReschedule(state, failure, event.moved)
  }
}

function afterFailure(state: GroupState, failure: UserError): readonly GroupAction[] {
  const ms = nextWait(buildRetries, state.retries + 1)
  if (failure.retryable && ms !== undefined) return [{ kind: 'wait', ms, failure }]
  if (failure.code === 'node') return [{ kind: 'reschedule', failure }]
  if (failure.code !== 'cache') return [{ kind: 'finish', failure }]
  const note = [`${failure.message}: building without writing the cache. ${failure.hint}`, ...failure.details].join(
    '\n',
  )
  return [
    { kind: 'warn', note },
    { kind: 'build', state: { ...state, group: withoutCacheExport(state.group) } },
  ]
}

function afterReschedule({ trail }: GroupState, failure: UserError, moved: Rescheduled): readonly GroupAction[] {
  if (moved.failure) return [{ kind: 'finish', failure: withTrail(moved.failure, trail) }]
  const groups = groupByNode(moved.targets)
  return [
    { kind: 'warn', note: [`${failure.message}.`, ...moved.notes].join(' ') },
    // If all targets were skipped, nothing is left to build.
    ...groups.map((group): GroupAction => ({
      kind: 'build',
      state: { group, retries: 0, trail: [...trail, failure] },
    })),
  ]
}

/** A cache that cannot be written must not fail a build. */
function withoutCacheExport({ node, targets }: TargetGroup): TargetGroup {
  return { node, targets: targets.map((target) => ({ ...target, writesCache: false })) }
}

/** Adds the failures of earlier nodes to that of the last one. */
function withTrail({ code, message, hint, details }: UserError, trail: readonly UserError[]): UserError {
  const earlier = trail.map((failure) => `Before that: ${failure.message}`)
  return new UserError({ code, message, hint, details: [...earlier, ...details] })
}
