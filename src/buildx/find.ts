import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { UserError } from '../lib/errors.ts'
import { dockerHome } from '../registry/credentials/docker-home.ts'
import { inheritedEnv, run } from '../lib/exec.ts'
import type { RunDir } from '../run/run-dir.ts'

export interface Buildx {
  /** The binary, called by itself: no Docker client in between. */
  readonly command: string
  readonly version: string
}

/** The host's own buildx. @throws UserError where it has none, or none that is new enough */
export async function findBuildx(): Promise<Buildx> {
  const { found, old } = await searchBuildx('')
  if (found) return found
  if (old !== '')
    throw new UserError({
      code: 'node',
      message: `buildx ${old} is too old: ${oldest} or newer is needed`,
      hint: `Write \`version: v${newest}\`, which downloads that one, or install a newer \`docker-buildx-plugin\` from Docker’s packages.`,
    })
  throw new UserError({
    code: 'node',
    message: 'This runner has no buildx',
    hint: `Write \`version: v${newest}\`, which downloads it, or install it in the job image (Debian and Ubuntu: \`docker-buildx\`; Docker: \`docker-buildx-plugin\`).`,
  })
}

/** The host's buildx of exactly this version; undefined where it has none. */
export async function findVersion(version: string): Promise<Buildx | undefined> {
  return (await searchBuildx(version)).found
}

/** A binary that was installed as this version. @throws UserError where it is none that runs here */
export async function checkBuildx(command: string, version: string): Promise<Buildx> {
  const told = await askVersion(command)
  if (told === version) return { command, version }
  throw new UserError({
    code: 'node',
    message: `The buildx ${version} in ${command} does not run here${told === undefined ? '' : `: it says that it is ${told}`}`,
    hint: 'Check that this runner may run programs there (no `noexec`), or install that buildx on it.',
  })
}

interface Search {
  readonly found?: Buildx
  /** The first that is too old, with its place. */
  readonly old: string
}

/** On the PATH, or where Docker's client looks for plugins. `wanted`: this version and no other; empty: any. */
async function searchBuildx(wanted: string): Promise<Search> {
  const { PATH: path = '' } = process.env
  const plugins = [
    join(dockerHome(), 'cli-plugins'),
    ...['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'].map((dir) => `${dir}/docker/cli-plugins`),
  ]
  // An empty entry of PATH means the workspace, where a directory may well be called `buildx`.
  const dirs = path.split(delimiter).filter((dir) => dir !== '')
  const places = [
    ...dirs.map((dir) => join(dir, 'buildx')),
    ...[...plugins, ...dirs].map((dir) => join(dir, 'docker-buildx')),
  ]
  let old = ''
  for (const command of places.filter((place) => existsSync(place))) {
    const version = await askVersion(command)
    if (version === undefined || (wanted !== '' && version !== wanted)) continue
    if (!isOlder(version, oldest)) return { found: { command, version }, old }
    old ||= `${version} (${command})`
  }
  return { old }
}
/** Undefined for what is no buildx, or none for this machine. */
async function askVersion(command: string): Promise<string | undefined> {
  try {
    const { code, stdout } = await run(command, ['version'], { env: buildxEnv({}), deadline: 10_000 })
    return code === 0 ? /\bv?(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1] : undefined
  } catch {
    return undefined
  }
}

/** Its bake was the first to take `--allow fs`. */
export const oldest = '0.19.0'
/** With which all of this was tried. */
const newest = '0.38.2'

/** PURE: whether a version is older than another. */
export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)))
  const differing = b?.findIndex((part, index) => part !== a?.[index]) ?? -1
  return differing >= 0 && (a?.[differing] ?? 0) < (b?.[differing] ?? 0)
}

/**
 * The environment of buildx for a run: `buildx/` and `docker/` in its private directory are buildx's configuration and
 * login.
 */
export function runEnv(dir: RunDir, more: Readonly<Record<string, string>> = {}): Record<string, string | undefined> {
  return buildxEnv({ ...dir.env, ...more })
}

/** Every endpoint is written out, and so is every login; certificates of the job's are not in a directory of ours. */
const misleading = new Set([
  'BUILDX_BUILDER',
  'BUILDKIT_HOST',
  'BUILDX_BAKE_FILE',
  'DOCKER_CONTEXT',
  'DOCKER_HOST',
  'DOCKER_TLS',
  'DOCKER_TLS_VERIFY',
  'DOCKER_CERT_PATH',
  'DOCKER_CUSTOM_HEADERS',
  'DOCKER_AUTH_CONFIG',
])

/**
 * The environment of buildx: its configuration and login in our own directory, and nothing of the job's that would
 * send it elsewhere.
 */
function buildxEnv(ours: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const rest = Object.fromEntries(Object.entries(inheritedEnv()).filter(([name]) => !misleading.has(name)))
  // Later steps ask the builder about their own builds; a round trip for each of our targets would serve nobody.
  return { ...rest, BUILDX_METADATA_PROVENANCE: 'disabled', ...ours }
}
