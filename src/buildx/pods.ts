import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry } from '../run/journal.ts'
import { runEnv } from './find.ts'
import { run } from '../lib/exec.ts'
import type { RunDir } from '../run/run-dir.ts'

/**
 * Removes what buildx made in a cluster: the Deployment first, then the ConfigMaps. What is not there counts as
 * removed.
 *
 * @param dir the run's private directory, which has the instance
 * @throws with buildx's words where the cluster does not let us
 */
export async function removePod(
  { name, buildx, kubeconfig }: Extract<Entry, { kind: 'pod' }>,
  dir: RunDir,
  deadline: number,
): Promise<void> {
  const instance = dir.instance(name)
  // Noted before it was written: nobody can have used it.
  if (!existsSync(instance)) return
  // Buildx forgets an instance that it could not remove, and whoever comes again needs it: it gets a copy.
  const config = dir.removalConfig(name)
  mkdirSync(join(config, 'instances'), { recursive: true, mode: 0o700 })
  copyFileSync(instance, join(config, 'instances', name))
  const env = runEnv(dir, { BUILDX_CONFIG: config, ...(kubeconfig !== '' && { KUBECONFIG: kubeconfig }) })
  const { code, stderr } = await run(buildx, ['rm', '--force', name], { env, deadline })
  if (code !== 0) throw new Error(lastWords(stderr) ?? `buildx ended with code ${code}`)
}

/** `failed to remove NAME: failed to remove node NAME: …`, and a line that says less below it. */
function lastWords(text: string): string | undefined {
  return (
    /^failed to remove \S+: (?:failed to (?:remove|load) node \S+: )?(.+)$/m.exec(text)?.[1] ??
    text.trim().split('\n').at(-1)
  )
}
