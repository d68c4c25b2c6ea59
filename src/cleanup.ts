import { readCleanupInputs } from './inputs/cleanup-inputs.ts'
import { secretsToMask } from './inputs/secrets-to-mask.ts'
import { prepareCleanup } from './job/cleanup-step.ts'
import { Job } from './job/job.ts'
import { reportCleanup } from './job/report.ts'
import { cleanUpRegistries } from './stories/cleanup.ts'

const job = new Job()

await job.run(async () => {
  job.mask(secretsToMask(job.env))
  const inputs = await readCleanupInputs(job.env, job.event)
  await reportCleanup(await cleanUpRegistries(inputs, await prepareCleanup(job, inputs)))
})
