import type { Event } from '../forge/event.ts'
import { createJournal } from '../run/journal.ts'
import { repositoryScope } from '../run/names.ts'
import { describeOwner, writeOwner } from '../run/owner.ts'
import { RunDir } from '../run/run-dir.ts'
import type { Job } from './job.ts'
import { saveMainState, type MainState } from './state.ts'

type InitialState = Pick<MainState, 'cleanup' | 'packagesApi' | 'images' | 'began'> & {
  /** Directories outside the workspace that builds read or write. */
  readonly used?: readonly string[]
}

/** Creates the run directory of this step; its post step knows the directory, whenever main is killed. */
export async function createRunDir(job: Job, event: Event, { used = [], ...state }: InitialState): Promise<RunDir> {
  const dir = RunDir.choose(job.env['RUNNER_TEMP'], [event.workspace, ...used])
  const owner = await describeOwner({ ...event, scope: repositoryScope(event) })
  saveMainState({ ...state, dir, main: owner.main })
  dir.create()
  writeOwner(dir, owner)
  createJournal(dir)
  return dir
}
