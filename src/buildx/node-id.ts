import { createHash } from 'node:crypto'
import { existsSync, lstatSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Event } from '../forge/event.ts'
import { writePrivate } from '../lib/files.ts'
import type { OpenedNodes } from '../nodes/pool.ts'
import { repositoryScope } from '../run/names.ts'
import type { RunDir } from '../run/run-dir.ts'
import { contextFiles, ignoredNames } from './context-files.ts'
import type { LocalPath } from './local-paths.ts'

interface NodeIdRequest {
  readonly dir: RunDir
  readonly event: Pick<Event, 'serverUrl' | 'repository' | 'trust' | 'workspace'>
  readonly opened: Pick<OpenedNodes, 'nodes' | 'persistent'>
  readonly localPaths: readonly LocalPath[]
}

/**
 * Writes the id by which a BuildKit finds the files that this client sent before: it then receives only files whose
 * size or time differs. buildx's own id is random, and each run has a configuration of its own, so that a kept
 * workspace would be uploaded completely by each run.
 *
 * The id is that of the repository, the trust level and this checkout on this machine. It is written only if every node
 * has a daemon that runs of no other repository and trust level use.
 */
export function writeNodeId({ dir, event, opened, localPaths }: NodeIdRequest): void {
  const isOwn = ({ spec }: OpenedNodes['nodes'][number]) => spec.existingNodeName === undefined
  if (!opened.nodes.every((node) => opened.persistent.has(node) && isOwn(node))) return
  const read = localPaths.filter(({ access }) => access === 'read')
  // A Dockerfile with an ignore file of its own does not use that of the context.
  const hasOwn = read.some(({ path }) =>
    [path, join(path, 'Dockerfile')].some((file) => existsSync(`${file}.dockerignore`)),
  )
  if (read.some(({ path }) => hasSetTimes(path, hasOwn ? new Set() : ignoredNames(path)))) return
  const { ino } = statSync(event.workspace, { bigint: true })
  const parts = [repositoryScope(event), event.trust, hostname(), event.workspace, String(ino)]
  writePrivate(dir.nodeId, createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16))
}

/** In a directory with more entries, times are not looked up: it is sent completely. */
const mostEntries = 50_000

/**
 * Whether a file, or a file at any depth of a directory, has a time in whole seconds: a program has set it, such as
 * `touch` for reproducible layers, or `tar`. A changed file may then have the size and time of its former content, and
 * BuildKit would use that content: https://github.com/tonistiigi/fsutil/blob/master/diff_containerd.go
 */
function hasSetTimes(path: string, ignored: ReadonlySet<string>): boolean {
  const isDirectory = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  let entries = 0
  for (const each of isDirectory ? contextFiles(path, ignored) : [path]) {
    const stats = lstatSync(each, { bigint: true, throwIfNoEntry: false })
    if (++entries > mostEntries || (stats?.isFile() === true && stats.mtimeNs % 1_000_000_000n === 0n)) return true
  }
  return false
}
