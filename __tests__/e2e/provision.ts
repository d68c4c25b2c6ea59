import { dirname, join } from 'node:path'
import { projectRoot } from '../farm/paths.ts'
import type { Job, StepResult } from './runner.ts'

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
