import type { BuildxRequest } from '../../inputs/buildx-version.ts'
import { errorMessage, UserError } from '../../lib/errors.ts'
import { execTool } from '../../lib/exec.ts'
import { isOlder } from '../../lib/versions.ts'
import { checkBuildx, findBuildx, findVersion, newest, oldest, type Buildx } from '../find.ts'
import type { CachedFile } from './binary-cache.ts'
import type { InstallDeps } from './install.ts'

interface Provided {
  readonly buildx: Buildx
  /** What the post step saves in the cache service. */
  readonly save?: CachedFile
}

/**
 * The requested buildx: the runner's own if it is that one, else one that is installed for it.
 *
 * @param atLeast the oldest version that has what the inputs need
 * @throws UserError
 */
export async function provideBuildx(
  request: BuildxRequest,
  deps: InstallDeps,
  atLeast: string = oldest,
): Promise<Provided> {
  const installed = request.kind === 'any' ? await findBuildx() : undefined
  if (installed && !isOlder(installed.version, atLeast)) return { buildx: installed }
  const version = await chooseVersion(request, deps)
  const digest = request.kind === 'exact' ? request.digest : undefined
  if (isOlder(version, atLeast))
    throw new UserError({
      code: 'inputs',
      message: `version: buildx ${version} is too old: ${atLeast} or newer is needed`,
      hint: 'Use a newer version, or remove `version` if the runner has buildx.',
    })
  const found = await findVersion(version, digest)
  if (found) return { buildx: found }
  const { installBuildx } = await import('./install.ts')
  const { command, save } = await installBuildx({ version, digest }, deps)
  return { buildx: await checkBuildx(command, version), ...(save && { save }) }
}

async function chooseVersion(request: BuildxRequest, deps: InstallDeps): Promise<string> {
  if (request.kind === 'latest') return await latestVersion(deps)
  return request.kind === 'exact' ? request.version : newest
}

/** The version of the newest release; if that cannot be determined, the newest that this action was tested with. */
export async function latestVersion(deps: InstallDeps): Promise<string> {
  try {
    const { fetchLatestVersion } = await import('./release.ts')
    return await fetchLatestVersion(deps)
  } catch (error) {
    deps.signal.throwIfAborted()
    deps.log.warn(
      `Could not determine the latest buildx version, so ${newest} is used: ${errorMessage(error)}. ` +
        `Write \`version: v${newest}\` to avoid this request to api.github.com.`,
    )
    return newest
  }
}

/** The buildx that a run would use; undefined if the run would install one. Changes nothing. @throws UserError */
export async function findRequested(
  { buildx, install }: { readonly buildx: BuildxRequest; readonly install: boolean },
  atLeast: string = oldest,
): Promise<Buildx | undefined> {
  if (install) await requireBuildAlias()
  if (buildx.kind === 'any') {
    const found = await findBuildx()
    return isOlder(found.version, atLeast) ? undefined : found
  }
  return buildx.kind === 'exact' ? await findVersion(buildx.version, buildx.digest) : undefined
}

const aliasHint =
  'Remove `install`; this action does not change Docker’s configuration. If later steps build with docker, install ' +
  'Docker 23 or newer on the runner, where `docker build` uses buildx.'
const pluginHint =
  'Install its plugin (Docker: `docker-buildx-plugin`; Debian and Ubuntu: `docker-buildx`), or remove `install`.'

/**
 * The input `install` makes `docker build` an alias of `docker buildx build`; since Docker 23 it is one.
 *
 * @throws UserError if it is not
 */
export async function requireBuildAlias(): Promise<void> {
  const { stdout } = await execTool('docker', ['version', '--format', '{{.Client.Version}}'])
  const version = stdout.trim()
  if (version === '') throw inputError('install: this runner has no `docker`', aliasHint)
  if (isOlder(version, '23.0.0'))
    throw inputError(`install: \`docker build\` of Docker ${version} does not use buildx`, aliasHint)
  const { code } = await execTool('docker', ['buildx', 'version'])
  if (code !== 0) throw inputError('install: the buildx plugin of `docker` is not installed on this runner', pluginHint)
}

function inputError(message: string, hint: string): UserError {
  return new UserError({ code: 'inputs', message, hint })
}
