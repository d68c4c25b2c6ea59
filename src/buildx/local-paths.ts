import { appendFileSync, existsSync, lstatSync, mkdirSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseCacheSpec } from '../inputs/cache/specs.ts'
import { exportDest, exportPart, isArchive } from '../inputs/settings/outputs.ts'
import { findLeavingLink, isWithin, leavingMessage, specialMessage, type ReadLink } from '../inputs/workspace-links.ts'
import { errorMessage, UserError } from '../lib/errors.ts'
import { contains, jobUmask, specialKind } from '../lib/files.ts'
import type { Target } from '../plan/target.ts'
import type { RunDir } from '../run/run-dir.ts'
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
      ...(isArchive(files) ? { isFile: true } : files.type !== 'local' && { isLayout: true }),
    })),
    ...(cache ? cachePaths('cache', [...cache.from, cache.to]) : []),
  ])
  // What does not begin with `/` is a URL or an image.
  return [...ofSettings, ...ofTargets].filter(({ path }) => path.startsWith('/'))
}

function cachePaths(input: string, specs: readonly string[]): readonly LocalPath[] {
  return specs
    .flatMap((spec) => parseCacheSpec(spec) ?? [])
    .flatMap(([name, path]): readonly LocalPath[] => {
      if (name === 'src') return [{ input, path, access: 'read', isLayout: true }]
      return name === 'dest' ? [{ input, path, access: 'write', isLayout: true }] : []
    })
}

interface PathContext extends Pick<BakeOptions, 'fork'> {
  readonly workspace: string
  readonly dir: Pick<RunDir, 'path'>
}

/** The error that names a path which buildx must not use. */
export function findUnusable(
  paths: readonly LocalPath[],
  { workspace, dir, fork = false }: PathContext,
): UserError | undefined {
  return findEscape(paths, workspace) ?? findExposure(paths, dir.path) ?? (fork ? findCheckout(paths) : undefined)
}

/** The code of a fork must not replace a Git repository: Git runs programs that its configuration names. */
function findCheckout(paths: readonly LocalPath[]): UserError | undefined {
  const isReplaced = ({ path, access, isFile, isLayout }: LocalPath) =>
    access === 'write' && !isFile && !isLayout && lstatSync(join(path, '.git'), { throwIfNoEntry: false })
  const found = paths.find(isReplaced)
  if (!found) return undefined
  const hint = `${found.path} contains \`.git\`, which the code of a fork could replace: use a directory of its own.`
  return pathError(found.input, 'the destination is the directory of a Git repository', hint)
}

/**
 * A directory that contains the private directory of the run: a build would read its logins and secrets, and a node
 * that sends other results than those of the build would replace its programs.
 */
function findExposure(paths: readonly LocalPath[], privateDir: string): UserError | undefined {
  for (const { input, path } of paths) {
    // A frontend may ask for everything beside its Dockerfile.
    const directory = input === 'file' ? dirname(path) : path
    if (!contains(directory, privateDir)) continue
    const hint = `${directory} contains ${privateDir}, which has logins and secrets: use a directory of its own.`
    return pathError(input, 'a directory contains the private directory of this run', hint)
  }
  return undefined
}

/**
 * Checks paths again, right before buildx uses them: an earlier step or a build may have changed them since the inputs
 * were parsed. Returns the error that names the path.
 */
export function findEscape(paths: readonly LocalPath[], workspace: string, read?: ReadLink): UserError | undefined {
  for (const one of paths.flatMap((given) => [given, ...pathsThrough(given, workspace)])) {
    const { input, path } = one
    const leaving = findLeavingLink(path, workspace, read)
    if (leaving) return pathError(input, leaves, `${path} ${leavingMessage(leaving, workspace)}.`)
    if (!isWithin(path, workspace)) continue
    const kind = specialKind(path)
    if (kind !== undefined && !(input === 'ssh' && kind === 'a socket'))
      return pathError(input, `a path is ${kind}`, `${path} ${specialMessage(kind)}.`)
    if (one.isFile && isHardLink(path)) return pathError(input, 'a file is a hard link', `${path} ${hardLink}`)
  }
  return undefined
}

const leaves = 'a path leaves the workspace through a symbolic link'
const hardLink =
  'is also a file elsewhere. buildx could change that file, or show its content in an error. Delete the link, or ' +
  'replace it with a copy.'

function pathError(input: string, problem: string, hint: string): UserError {
  return new UserError({ code: 'inputs', message: `\`${input}\`: ${problem}`, hint })
}

/** Whether a file has another name, perhaps outside the workspace: buildx writes into it, and does not replace it. */
function isHardLink(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats?.isFile() === true && stats.nlink > 1
}

/** What buildx uses too: the policy of a Dockerfile, which has no input, and what is in a directory of blobs. */
function pathsThrough(given: LocalPath, workspace: string): readonly LocalPath[] {
  const { input, path, isLayout } = given
  if (input === 'file') return [{ ...given, path: `${path}.rego` }]
  if (!isLayout || !isWithin(path, workspace)) return []
  // Blobs are replaced; these files are changed in place, and quoted in messages if they are not valid.
  const files = layoutFiles.map((name) => ({ ...given, path: join(path, name), isFile: true }))
  return [...files, ...specialsBelow(path, workspace).map((special) => ({ ...given, path: special }))]
}

const layoutFiles = ['index.json', 'index.json.lock', 'oci-layout']

/**
 * What is neither a file nor a directory in a directory, if it exists. What a link leads to is checked in turn, each
 * directory once: it may have further links. A link that leaves the workspace is an error itself, and not entered.
 */
function specialsBelow(directory: string, workspace: string, seen = new Set<string>()): readonly string[] {
  try {
    const real = realpathSync(directory)
    if (seen.has(real) || !contains(workspace, real)) return []
    seen.add(real)
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name)
      if (entry.isFile()) return []
      if (entry.isDirectory()) return specialsBelow(path, workspace, seen)
      return entry.isSymbolicLink() ? [path, ...specialsBelow(path, workspace, seen)] : [path]
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
