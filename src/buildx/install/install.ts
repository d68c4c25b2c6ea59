import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { tryParseJson } from '../../lib/json.ts'
import { binaryName, readAssetDigest, readChecksums, readTagName, type Machine } from './release.ts'
import { asRecord } from '../../lib/json.ts'
import type { BuildxWish } from '../../inputs/buildx-version.ts'
import { UserError, errorMessage } from '../../lib/errors.ts'
import { restoreFile, type CachedFile } from './binary-cache.ts'
import { DownloadError, downloadFile, fetchText, type DownloadWorld } from './download.ts'
import type { Log } from '../../lib/log.ts'
import { jobUmask } from '../../lib/umask.ts'
import type { RunDir } from '../../run/run-dir.ts'

export interface InstallWorld extends DownloadWorld {
  /** For api.github.com, whose limit without one is small; empty: none. */
  readonly token: string
  readonly log: Pick<Log, 'info' | 'warn' | 'debug'>
  /** The run's private directory, for what can be kept nowhere else. */
  readonly dir: RunDir
  /** Where the runner keeps tools for all of its jobs; empty where it has no such place. */
  readonly toolCache: string
  /** Whether the job's cache service is asked first, and given what was downloaded. */
  readonly useCache: boolean
}

interface Installed {
  readonly command: string
  /** What the post step should give the cache service. */
  readonly save?: CachedFile
}

const downloads = 'https://github.com/docker/buildx/releases/download'
const api = 'https://api.github.com/repos/docker/buildx/releases'
const page = 'https://github.com/docker/buildx/releases'
const longestText = 4 * 1024 * 1024
const longestBinary = 512 * 1024 * 1024

/** The release that a wish means: the newest one's number has to be asked for. @throws UserError */
export async function resolveVersion(wish: Exclude<BuildxWish, { kind: 'any' }>, world: InstallWorld): Promise<string> {
  if (wish.kind === 'exact') return wish.version
  try {
    const version = readTagName(await askApi('latest', world))
    if (version !== undefined) return version
    throw new Error('it names no release')
  } catch (error) {
    world.signal.throwIfAborted()
    throw new UserError({
      code: 'node',
      message: `Nobody says which buildx is the latest: ${errorMessage(error)}`,
      hint: 'Write a version, `version: v0.30.1`; then api.github.com is not needed for it.',
      cause: error,
    })
  }
}

/**
 * Where the buildx of a release is on this runner: in its tool cache, or there once it has come from the job's cache
 * service or from docker/buildx's releases. Nothing is run before its digest is known to be right: the one that the
 * author pins, or the ones that the release tells, in its `checksums.txt` and to api.github.com. The cache service is
 * never believed, since whoever may write there could have put anything; the tool cache is, since whoever may write
 * there owns the runner.
 *
 * @throws UserError
 */
export async function installBuildx(
  { version, digest: pin }: { readonly version: string; readonly digest?: string | undefined },
  world: InstallWorld,
): Promise<Installed> {
  const { log, toolCache, dir, useCache } = world
  const machine = thisMachine()
  const name = binaryName(version, machine)
  if (name === undefined)
    throw new UserError({
      code: 'node',
      message: `There is no buildx for this runner (${machine.platform}, ${machine.arch})`,
      hint: `See ${page} for those that there are.`,
    })
  const shared = toolCache === '' ? undefined : join(toolCache, 'buildx', version, process.arch)
  if (shared !== undefined && existsSync(`${shared}.complete`) && existsSync(join(shared, 'buildx'))) {
    if (pin === undefined || (await digestOf(join(shared, 'buildx'))) === pin)
      return { command: join(shared, 'buildx') }
    log.warn(
      `The buildx ${version} in the runner's tool cache (${shared}) is not the one that \`version\` pins: it is not used.`,
    )
  }
  const digest = pin ?? (await askDigest(version, name, world))
  if (shared !== undefined && (await isRight(join(shared, 'buildx'), digest)))
    return { command: settle(shared, shared) }
  const place = isFree(shared) ? shared : dir.tools
  const key = `buildx-${version}-${process.platform}-${process.arch}-${digest}`
  const restored = useCache && place === shared ? await restoreFile(key, dir.restored, log) : undefined
  if (restored !== undefined && (await isRight(restored, digest))) {
    log.info(
      `buildx ${version} came from the cache service, and is the one ${pin === undefined ? 'of the release' : 'that `version` pins'}`,
    )
    const half = mkdtempSync(`${place}-`)
    copyFileSync(restored, join(half, 'buildx'))
    return { command: settle(half, place) }
  }
  const command = await downloadTo(place, { version, name, digest, pinned: pin !== undefined }, world)
  return { command, ...(useCache && place === shared && { save: { file: command, key } }) }
}

function thisMachine(): Machine {
  const { arm_version: armVersion } = asRecord(process.config.variables)
  return {
    platform: process.platform,
    arch: process.arch,
    ...((typeof armVersion === 'string' || typeof armVersion === 'number') && { armVersion: String(armVersion) }),
  }
}

