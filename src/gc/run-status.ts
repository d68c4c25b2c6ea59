import type { RunAnswer } from '../forge/run-of.ts'
import { isOver, judgeTrace, type Self, type Trace } from './classify.ts'

export interface Liveness {
  /** Whether what bears this trace was left by a run that is over, for certain. */
  readonly isDead: (trace: Trace) => Promise<boolean>
}

/**
 * Asks the forge once for each run, and only for those of which it may know. A forge that does not answer kills nobody.
 */
export function openLiveness(
  self: Self,
  ask: (runId: string) => Promise<RunAnswer>,
  now: () => number = Date.now,
): Liveness {
  const asked = new Map<string, Promise<RunAnswer>>()
  const learn = (runId: string): Promise<RunAnswer> => {
    const known = asked.get(runId) ?? ask(runId).catch((): RunAnswer => 'unknown')
    asked.set(runId, known)
    return known
  }
  return {
    isDead: async (trace) => {
      const verdict = judgeTrace(trace, self)
      return verdict === 'ask' ? isOver(await learn(trace.runId), trace.age, now()) : verdict === 'dead'
    },
  }
}
