import { lstatSync, realpathSync } from 'node:fs'
import type { BuildSettings } from '../inputs/settings/settings.ts'
import type { Target } from '../plan/target.ts'
import { contextFiles, ignoredNames } from './context-files.ts'

/**
 * Bytes that a node may receive repeatedly. On the farm, with all machines on 2 busy processors, each further upload of
 * 62 MB took 3 to 7 s.
 */
const mostRepeated = 100_000_000
/** A directory with more entries is not measured: its size counts as too large. */
const mostEntries = 20_000

type UploadTarget = Pick<Target, 'id' | 'cache'> & { readonly variant: Pick<Target['variant'], 'context'> }

/**
 * PURE: of each target that imports a cache of its own, by its id, the number of its upload of the build context.
 * All others share upload 0.
 *
 * BuildKit treats steps that use the same upload as one step, with the imported caches of all targets. If two of these
 * caches contain the step, it may not find the steps after it that only one of them contains:
 * https://github.com/moby/buildkit/issues/6418. With several uploads, steps with the same content still run only once:
 * BuildKit merges them as soon as it knows the content.
 */
export function uploadNumbers(targets: readonly Pick<Target, 'id' | 'cache'>[]): ReadonlyMap<string, number> {
  return new Map(targets.filter(importsCache).map(({ id }, index) => [id, index]))
}

function importsCache({ cache }: Pick<Target, 'cache'>): boolean {
  return cache !== undefined && cache.from.length > 0
}

/**
 * PURE: the path of a directory for an upload. buildx sends a directory once to all targets of a call that spell its
 * path the same way, without resolving it:
 * https://github.com/docker/buildx/blob/v0.38.2/build/build.go (`detectSharedMounts`). Bake cleans a path, but keeps
 * `..` at its beginning, and the parent of the root is the root: each further `../` is another spelling of the same
 * directory (seen with 0.19.0 and 0.38.2). Where buildx reports or compares paths, it uses absolute ones, so nothing
 * else changes.
 *
 * @param path what does not begin with `/` is a URL or an image, and stays as it is
 * @param depth as `uploadDepth` returns it
 */
export function spellPath(path: string, upload: number, depth: number): string {
  return upload === 0 || !path.startsWith('/') ? path : `${'../'.repeat(depth + upload)}${path.slice(1)}`
}

/** How many times `..` leads from a directory to the root, also if one of its parents is a link. */
function pathDepth(directory: string): number {
  return Math.max(...[directory, realpathSync(directory)].map((path) => path.split('/').filter(Boolean).length))
}

interface UploadRequest {
  readonly settings: Pick<BuildSettings, 'contexts'>
  /** The working directory of buildx. */
  readonly workspace: string
  /** Whether the daemon has the steps of earlier runs: its targets hardly need the imported caches. */
  readonly isPersistent: boolean
}

/**
 * The depth of the working directory of buildx if the targets of a call get uploads of their own; undefined if they
 * share one: the daemon has their steps anyway, or would receive too much.
 */
export function uploadDepth(targets: readonly UploadTarget[], request: UploadRequest): number | undefined {
  const { settings, workspace, isPersistent } = request
  const repeated = targets.filter(importsCache).slice(1)
  if (isPersistent || repeated.length === 0) return undefined
  const paths = repeated.flatMap(({ variant }) => [variant.context, ...Object.values(settings.contexts)])
  return areSmall(paths.filter((path) => path.startsWith('/'))) ? pathDepth(workspace) : undefined
}

function areSmall(paths: readonly string[]): boolean {
  const counts = new Map<string, number>()
  for (const path of paths) counts.set(path, (counts.get(path) ?? 0) + 1)
  let left = mostRepeated
  for (const [path, count] of counts) left -= count * measureContext(path, left / count)
  return left >= 0
}

/** The bytes of a build context; infinite if there are more than `most`. */
function measureContext(context: string, most: number): number {
  let [bytes, entries] = [0, 0]
  for (const path of contextFiles(context, ignoredNames(context))) {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    bytes += stats?.isDirectory() === true ? 0 : (stats?.size ?? 0)
    if (++entries > mostEntries || bytes > most) return Infinity
  }
  return bytes
}
