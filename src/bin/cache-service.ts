import { isFeatureAvailable, restoreCache, saveCache } from '@actions/cache'
import { setPrivateUmask } from '../lib/files.ts'

/*
 * Restores the file `buildx` of the working directory from the job's cache service, or saves it there. A process of its
 * own, for the reasons in buildx/install/binary-cache.ts. Exit code 0: done.
 *
 *   <the run directory> restore|save <key>
 */

setPrivateUmask()
const [, operation = '', key = ''] = process.argv.slice(2)
// Relative, since the service distinguishes caches by their paths too.
const paths = ['buildx']

async function transfer(): Promise<boolean> {
  if (!isFeatureAvailable()) return false
  return operation === 'save' ? (await saveCache(paths, key)) > 0 : (await restoreCache(paths, key)) === key
}

process.exit(
  await transfer().then(
    (done) => (done ? 0 : 1),
    (error: unknown) => (console.error(String(error)), 1),
  ),
)
