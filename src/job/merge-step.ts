import { readMergeInputs } from '../inputs/merge-inputs.ts'
import { secretsToMask } from '../inputs/secrets-to-mask.ts'
import { sleep } from '../lib/time.ts'
import type { PackageAccess } from '../packages/backend.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import { saveRegistryHosts } from '../registry/hosts.ts'
import type { RunRecord } from '../report/run-record.ts'
import { openJournal } from '../run/journal.ts'
import type { MergeRun } from '../stories/merge.ts'
import { describeEvent } from './event.ts'
import type { Job } from './job.ts'
import { resolveLogins } from './logins.ts'
import { createRunDir } from './run-dir.ts'
import { signing } from './signing.ts'

interface MergeStep {
  readonly run: MergeRun
  readonly registries: RegistryAccess
  readonly packages: PackageAccess
}

/** Reads the inputs, creates the run directory, and connects the merge story with this job. */
export async function prepareMerge(job: Job, record: RunRecord): Promise<MergeStep> {
  job.mask(secretsToMask(job.env))
  const event = await describeEvent(job)
  const inputs = await readMergeInputs(job.env, event)
  inputs.warnings.forEach((warning) => job.log.warn(warning))
  // The parts are older than this step, by days if they are of an earlier attempt.
  const { all: images, images: required } = inputs
  const dir = await createRunDir(job, event, { ...inputs, images, began: 0 })
  const hosts = await saveRegistryHosts(dir.registries, inputs.registries)
  const { registries } = await resolveLogins(job, { ...inputs, images, required, push: true, hosts })
  const prepareSigning = signing(job, { sign: inputs.sign, dir: dir.signing, registries, hosts })
  const { log, signal } = job
  const run = { inputs, event, dir, journal: openJournal(dir), log, signal, sleep, record, prepareSigning }
  return { run, registries, packages: job.packages(registries, inputs.packagesApi) }
}
