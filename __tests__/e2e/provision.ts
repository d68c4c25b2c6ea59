import { afterAll, beforeAll } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { projectRoot } from '../farm/paths.ts'
import type { Job, StepResult } from './runner.ts'
import { useFarm, type FarmSetup } from './setup.ts'

/** The farm for the tests of a file, and a directory for what they create, which ends with it. */
export function useProvisioning(): FarmSetup & { readonly scratch: string } {
  const setup = useFarm()
  let scratch = ''
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'provision-'))
  })
  afterAll(() => rmSync(scratch, { recursive: true }))
  return {
    get farm() {
      return setup.farm
    },
    get scratch() {
      return scratch
    },
    jobs: setup.jobs,
    job: (options) => setup.job(options),
  }
}

/** A file of docs/nodes. */
export const kit = (name: string): string => join(projectRoot, 'docs/nodes', name)

/** The command that writes a file on a machine. */
export const onMachine = (path: string, text: string): string =>
  `mkdir -p ${dirname(path)} && echo ${Buffer.from(text).toString('base64')} | base64 -d > ${path}`

/** Builds without a fallback, and ends the job. */
export async function build(job: Job, inputs: Readonly<Record<string, string>>): Promise<StepResult> {
  const main = await job.main({ tags: 'v1', fallback: 'fail', ...inputs })
  await job.post()
  return main
}
