import { isFeatureAvailable, restoreCache, saveCache } from '@actions/cache'
import { setPrivateUmask } from '../lib/umask.ts'

/*
 * Asks the job's cache service for the file `buildx` in the working directory, or gives it that file; a process of its
 * own, for the reasons in sys/binary-cache.ts. Says with its exit code whether it was done.
 *
 *   <the run's directory> restore|save <key>
 */

setPrivateUmask()
const [, verb = '', key = ''] = process.argv.slice(2)
// Relative, since the service tells caches apart by their paths as well.
const paths = ['buildx']

async function work(): Promise<boolean> {
  if (!isFeatureAvailable()) return false
  return verb === 'save' ? (await saveCache(paths, key)) > 0 : (await restoreCache(paths, key)) === key
}

process.exit(
  await work().then(
    (done) => (done ? 0 : 1),
    (error: unknown) => (console.error(String(error)), 1),
  ),
)
