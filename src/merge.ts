import { Job } from './job/job.ts'
import { prepareMerge } from './job/merge-step.ts'
import { preloadReport, reportDryRun, reportMerge } from './job/report.ts'
import { withTelemetry } from './job/telemetry.ts'
import { removeDir } from './lib/files.ts'
import { withAbort } from './lib/time.ts'
import { RunRecord } from './report/run-record.ts'
import { mergeImage } from './stories/merge.ts'

const began = performance.now()
const job = new Job()

const record = new RunRecord()

const merge = async () => {
  if (job.event.trust === 'fork') {
    job.log.info('This run has the level `fork`: its jobs pushed no parts, so there is nothing to merge.')
    return
  }
  const { run, registries, packages } = await withAbort(job.signal, prepareMerge(job, record))
  if (run.inputs.dryRun) {
    record.isDry = true
    const { dryRunMerge } = await import('./stories/merge-dry-run.ts')
    await reportDryRun(await dryRunMerge(run, packages).finally(() => removeDir(run.dir.signing)))
    return
  }
  const merged = mergeImage(run, registries).finally(() => removeDir(run.dir.signing))
  preloadReport('merge')
  const result = await merged
  if (result) await reportMerge(result, performance.now() - began)
  else job.log.info('The token of this run can only read: its jobs pushed no parts, so there is nothing to merge.')
}

await job.run(() => withTelemetry(job, { action: 'merge', record }, merge))
