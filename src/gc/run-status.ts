import type { RunState } from '../forge/run-status.ts'

const minute = 60_000
const day = 24 * 60 * minute

/** A job on a self-hosted runner ends after five days; one more for differing clocks, and for the post step. */
export const maxJobAge = 6 * day
/** A runner that lost its connection continues for a while after the CI platform has ended the run. */
const endGrace = 10 * minute
/** A persistent builder that is unused for this long is not worth its disk space. */
export const idleTtl = 14 * day
/** A daemon boots within seconds, or a minute if its image has to be pulled; an older lock has lost its holder. */
export const staleLockAge = 10 * minute

/** Requests to the CI platform, which limits them per hour: later runs ask about what is left. */
const mostRequests = 30

/** The run that a resource belongs to, as far as its name and its age tell. */
export interface RunRef {
  readonly scope: string
  readonly runId: string
  readonly runAttempt: number
  /** The builder instance that the resource belongs to: `<run's builder>-<number>`; absent for a run directory. */
  readonly name?: string
  /** Milliseconds since the resource was created, by the clock of its machine. */
  readonly age: number
}

export interface CurrentRun {
  readonly scope: string
  readonly runId: string
  readonly runAttempt: number
  /** Whether a run can be started again only as a whole and after its end, as on GitHub: so earlier attempts ended. */
  readonly attemptsEnd: boolean
}

/**
 * PURE: what the name and the age alone tell. Runs of another repository are finished if they are older than any job.
 * For runs of this repository the CI platform decides, since the clock of a node may jump forward after its start,
 * which makes everything look old.
 */
export function classifyRunRef(ref: RunRef, current: CurrentRun): 'finished' | 'running' | 'unknown' {
  if (ref.scope !== current.scope) return ref.age > maxJobAge ? 'finished' : 'running'
  if (ref.runId !== current.runId) return 'unknown'
  return current.attemptsEnd && ref.runAttempt < current.runAttempt ? 'finished' : 'running'
}

/** PURE: a run that the CI platform knows has ended, or began too long ago; for others the age alone decides. */
function hasEnded(status: RunState, age: number, now: number): boolean {
  if (typeof status === 'string') return age > maxJobAge
  return status.completed ? now - status.endedAt > endGrace : Math.min(age, now - status.createdAt) > maxJobAge
}

export interface RunChecker {
  /** Whether the run of this resource is certainly finished. */
  readonly isFinished: (ref: RunRef) => Promise<boolean>
}

/**
 * Fetches the status of each run once, of at most 30 runs, and only of those that are not decided otherwise. The status
 * of the others, and after a failure, is `unknown`.
 */
export function createRunChecker(
  current: CurrentRun,
  fetchStatus: (runId: string) => Promise<RunState>,
  now: () => number = Date.now,
): RunChecker {
  const cache = new Map<string, Promise<RunState>>()
  const status = (runId: string): Promise<RunState> => {
    const known = cache.get(runId)
    if (known || cache.size >= mostRequests) return known ?? Promise.resolve('unknown')
    const answer = fetchStatus(runId).catch((): RunState => 'unknown')
    cache.set(runId, answer)
    return answer
  }
  return {
    isFinished: async (ref) => {
      const verdict = classifyRunRef(ref, current)
      return verdict === 'unknown' ? hasEnded(await status(ref.runId), ref.age, now()) : verdict === 'finished'
    },
  }
}

/** Only this builder's run is finished: matrix legs and other steps of the same run have builders of their own. */
export function onlyBuilder(builder: string): RunChecker {
  return { isFinished: ({ name = '' }) => Promise.resolve(name.startsWith(`${builder}-`)) }
}
