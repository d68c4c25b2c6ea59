import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isNotFound, UserError } from '../../lib/errors.ts'
import { fileDigest, jobUmask } from '../../lib/files.ts'
import { asRecord } from '../../lib/json.ts'
import type { Log } from '../../lib/log.ts'
import type { RunDir } from '../../run/run-dir.ts'
import { restoreFile, type CachedFile } from './binary-cache.ts'
import { DownloadError, downloadFile } from './download.ts'
import { assetUrl, binaryName, fetchDigest, releasesPage, type Machine, type ReleaseDeps } from './release.ts'

export interface InstallDeps extends ReleaseDeps {
  readonly log: Pick<Log, 'info' | 'warn' | 'debug'>
  /** For files that cannot be kept anywhere else. */
  readonly dir: RunDir
  /** The runner's tool cache, shared by all of its jobs; empty if it has none. */
  readonly toolCache: string
  /** Whether the job's cache service is queried first, and gets what was downloaded. */
  readonly useCache: boolean
}

interface Installed {
  readonly command: string
  /** What the post step saves in the cache service. */
  readonly save?: CachedFile
}

/** A release and, if it is pinned, the SHA-256 of its binary in hexadecimal. */
interface InstallRequest {
  readonly version: string
  readonly digest?: string | undefined
}

interface Binary {
  readonly version: string
  /** Its name in the release. */
  readonly name: string
  readonly digest: string
  readonly isPinned: boolean
}

const largestBinary = 512 * 1024 * 1024
const pinHint = 'Check the digest in `version`: it must be that of the binary for this runner’s processor architecture.'
const releaseHint =
  'Run the job again. If the error persists, check the proxy between this runner and github.com: it may change ' +
  'downloads.'

/**
 * Installs the buildx of a release: from the runner's tool cache, from the job's cache service, or from docker/buildx'
 * releases. Nothing is executed before its digest was compared with the pinned one, or with the published ones. The
 * cache service is not trusted, since other jobs can write to it; the tool cache is, since users who can write to it
 * controls the runner.
 *
 * @throws UserError
 */
export async function installBuildx({ version, digest: pin }: InstallRequest, deps: InstallDeps): Promise<Installed> {
  const { toolCache, dir, useCache } = deps
  const machine = thisMachine()
  const name = binaryName(version, machine)
  if (name === undefined)
    throw missingRelease(`buildx has no release for this runner (${machine.platform}, ${machine.arch})`)
  const shared = toolCache === '' ? undefined : join(toolCache, 'buildx', version, process.arch)
  const installed = await findInstalled(shared, { version, digest: pin }, deps)
  if (installed !== undefined) return { command: installed }
  const digest = pin ?? (await fetchDigest(version, name, deps))
  // A job that was killed may have left a complete file that is not marked as complete.
  if (shared !== undefined && (await hasDigest(join(shared, 'buildx'), digest)))
    return { command: markComplete(shared) }
  const isShared = isFree(shared)
  const target = isShared ? shared : dir.tools
  const binary = { version, name, digest, isPinned: pin !== undefined }
  const key = `buildx-${version}-${process.platform}-${process.arch}-${digest}`
  if (!useCache || !isShared) return { command: await download(target, binary, deps) }
  const restored = await restore(target, key, binary, deps)
  if (restored !== undefined) return { command: restored }
  const command = await download(target, binary, deps)
  return { command, save: { file: command, key } }
}

function thisMachine(): Machine {
  const { arm_version: armVersion } = asRecord(process.config.variables)
  return {
    platform: process.platform,
    arch: process.arch,
    ...((typeof armVersion === 'string' || typeof armVersion === 'number') && { armVersion: String(armVersion) }),
  }
}

/** The path of the buildx in the tool cache; undefined if it is not there, or not the pinned one. */
async function findInstalled(
  shared: string | undefined,
  { version, digest }: InstallRequest,
  { log }: InstallDeps,
): Promise<string | undefined> {
  if (shared === undefined || !existsSync(`${shared}.complete`)) return undefined
  const command = join(shared, 'buildx')
  if (!existsSync(command)) return undefined
  if (digest === undefined || (await hasDigest(command, digest))) return command
  log.warn(`buildx ${version} in the tool cache (${shared}) does not have the digest in \`version\`: it is not used.`)
  return undefined
}

