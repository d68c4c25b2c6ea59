import { delimiter, join } from 'node:path'
import { UserError } from '../lib/errors.ts'
import { fileDigest, isExecutable, isFile } from '../lib/files.ts'
import { inheritedEnv, execTool } from '../lib/exec.ts'
import { isOlder } from '../lib/versions.ts'
import { dockerConfigDir } from '../registry/credentials/docker-config.ts'
import type { RunDir } from '../run/run-dir.ts'

export interface Buildx {
  /** The binary, executed directly: without the Docker client. */
  readonly command: string
  readonly version: string
}

/** The first version whose bake has `--allow fs`. */
export const oldest = '0.19.0'
/** The version with which all of this was tested. */
export const newest = '0.38.2'

const installHint =
  `Write \`version: v${newest}\`, which downloads it, or install it in the job image (Debian and Ubuntu: ` +
  '`docker-buildx`; Docker: `docker-buildx-plugin`).'
const upgradeHint =
  `Write \`version: v${newest}\`, which downloads that version, or install a newer \`docker-buildx-plugin\` from ` +
  'Docker’s packages.'
const executableHint = `Make it executable (\`chmod +x\`), or write \`version: v${newest}\`, which downloads buildx.`
const unusableHint =
  'Run it with the argument `version` on this runner: it does not answer there, or it is for another machine. ' +
  `\`version: v${newest}\` downloads buildx.`
const noexecHint = 'Check that its directory is not mounted with `noexec`, or install this version on the runner.'
const otherVersionHint = 'Delete this file and run the job again. A digest in `version` must be that of this version.'

/** The runner's buildx. @throws UserError if it has none, or none that is new enough */
export async function findBuildx(): Promise<Buildx> {
  const { found, tooOld, notExecutable, unusable } = await searchBuildx('')
  if (found) return found
  if (tooOld !== undefined) throw nodeError(`buildx ${tooOld} is too old: ${oldest} or newer is needed`, upgradeHint)
  if (notExecutable !== undefined)
    throw nodeError(`The buildx of this runner is not executable: ${notExecutable}`, executableHint)
  if (unusable !== undefined) throw nodeError(`The buildx of this runner prints no version: ${unusable}`, unusableHint)
  throw nodeError('This runner has no buildx', installHint)
}

/**
 * The runner's buildx of exactly this version, if it has one.
 *
 * @param digest the SHA-256 that its binary must have, in hexadecimal: no other binary is executed
 */
export async function findVersion(version: string, digest?: string): Promise<Buildx | undefined> {
  return (await searchBuildx(version, digest)).found
}

/** Checks a binary that was installed as this version. @throws UserError if it does not run here, or is another one */
export async function checkBuildx(command: string, version: string): Promise<Buildx> {
  const actual = await queryVersion(command)
  if (actual === version) return { command, version }
  if (actual === undefined) throw nodeError(`buildx ${version} cannot be executed: ${command}`, noexecHint)
  throw nodeError(`buildx has version ${actual} instead of ${version}: ${command}`, otherVersionHint)
}

function nodeError(message: string, hint: string): UserError {
  return new UserError({ code: 'runner', message, hint })
}

interface SearchResult {
  readonly found?: Buildx
  /** Version and path of the first one that is too old. */
  readonly tooOld?: string | undefined
  /** Path of the first file that this user may not execute. */
  readonly notExecutable?: string | undefined
  /** Path of the first one that prints no version. */
  readonly unusable?: string | undefined
}

/** On the PATH, and where Docker's client looks for plugins. `wanted`: exactly this version; empty: any. */
async function searchBuildx(wanted: string, digest?: string): Promise<SearchResult> {
  const files = buildxPaths().filter(isFile)
  const notExecutable = files.find((path) => !isExecutable(path))
  let [tooOld, unusable]: (string | undefined)[] = []
  for (const command of files.filter(isExecutable)) {
    if (digest !== undefined && (await fileDigest(command)) !== digest) continue
    const version = await queryVersion(command)
    if (version === undefined) unusable ??= command
    if (version === undefined || (wanted !== '' && version !== wanted)) continue
    if (!isOlder(version, oldest)) return { found: { command, version } }
    tooOld ??= `${version} (${command})`
  }
  return { tooOld, notExecutable, unusable }
}

function buildxPaths(): string[] {
  const { PATH: path = '' } = process.env
  const plugins = [
    join(dockerConfigDir(), 'cli-plugins'),
    ...['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'].map((dir) => `${dir}/docker/cli-plugins`),
  ]
  // An empty entry of PATH means the workspace, which may have a directory called `buildx`.
  const dirs = path.split(delimiter).filter((dir) => dir !== '')
  return [...dirs.map((dir) => join(dir, 'buildx')), ...[...plugins, ...dirs].map((dir) => join(dir, 'docker-buildx'))]
}

/** Undefined if it is not buildx, or not for this machine. */
async function queryVersion(command: string): Promise<string | undefined> {
  try {
    const { code, stdout } = await execTool(command, ['version'], { env: buildxEnv({}), deadline: 60_000 })
    return code === 0 ? /\bv?(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1] : undefined
  } catch {
    return undefined
  }
}

/** The environment of buildx for a run: its configuration and logins are those in the run directory. */
export function runEnv(dir: RunDir, more: Readonly<Record<string, string>> = {}): Record<string, string | undefined> {
  return buildxEnv({ ...dir.env, ...more })
}

/**
 * Variables of the job that would redirect buildx: every endpoint and login is written out, and the job's certificates
 * are not in the run directory.
 */
const redirecting = new Set([
  'BUILDX_BUILDER',
  'BUILDKIT_HOST',
  'DOCKER_CONTEXT',
  'DOCKER_HOST',
  'DOCKER_TLS',
  'DOCKER_TLS_VERIFY',
  'DOCKER_CERT_PATH',
  'DOCKER_CUSTOM_HEADERS',
  'DOCKER_AUTH_CONFIG',
])

/**
 * buildx would export its own spans, by default with gRPC, and wait for a collector that is down. It passes TRACEPARENT
 * to the daemon all the same, so that the spans of a daemon that exports them belong to the trace of the job.
 */
function isTelemetry(name: string): boolean {
  return name.startsWith('OTEL_')
}

/**
 * Settings and Git logins for the job's own calls of bake. With one of them, which many jobs set, bake no longer
 * refuses paths outside of the workspace.
 */
function isForBake(name: string): boolean {
  return name.startsWith('BUILDX_BAKE_')
}

/** The job's environment without variables that redirect buildx, and with `more`. */
function buildxEnv(more: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const rest = Object.fromEntries(
    Object.entries(inheritedEnv()).filter(([name]) => !redirecting.has(name) && !isTelemetry(name) && !isForBake(name)),
  )
  // The action does not read the provenance in the metadata, which costs a round trip per target.
  return { ...rest, BUILDX_METADATA_PROVENANCE: 'disabled', BUILDX_BAKE_ENTITLEMENTS_FS: 'true', ...more }
}
