import type { BuildxWish } from '../../inputs/buildx-version.ts'
import { UserError } from '../../lib/errors.ts'
import { checkBuildx, findBuildx, findVersion, isOlder, oldest, type Buildx } from '../find.ts'
import type { CachedFile } from './binary-cache.ts'
import { installBuildx, resolveVersion, type InstallWorld } from './install.ts'
import { run } from '../../lib/exec.ts'

interface Provided {
  readonly buildx: Buildx
  /** What the post step should give the cache service. */
  readonly save?: CachedFile
}

/**
 * The buildx that the author wants: the host's own if it is that one, else one that is installed for it. @throws
 * UserError
 */
export async function provideBuildx(wish: BuildxWish, world: InstallWorld): Promise<Provided> {
  if (wish.kind === 'any') return { buildx: await findBuildx() }
  const version = await resolveVersion(wish, world)
  if (isOlder(version, oldest))
    throw new UserError({
      code: 'inputs',
      message: `version: buildx ${version} is too old: ${oldest} or newer is needed`,
      hint: 'Write a newer one, or leave `version` out where the runner has one.',
    })
  // A pin is about what is downloaded: the host's own is the host's affair.
  const own = await findVersion(version)
  if (own) return { buildx: own }
  const { command, save } = await installBuildx(
    { version, digest: wish.kind === 'exact' ? wish.digest : undefined },
    world,
  )
  return { buildx: await checkBuildx(command, version), ...(save && { save }) }
}

/** The buildx that a run would use; undefined where it would install one. Makes nothing. @throws UserError */
export async function lookForBuildx({
  buildx,
  install,
}: {
  readonly buildx: BuildxWish
  readonly install: boolean
}): Promise<Buildx | undefined> {
  if (install) await checkAlias()
  return buildx.kind === 'any'
    ? await findBuildx()
    : buildx.kind === 'exact'
      ? await findVersion(buildx.version)
      : undefined
}

/**
 * `install`, which makes `docker build` another word for `docker buildx build`, is true already where the client is new
 * enough. @throws UserError where it is not
 */
export async function checkAlias(): Promise<void> {
  const version = await run('docker', ['version', '--format', '{{.Client.Version}}'], { deadline: 10_000 }).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
  const hint =
    'Leave `install` out; where later steps build with docker, give the runner Docker 23 or newer, whose `docker build` is buildx.'
  if (version === '')
    throw new UserError({
      code: 'inputs',
      message: 'install: this runner has no `docker`, whose `docker build` could be buildx',
      hint,
    })
  if (isOlder(version, '23.0.0'))
    throw new UserError({
      code: 'inputs',
      message: `install: \`docker build\` of Docker ${version} is not buildx, and this action writes nothing into the configuration of docker`,
      hint,
    })
  const { code } = await run('docker', ['buildx', 'version'], { deadline: 10_000 })
  if (code !== 0)
    throw new UserError({
      code: 'inputs',
      message: 'install: the `docker` of this runner has no buildx, so its `docker build` is none',
      hint: 'Install its plugin (Docker: `docker-buildx-plugin`; Debian and Ubuntu: `docker-buildx`), or leave `install` out.',
    })
}