async function restore(
  target: string,
  key: string,
  { version, digest, isPinned }: Binary,
  { dir, log }: InstallDeps,
): Promise<string | undefined> {
  const restored = await restoreFile(key, dir.restored, log)
  if (restored === undefined || !(await hasDigest(restored, digest))) return undefined
  log.info(`Restored buildx ${version} from cache (${isPinned ? 'pinned digest' : 'checksum of the release'} verified)`)
  const partial = mkdtempSync(`${target}-`)
  copyFileSync(restored, join(partial, 'buildx'))
  return moveInto(partial, target)
}

async function download(target: string, binary: Binary, deps: InstallDeps): Promise<string> {
  const { version, name, digest } = binary
  mkdirSync(dirname(target), { recursive: true })
  const partial = mkdtempSync(`${target}-`)
  try {
    const file = await downloadFile(assetUrl(version, name), join(partial, 'buildx'), largestBinary, deps)
    if (file.digest !== digest) throw digestMismatch(binary, file.digest)
    deps.log.info(`Downloaded buildx ${version} (${Math.round(file.size / 1e6)} MB), sha256:${digest}`)
    return moveInto(partial, target)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    deps.signal.throwIfAborted()
    throw error instanceof DownloadError ? explainDownload(error, binary) : error
  }
}

function digestMismatch({ version, digest, isPinned }: Binary, actual: string): UserError {
  const expected = isPinned ? 'the digest in `version`' : 'the checksum of the release'
  return new UserError({
    code: 'runner',
    message: `The downloaded buildx ${version} does not match ${expected}; it was not executed`,
    hint: isPinned ? pinHint : releaseHint,
    details: [`expected: sha256:${digest}`, `actual:   sha256:${actual}`],
  })
}

function explainDownload(error: DownloadError, { version, name }: Binary): UserError {
  if (isNotFound(error)) return missingRelease(`buildx ${version} has no release for this runner (${name})`, error)
  return new UserError({
    code: 'runner',
    message: `buildx ${version} could not be downloaded`,
    hint: 'Allow this runner to reach github.com, directly or through HTTPS_PROXY, or install this buildx on it.',
    details: [error.message],
    cause: error,
  })
}

function missingRelease(message: string, error?: DownloadError): UserError {
  const details = error ? [error.message] : []
  const hint = `Use a version from ${releasesPage}, or install buildx on this runner and remove \`version\`.`
  return new UserError({ code: 'runner', message, hint, details, cause: error })
}

/** Moves a complete directory to its target; if another job was faster, its result is the same. */
function moveInto(from: string, target: string): string {
  try {
    renameSync(from, target)
  } catch (error) {
    if (!existsSync(join(target, 'buildx'))) throw error
    rmSync(from, { recursive: true, force: true })
  }
  return markComplete(target)
}

/** Marks a directory as complete, as @actions/tool-cache does. */
function markComplete(target: string): string {
  for (const path of [target, join(target, 'buildx')]) chmodSync(path, 0o777 & ~jobUmask)
  writeFileSync(`${target}.complete`, '')
  return join(target, 'buildx')
}

/** Whether a directory can be created there. An existing one is never replaced: another job may be using it. */
function isFree(shared: string | undefined): shared is string {
  if (shared === undefined || existsSync(shared)) return false
  // The tool cache belongs to all jobs of the runner.
  const privateUmask = process.umask(jobUmask)
  try {
    mkdirSync(dirname(shared), { recursive: true })
    rmSync(mkdtempSync(`${shared}-`), { recursive: true })
    return true
  } catch {
    return false
  } finally {
    process.umask(privateUmask)
  }
}

async function hasDigest(path: string, digest: string): Promise<boolean> {
  return existsSync(path) && (await fileDigest(path)) === digest
}
