import { errorMessage } from '../lib/errors.ts'
import { endStrays, findRunDirs, removeRunDir } from '../run/owner.ts'
import type { RunDir } from '../run/run-dir.ts'
import type { RunnerGarbage } from './log.ts'
import { maxJobAge, type RunChecker } from './run-status.ts'

/**
 * Removes what finished runs left on this machine: their run directories with keys and logins, their agents,
 * connections and sockets. A directory of the same run is never removed, since several steps of a job may wait for
 * their post steps at once. Never throws.
 *
 * @param self this run's directory
 * @param run its id
 * @param parents directories to search
 */
export async function collectRunnerGarbage(
  self: RunDir,
  run: { readonly scope: string; readonly runId: string },
  runs: RunChecker,
  parents = self.parents,
): Promise<RunnerGarbage> {
  const removed: string[] = []
  const failed: string[] = []
  const remove = async (dir: Awaited<ReturnType<typeof findRunDirs>>[number]): Promise<void> => {
    const { path, age, owner, runner } = dir
    if (runner === 'working' || (owner?.scope === run.scope && owner.runId === run.runId)) return
    const isFinished = runner === 'gone' || (owner ? await runs.isFinished({ ...owner, age }) : age > maxJobAge)
    if (!isFinished) return
    try {
      await removeRunDir(path)
      removed.push(path)
    } catch (error) {
      failed.push(`${path}: ${errorMessage(error)}`)
    }
  }
  try {
    await Promise.all((await findRunDirs(self, parents)).map(remove))
    return { removed, failed, strays: await endStrays(self) }
  } catch (error) {
    return { removed, failed: [...failed, errorMessage(error)], strays: 0 }
  }
}