interface Wanted {
  readonly version: string
  readonly name: string
  readonly digest: string
  readonly pinned: boolean
}

async function downloadTo(
  place: string,
  { version, name, digest, pinned }: Wanted,
  world: InstallWorld,
): Promise<string> {
  mkdirSync(dirname(place), { recursive: true })
  const half = mkdtempSync(`${place}-`)
  try {
    const got = await downloadFile(`${downloads}/v${version}/${name}`, join(half, 'buildx'), longestBinary, world)
    if (got.digest !== digest) {
      const hint = pinned
        ? 'Check the digest in `version`: it is that of the binary for this runner’s processor, and each processor has its own.'
        : 'Run the job again; if it stays, something between this runner and github.com changes what is downloaded.'
      throw new UserError({
        code: 'node',
        message: `The buildx ${version} that was downloaded is not ${pinned ? 'the one that `version` pins' : 'the one of the release'}; it was not run`,
        hint,
        details: [`expected: sha256:${digest}`, `got:      sha256:${got.digest}`],
      })
    }
    world.log.info(`Downloaded buildx ${version} (${Math.round(got.size / 1e6)} MB), sha256:${digest}`)
    return settle(half, place)
  } catch (error) {
    rmSync(half, { recursive: true, force: true })
    world.signal.throwIfAborted()
    if (!(error instanceof DownloadError)) throw error
    if (error.status === 404)
      throw new UserError({
        code: 'node',
        message: `There is no buildx ${version} for this runner (${name})`,
        hint: `See ${page} for the releases that there are.`,
        details: [error.message],
        cause: error,
      })
    throw new UserError({
      code: 'node',
      message: `buildx ${version} could not be downloaded`,
      hint: 'This runner must reach github.com (HTTPS_PROXY is honoured), or have that buildx installed.',
      details: [error.message],
      cause: error,
    })
  }
}

/** Puts a whole directory in its place; where another job was faster, its own is as good. */
function settle(from: string, place: string): string {
  try {
    if (from !== place) renameSync(from, place)
  } catch (error) {
    if (!existsSync(join(place, 'buildx'))) throw error
    rmSync(from, { recursive: true, force: true })
  }
  for (const path of [place, join(place, 'buildx')]) chmodSync(path, 0o777 & ~jobUmask)
  // As @actions/tool-cache marks what is whole.
  writeFileSync(`${place}.complete`, '')
  return join(place, 'buildx')
}

/**
 * Whether something could be put there. What somebody else has there is never replaced: another job may be using it.
 */
function isFree(shared: string | undefined): shared is string {
  if (shared === undefined || existsSync(shared)) return false
  // For all who run jobs here, as the runner's own tools are.
  const ours = process.umask(jobUmask)
  try {
    mkdirSync(dirname(shared), { recursive: true })
    rmSync(mkdtempSync(`${shared}-`), { recursive: true })
    return true
  } catch {
    return false
  } finally {
    process.umask(ours)
  }
}

async function isRight(path: string, digest: string): Promise<boolean> {
  return existsSync(path) && (await digestOf(path)) === digest
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** What the release tells of its binary: all that can be had must agree, and something must. */
async function askDigest(version: string, name: string, world: InstallWorld): Promise<string> {
  const reasons: string[] = []
  const unless = (error: unknown): undefined => (world.signal.throwIfAborted(), void reasons.push(errorMessage(error)))
  const [listed, recorded] = await Promise.all([
    fetchText(`${downloads}/v${version}/checksums.txt`, longestText, world).then(
      (text) => readChecksums(text, name),
      unless,
    ),
    askApi(`tags/v${version}`, world).then((release) => readAssetDigest(release, name), unless),
  ])
  const digest = listed ?? recorded
  if (digest === undefined) {
    throw new UserError({
      code: 'node',
      message: `Nobody tells the digest of buildx ${version} (${name}), so it is not downloaded`,
      hint: `See ${page} for the releases that there are; a digest can be pinned, \`version: v${version}@sha256:…\`. This runner must reach github.com (HTTPS_PROXY is honoured).`,
      details: reasons,
    })
  }
  if (listed !== undefined && recorded !== undefined && listed !== recorded) {
    throw new UserError({
      code: 'node',
      message: `The release of buildx ${version} contradicts itself about ${name}, so it is not downloaded`,
      hint: 'Something was changed after it was released, or on the way here: use another version until that is explained.',
      details: [`checksums.txt:  sha256:${listed}`, `api.github.com: sha256:${recorded}`],
    })
  }
  return digest
}

async function askApi(path: string, world: InstallWorld): Promise<unknown> {
  const { token } = world
  return tryParseJson(
    await fetchText(`${api}/${path}`, longestText, world, {
      accept: 'application/vnd.github+json',
      ...(token !== '' && { authorization: `Bearer ${token}` }),
    }),
  )
}
