import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '../lib/exec.ts'
import type { Entry } from '../run/journal.ts'
import type { RunDir } from '../run/run-dir.ts'
import { runEnv } from './find.ts'

/**
 * Removes what buildx created in a cluster: the Deployment first, then the ConfigMaps. What does not exist counts as
 * removed. Resolves to whether anything may have been created.
 *
 * @throws Error with buildx' message if the cluster refuses it
 */
export async function removePod(
  { name, buildx, kubeconfig }: Extract<Entry, { kind: 'pod' }>,
  dir: RunDir,
  deadline: number,
): Promise<boolean> {
  const instance = dir.instance(name)
  // The journal entry precedes the instance: without it no pod was created.
  if (!existsSync(instance)) return false
  // buildx deletes an instance whose pod it could not remove, and a later attempt needs it: buildx gets a copy.
  const config = dir.removalConfig(name)
  mkdirSync(join(config, 'instances'), { recursive: true, mode: 0o700 })
  copyFileSync(instance, join(config, 'instances', name))
  const env = runEnv(dir, { BUILDX_CONFIG: config, ...(kubeconfig !== '' && { KUBECONFIG: kubeconfig }) })
  const { code, stderr } = await exec(buildx, ['rm', '--force', name], { env, deadline })
  if (code !== 0) throw new Error(removalError(stderr) ?? `buildx exited with code ${code} and printed nothing`)
  return true
}

/** buildx prints `failed to remove NAME: failed to remove node NAME: …`, and a less specific line below it. */
function removalError(text: string): string | undefined {
  return (
    /^failed to remove \S+: (?:failed to (?:remove|load) node \S+: )?(.+)$/m.exec(text)?.[1] ??
    text.trim().split('\n').at(-1)
  )
}
