import type { CopyInputs } from '../inputs/copy-inputs.ts'
import type { RunRecord } from '../report/run-record.ts'
import { RunDir } from '../run/run-dir.ts'
import type { CopyPorts } from '../stories/copy.ts'
import type { Job } from './job.ts'
import { resolveLogins } from './logins.ts'
import { signing } from './signing.ts'

interface CopyStep {
  readonly ports: CopyPorts
  /** The directory of what cosign reads; it exists only if something is signed. */
  readonly dir: string
}

/** Connects the copy story with this job. The logins stay in this process: nothing is written. */
export async function prepareCopy(job: Job, inputs: CopyInputs, record: RunRecord): Promise<CopyStep> {
  const { log, signal } = job
  const { logins, from, to, sign } = inputs
  inputs.warnings.forEach((warning) => log.warn(warning))
  const hosts = inputs.registries
  const { registries } = await resolveLogins(job, { logins, images: to, sources: [from], push: true, hosts })
  // Its name is that of a run directory, so that the garbage collection of a later run removes what a killed step left.
  const dir = RunDir.choose(job.env['RUNNER_TEMP']).path
  const prepareSigning = signing(job, { sign, dir, registries, hosts })
  return { ports: { registries, log, signal, record, prepareSigning }, dir }
}
