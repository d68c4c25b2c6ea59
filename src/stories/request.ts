import type { Inputs } from '../inputs/inputs.ts'
import type { Journal } from '../run/journal.ts'
import type { Event } from '../forge/event.ts'
import type { RunStatus } from '../gc/run-status.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import type { Buildx } from '../buildx/find.ts'
import type { Log } from '../lib/log.ts'
import type { RunDir } from '../run/run-dir.ts'

export interface RunRequest {
  readonly inputs: Inputs
  readonly event: Event
  readonly dir: RunDir
  readonly journal: Journal
  readonly log: Log
  readonly signal: AbortSignal
  /** The socket of an agent that the job already has. */
  readonly agent: string | undefined
  /** The job's own docker configuration, parsed; anything. */
  readonly dockerConfig: unknown
  readonly registries: RegistryAccess
  /** The buildx that the author wants, installed if need be. */
  readonly provideBuildx: (signal: AbortSignal) => Promise<Buildx>
  /** Which other runs are over. */
  readonly liveness: RunStatus
}
