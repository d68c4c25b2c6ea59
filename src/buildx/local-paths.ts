import { parseCacheSpec } from '../inputs/cache/specs.ts'
import { exportDest, exportPart } from '../inputs/settings/outputs.ts'
import { findLeavingLink, isWithin, leavingMessage, type ReadLink } from '../inputs/workspace-links.ts'
import { UserError } from '../lib/errors.ts'
import type { Target } from '../plan/target.ts'
import type { BakeOptions } from './bake-definition.ts'

export interface LocalPath {
  /** The input that names it, or of whose value it is a part. */
  readonly input: string
  readonly path: string
  readonly access: 'read' | 'write'
}

/** PURE: every path on the runner that a build of these targets reads or writes, besides those of the run directory. */
export function localPathsOf(targets: readonly Target[], { settings, several }: BakeOptions): readonly LocalPath[] {
  const named = (input: string, path: string, access: LocalPath['access']): LocalPath => ({ input, path, access })
  const ofSettings = [
    ...Object.values(settings.contexts).map((value) =>
      named('build-contexts', value.replace(/^oci-layout:\/\//, ''), 'read'),
    ),
    ...settings.secrets.flatMap((secret) => (secret.kind === 'file' ? named('secret-files', secret.path, 'read') : [])),
    ...settings.ssh.flatMap((entry) => entry.split('=')[1]?.split(',') ?? []).map((path) => named('ssh', path, 'read')),
    ...cachePaths('cache-from', settings.cacheFrom),
    ...cachePaths('cache-to', settings.cacheTo),
  ]
  const ofTargets = targets.flatMap(({ variant, platform, cache }) => [
    named('context', variant.context, 'read'),
    named('file', variant.file ?? `${variant.context}/Dockerfile`, 'read'),
    ...settings.exports.map((files) =>
      named('outputs', exportDest(files, several ? exportPart(variant.name, platform) : ''), 'write'),
    ),
    ...(cache ? cachePaths('cache', [...cache.from, cache.to]) : []),
  ])
  // What does not begin with `/` is a URL or an image.
  return [...ofSettings, ...ofTargets].filter(({ path }) => path.startsWith('/'))
}

function cachePaths(input: string, specs: readonly string[]): readonly LocalPath[] {
  return specs
    .flatMap((spec) => parseCacheSpec(spec) ?? [])
    .flatMap(([name, path]): readonly LocalPath[] => {
      if (name === 'src') return [{ input, path, access: 'read' }]
      return name === 'dest' ? [{ input, path, access: 'write' }] : []
    })
}

/**
 * Checks paths again, right before buildx uses them: an earlier step or a build may have changed them since the inputs
 * were parsed. Returns the error that names the link.
 */
export function findEscape(paths: readonly LocalPath[], workspace: string, read?: ReadLink): UserError | undefined {
  for (const { input, path } of paths) {
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

/**
 * PURE: what bake may read and write besides the workspace, by its `--allow` flags: secrets of the run, and the paths
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
