import type { CopyInputs } from '../inputs/copy-inputs.ts'
import { readCertificates } from '../registry/hosts.ts'
import type { CopyPorts } from '../stories/copy.ts'
import type { Job } from './job.ts'
import { resolveLogins } from './logins.ts'

/** Connects the copy story with this job. The logins stay in this process: nothing is written. */
export async function prepareCopy(job: Job, inputs: CopyInputs): Promise<CopyPorts> {
  const { log, signal } = job
  const { logins, from, to } = inputs
  inputs.warnings.forEach((warning) => log.warn(warning))
  const hosts = readCertificates(inputs.registries)
  const { registries } = await resolveLogins(job, { logins, images: to, sources: [from], push: true, hosts })
  return { registries, log, signal }
}
