import { afterAll, beforeAll } from '@jest/globals'
import { attachFarm, farmJob, removeKeptBuilders, type Farm } from './harness.ts'
import type { Job, JobOptions } from './runner.ts'

export interface FarmSetup {
  /** From `beforeAll` on. */
  readonly farm: Farm
  /** All jobs so far. */
  readonly jobs: readonly Job[]
  /** A job that ends with the test file. */
  job(options?: JobOptions): Job
}

/**
 * The farm for the tests of a file, and jobs that end with it, as do the faults of the registry. Jest calls hooks in
 * the order of their declaration: an `afterAll` that needs the directory of a job comes before this call.
 *
 * @param keepsBuilders whether jobs leave persistent builders, which end with the file
 */
export function useFarm({ keepsBuilders = false } = {}): FarmSetup {
  const jobs: Job[] = []
  let attached: Farm | undefined
  beforeAll(async () => {
    attached = await attachFarm()
    // Tests read the log again and again: without the requests of the files before, it stays short.
    await attached.registry.resetRequests()
  })
  afterAll(async () => {
    jobs.forEach((job) => job.end())
    await attached?.registry.clearFaults()
    if (attached && keepsBuilders) await removeKeptBuilders(attached)
  })
  const farm = (): Farm => {
    if (!attached) throw new Error('the farm is there from `beforeAll` on')
    return attached
  }
  return {
    get farm() {
      return farm()
    },
    jobs,
    job: (options) => {
      const job = farmJob(farm(), options)
      jobs.push(job)
      return job
    },
  }
}
