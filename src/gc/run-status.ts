import type { RunStatus } from '../forge/run-of.ts'
import { hasEnded, classifyRun, type CurrentRun, type RunRef } from './classify.ts'

export interface RunStatus {
  /** Whether what bears this trace was left by a run that is over, for certain. */
  readonly isFinished: (trace: RunRef) => Promise<boolean>
}

/**
 * Asks the forge once for each run, and only for those of which it may know. A forge that does not answer kills nobody.
 */
export function createRunStatus(
  self: CurrentRun,
  ask: (runId: string) => Promise<RunStatus>,
  now: () => number = Date.now,
): RunStatus {
  const asked = new Map<string, Promise<RunStatus>>()
  const learn = (runId: string): Promise<RunStatus> => {
    const known = asked.get(runId) ?? ask(runId).catch((): RunStatus => 'unknown')
    asked.set(runId, known)
    return known
  }
  return {
    isDead: async (trace) => {
      const verdict = classifyRun(trace, self)
      return verdict === 'ask' ? hasEnded(await learn(trace.runId), trace.age, now()) : verdict === 'dead'
    },
  }
}
