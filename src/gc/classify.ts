import type { RunStatus } from '../forge/run-of.ts'

const minute = 60_000
const day = 24 * 60 * minute

/** A job on a self-hosted runner is ended after five days; one more, for clocks and for what follows a job. */
export const maxJobAge = 6 * day
/** A runner that lost its forge goes on for a while after the forge has written the run off. */
const afterEnd = 10 * minute
/** A kept daemon that nobody used for so long is not worth its disk. */
export const idleTtl = 14 * day
/** Booting a daemon takes seconds, a minute where its image has to be pulled; a lock so old is nobody's any more. */
export const staleLockAge = 10 * minute

/** What is known of the run that something was made for. */
export interface RunRef {
  readonly scope: string
  readonly runId: string
  readonly runAttempt: number
  /** Milliseconds since it was made, by the clock of the machine it stands on. */
  readonly age: number
}

export interface CurrentRun {
  readonly scope: string
  readonly runId: string
  readonly runAttempt: number
  /**
   * Where a run can be started again only as a whole and after its end, as on GitHub: its earlier attempts are over.
   */
  readonly attemptsEnd: boolean
}

/**
 * PURE: what a name and an age say alone. Whatever is so old that no job can last as long is dead, if nobody knows
 * better: of runs of this repository the forge does, since a node that is set right after its start makes what is new
 * look old.
 */
export function classifyRun(trace: RunRef, self: CurrentRun): 'dead' | 'live' | 'ask' {
  if (trace.scope !== self.scope) return trace.age > maxJobAge ? 'dead' : 'live'
  if (trace.runId !== self.runId) return 'ask'
  return self.attemptsEnd && trace.runAttempt < self.runAttempt ? 'dead' : 'live'
}

/**
 * PURE: what the forge's answer adds: a run that it knows is over if it ended, or began so long ago; of others their
 * age alone decides.
 */
export function hasEnded(answer: RunStatus, age: number, now: number): boolean {
  if (typeof answer === 'string') return age > maxJobAge
  return answer.completed ? now - answer.endedAt > afterEnd : Math.min(age, now - answer.createdAt) > maxJobAge
}
