import type { Interval } from '../buildx/measure.ts'
import type { GroupResult } from '../buildx/run.ts'
import type { Node } from '../nodes/node.ts'
import type { NodeOutcome } from '../nodes/open.ts'
import type { Target } from '../plan/target.ts'
import type { PastRun } from '../publish/history/runs.ts'
import type { Published } from '../publish/publish.ts'

/** A phase of a run, by its name in docs/observability. */
type RunPhase = 'connect' | 'plan' | 'build' | 'copy' | 'publish'

interface TimedPhase extends Interval {
  readonly phase: RunPhase
}

/** The run before this one, of the same branch. */
export interface PreviousRun extends PastRun {
  /** Its page; undefined if that is not known. */
  readonly url?: string
}

/** What a run of an action has done so far, so that a run that fails or is cancelled can be measured too. */
export class RunRecord {
  /** Milliseconds since the epoch. */
  readonly began: number
  readonly phases: TimedPhase[] = []
  /** Every node of the list, available or not. */
  outcomes: readonly NodeOutcome[] = []
  /** Everything that was planned, in the order of the inputs. */
  targets: readonly Target[] = []
  groups: readonly GroupResult[] = []
  published: readonly Published[] = []
  /** Bytes that a copy uploaded; undefined for other actions. */
  uploaded: number | undefined
  /** Nodes that were lost while they built. */
  lost: readonly Node[] = []
  /** Undefined if it is not known. */
  previous: PreviousRun | undefined
  /** The span of this run, as in the variable TRACEPARENT; undefined if it is not traced. */
  traceparent: string | undefined
  /** A dry run is not measured. */
  isDry = false

  constructor(began = performance.timeOrigin) {
    this.began = began
  }

  /** Records when a phase started and ended, with any result. */
  async time<T>(phase: RunPhase, work: () => Promise<T>): Promise<T> {
    const start = Date.now()
    try {
      return await work()
    } finally {
      this.phases.push({ phase, start, end: Date.now() })
    }
  }
}
