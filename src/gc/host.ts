import { endStrays, findRunDirs, removePrivateDir } from '../run/owner.ts'
import type { RunStatus } from './run-status.ts'
import { maxJobAge } from './classify.ts'
import { errorMessage } from '../lib/errors.ts'
import type { RunDir } from '../run/run-dir.ts'

export interface RunnerGarbage {
  readonly removed: readonly string[]
  readonly failed: readonly string[]
  /** Directories that were gone already while processes still named them. */
  readonly strays: number
}

/**
 * Removes what dead runs left on this machine: their private directories with keys and logins, their agents,
 * connections and sockets. A directory of this very run is never touched, since several steps of a job wait for their
 * post steps at once. Never throws.
 *
 * @param own this run's directory
 * @param run its id
 * @param parents directories to search
 */
export async function collectRunnerGarbage(
  own: RunDir,
  run: { readonly scope: string; readonly runId: string },
  liveness: RunStatus,
  parents = own.parents,
): Promise<RunnerGarbage> {
  const removed: string[] = []
  const failed: string[] = []
  const remove = async ({
    path,
    age,
    owner,
    runner,
  }: Awaited<ReturnType<typeof findRunDirs>>[number]): Promise<void> => {
    if (runner === 'working' || (owner?.scope === run.scope && owner.runId === run.runId)) return
    const dead = runner === 'gone' || (owner ? await liveness.isFinished({ ...owner, age }) : age > maxJobAge)
    if (!dead) return
    try {
      await removePrivateDir(path)
      removed.push(path)
    } catch (error) {
      failed.push(`${path}: ${errorMessage(error)}`)
    }
  }
  try {
    await Promise.all((await findRunDirs(own, parents)).map(remove))
    return { removed, failed, strays: await endStrays(own) }
  } catch (error) {
    return { removed, failed: [...failed, errorMessage(error)], strays: 0 }
  }
}
