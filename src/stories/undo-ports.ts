import type { Event } from '../forge/event.ts'
import type { RunnerGarbage } from '../gc/log.ts'
import type { Log } from '../lib/log.ts'
import type { NodeOutcome } from '../nodes/open.ts'
import type { PackageAccess } from '../packages/backend.ts'
import type { Repository } from '../registry/reference.ts'
import type { RunDir } from '../run/run-dir.ts'

/** The run to undo, as its main step saved it. */
export interface UndoRequest {
  readonly dir: RunDir
  /** Main's process, as `processIdentity` names it; it may still be running. */
  readonly main: string
  /** Which tags to delete. */
  readonly tags: 'auto' | 'always' | 'never'
  /** When main started, in milliseconds since the epoch; 0 if unknown. */
  readonly began: number
  readonly event: Pick<Event, 'runId' | 'runAttempt' | 'serverUrl' | 'repository'>
  /** The repositories of `image`. */
  readonly images: readonly Repository[]
}

/** What undoing a run needs from the job. */
export interface UndoPorts {
  /** Logs in again, since main has removed its logins. */
  readonly openPackages: () => Promise<PackageAccess>
  /** Makes the SSH keys available again, since main has ended its agent. */
  readonly authenticate: () => Promise<void>
  /** If the journal is lost: connects to the nodes of the inputs and to the local engine; `dir` is for that. */
  readonly openNodes: (dir: RunDir) => Promise<readonly NodeOutcome[]>
  /** Removes what finished runs left on this runner. */
  readonly collectRunnerGarbage: () => Promise<RunnerGarbage>
  readonly log: Log
  /** Aborts when the post step itself is cancelled; a few seconds are left then. */
  readonly signal: AbortSignal
}
