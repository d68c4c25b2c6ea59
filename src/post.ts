import { Job } from './job/job.ts'
import { preparePost, storeDownload } from './job/post-step.ts'
import { loadMainState } from './job/state.ts'
import { undoRun } from './stories/undo.ts'

const job = new Job()

await job.run(async () => {
  const state = loadMainState()
  if (!state) {
    job.log.info('Nothing to clean up.')
    return
  }
  const { request, ports } = await preparePost(job, state)
  const stored = storeDownload(job)
  await undoRun(request, ports)
  if (!job.signal.aborted) await stored
})
