import { appendFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseCacheSpec } from '../inputs/cache/specs.ts'
import { exportDest, exportPart, type FileExport } from '../inputs/settings/outputs.ts'
import { findLeavingLink, isWithin, leavingMessage, type ReadLink } from '../inputs/workspace-links.ts'
import { getAttribute } from '../lib/csv.ts'
import { errorMessage, UserError } from '../lib/errors.ts'
import { jobUmask } from '../lib/files.ts'
import type { Target } from '../plan/target.ts'
import type { BakeOptions } from './bake-definition.ts'

export interface LocalPath {
  /** The input that names it, or of whose value it is a part. */
  readonly input: string
  readonly path: string
  readonly access: 'read' | 'write'
  /** A file, and not a directory, is written. */
  readonly isFile?: boolean
  /** A directory of blobs, in which buildx follows links. */
  readonly isLayout?: boolean
}

/** PURE: every path on the runner that a build of these targets reads or writes, except those of the run directory. */
export function localPathsOf(targets: readonly Target[], { settings, several }: BakeOptions): readonly LocalPath[] {
  const named = (input: string, path: string, access: LocalPath['access']): LocalPath => ({ input, path, access })
  const ofSettings = [
    ...Object.values(settings.contexts).map((value) =>
      value.startsWith('oci-layout:')
        ? { ...named('build-contexts', value.replace(/^oci-layout:\/\/([^:@]+).*$/, '$1'), 'read'), isLayout: true }
        : named('build-contexts', value, 'read'),
    ),
    ...settings.secrets.flatMap((secret) => (secret.kind === 'file' ? named('secret-files', secret.path, 'read') : [])),
    ...settings.ssh.flatMap((entry) => entry.split('=')[1]?.split(',') ?? []).map((path) => named('ssh', path, 'read')),
    ...cachePaths('cache-from', settings.cacheFrom),
    ...cachePaths('cache-to', settings.cacheTo),
  ]
  const ofTargets = targets.flatMap(({ variant, platform, cache }) => [
    named('context', variant.context, 'read'),
    named('file', variant.file ?? `${variant.context}/Dockerfile`, 'read'),
    ...settings.exports.map((files) => ({
      ...named('outputs', exportDest(files, several ? exportPart(variant.name, platform) : ''), 'write'),
      ...(files.type !== 'local' && (isArchive(files) ? { isFile: true } : { isLayout: true })),
    })),
    ...(cache ? cachePaths('cache', [...cache.from, cache.to]) : []),
  ])
  // What does not begin with `/` is a URL or an image.
  return [...ofSettings, ...ofTargets].filter(({ path }) => path.startsWith('/'))
}

function isArchive({ attributes }: FileExport): boolean {
  return getAttribute(attributes, 'tar') !== 'false'
}

function cachePaths(input: string, specs: readonly string[]): readonly LocalPath[] {
  return specs
    .flatMap((spec) => parseCacheSpec(spec) ?? [])
    .flatMap(([name, path]): readonly LocalPath[] => {
      if (name === 'src') return [{ input, path, access: 'read', isLayout: true }]
      return name === 'dest' ? [{ input, path, access: 'write', isLayout: true }] : []
    })
}

/**
 * Checks paths again, right before buildx uses them: an earlier step or a build may have changed them since the inputs
 * were parsed. Returns the error that names the link.
 */
export function findEscape(paths: readonly LocalPath[], workspace: string, read?: ReadLink): UserError | undefined {
  for (const { input, path } of paths.flatMap((one) => [one, ...pathsThrough(one, workspace)])) {
    const leaving = findLeavingLink(path, workspace, read)
    if (leaving)
      return new UserError({
        code: 'inputs',
        message: `\`${input}\`: a path leaves the workspace through a symbolic link`,
        hint: `${path} ${leavingMessage(leaving, workspace)}.`,
      })
  }
  return undefined
}

/** What buildx uses too: links in a directory, and the policy of a Dockerfile, which has no input. */
function pathsThrough(given: LocalPath, workspace: string): readonly LocalPath[] {
  const { input, path, isLayout } = given
  if (input === 'file') return [{ ...given, path: `${path}.rego` }]
  return isLayout && isWithin(path, workspace) ? linksBelow(path).map((link) => ({ ...given, path: link })) : []
}

/** The symbolic links in a directory, if it exists; directories that are links are not entered. */
function linksBelow(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name)
      if (entry.isSymbolicLink()) return [path]
      return entry.isDirectory() ? linksBelow(path) : []
    })
  } catch {
    // It does not exist, or neither this process nor buildx can read it.
    return []
  }
}

/**
 * Creates the destinations outside the workspace that do not exist yet, with the job's umask. For a path that does not
 * exist, bake requires write access to its nearest parent: `--allow` would open all of `/tmp`. Returns the error for a
 * destination that cannot be created.
 */
export function createDestinations(paths: readonly LocalPath[], workspace: string): UserError | undefined {
  const missing = paths.filter(
    ({ path, access }) => access === 'write' && !isWithin(path, workspace) && !existsSync(path),
  )
  const privateUmask = process.umask(jobUmask)
  try {
    for (const { path, isFile = false } of missing) {
      mkdirSync(isFile ? dirname(path) : path, { recursive: true })
      if (isFile) appendFileSync(path, '')
    }
    return undefined
  } catch (error) {
    return new UserError({
      code: 'inputs',
      message: 'A destination outside the workspace cannot be created',
      hint: 'Check the paths in `outputs`, `cache` and `cache-to`, and the permissions of their directories.',
      details: [errorMessage(error)],
      cause: error,
    })
  } finally {
    process.umask(privateUmask)
  }
}

/**
 * PURE: what bake may read and write outside of the workspace, by its `--allow` flags: secrets of the run, and paths
 * that lie outside by name. It resolves links itself and refuses every other path.
 */
export function fileAccessFlags(
  paths: readonly LocalPath[],
  { workspace, secrets }: { readonly workspace: string; readonly secrets: string },
): readonly string[] {
  const outside = paths.filter(({ path }) => !isWithin(path, workspace))
  const allowed = [`fs.read=${secrets}`, ...outside.map(({ path, access }) => `fs.${access}=${path}`)]
  return [...new Set(allowed)].flatMap((entry) => ['--allow', entry])
}
