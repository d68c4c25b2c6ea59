import { readCopyInputs } from './inputs/copy-inputs.ts'
import { secretsToMask } from './inputs/secrets-to-mask.ts'
import { prepareCopy } from './job/copy-step.ts'
import { Job } from './job/job.ts'
import { preloadReport, reportCopy, reportDryRun } from './job/report.ts'
import { withTelemetry } from './job/telemetry.ts'
import { removeDir } from './lib/files.ts'
import { withAbort } from './lib/time.ts'
import { RunRecord } from './report/run-record.ts'
import { copyImage, planCopyOnly } from './stories/copy.ts'

const began = performance.now()
const job = new Job()

const record = new RunRecord()

const copy = async () => {
  job.mask(secretsToMask(job.env))
  const inputs = await readCopyInputs(job.env, job.event)
  record.isDry = inputs.dryRun
  const { ports, dir } = await withAbort(job.signal, prepareCopy(job, inputs, record))
  try {
    if (inputs.dryRun) await reportDryRun(await planCopyOnly(inputs, ports))
    else {
      const copied = copyImage(inputs, ports)
      preloadReport('copy')
      await reportCopy(await copied, performance.now() - began)
    }
  } finally {
    removeDir(dir)
  }
}

await job.run(() => withTelemetry(job, { action: 'copy', record }, copy))
