import type { callTargets } from '../buildx/call.ts'
import type { Buildx } from '../buildx/find.ts'
import type { ScheduleRequest, ScheduleResult } from '../buildx/scheduler.ts'
import type { Event } from '../forge/event.ts'
import type { FetchRunStatus } from '../forge/run-status.ts'
import type { RunChecker } from '../gc/run-status.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { Log } from '../lib/log.ts'
import type { NodeOutcome } from '../nodes/open.ts'
import type { PackageAccess } from '../packages/backend.ts'
import type { SignImages } from '../publish/sign/verification.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import type { RunRecord } from '../report/run-record.ts'
import type { Journal } from '../run/journal.ts'
import type { RunDir } from '../run/run-dir.ts'

/** One run of the main action. */
export interface Run {
  readonly inputs: Inputs
  readonly event: Event
  readonly dir: RunDir
  readonly journal: Journal
  readonly log: Log
  readonly signal: AbortSignal
  readonly record: RunRecord
  /** The job's own Docker configuration as parsed JSON, of any shape. */
  readonly dockerConfig: unknown
}

/** What the build story needs from the job. */
export interface BuildPorts {
  /** Connects to all nodes of `nodes`. @throws UserErrors for inputs that are not valid */
  readonly openNodes: () => Promise<readonly NodeOutcome[]>
  /** The buildx that `version` asks for, installed if necessary. @throws UserError */
  readonly provideBuildx: (signal: AbortSignal) => Promise<Buildx>
  /** Builds groups of targets with buildx. */
  readonly buildGroups: (request: ScheduleRequest) => Promise<ScheduleResult>
  /** Runs a subrequest of `call` with buildx. */
  readonly callTargets: typeof callTargets
  readonly registries: RegistryAccess
  /** Finds cosign, and checks the key or the identity; undefined if nothing is signed. @throws UserError */
  readonly prepareSigning: () => Promise<SignImages | undefined>
  /** Which other runs are finished. */
  readonly runs: RunChecker
}

/** What the dry run needs from the job. */
export interface DryRunPorts extends Pick<BuildPorts, 'openNodes' | 'prepareSigning'> {
  /** The buildx that a run would use; undefined if it would be downloaded. */
  readonly findBuildx: () => Promise<Buildx | undefined>
  readonly packages: PackageAccess
  readonly fetchRunStatus: FetchRunStatus
}
