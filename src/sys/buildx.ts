import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { Failure } from '../report/failure.ts'
import { dockerHome } from './docker-home.ts'
import { inheritedEnv, run } from './process.ts'

export interface Buildx {
  /** The binary, called by itself: no Docker client in between. */
  readonly command: string
  readonly version: string
}

/** Finds the host's buildx: on the PATH, or where Docker's client looks for plugins. `wanted`: this version and no other; empty: any. */
export async function findBuildx(wanted = ''): Promise<Buildx> {
  const { PATH: path = '' } = process.env
  const plugins = [join(dockerHome(), 'cli-plugins'), ...['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'].map((dir) => `${dir}/docker/cli-plugins`)]
  // An empty entry of PATH means the workspace, where a directory may well be called `buildx`.
  const dirs = path.split(delimiter).filter((dir) => dir !== '')
  const places = [...dirs.map((dir) => join(dir, 'buildx')), ...[...plugins, ...dirs].map((dir) => join(dir, 'docker-buildx'))]
  let [old, other] = ['', '']
  for (const command of places.filter((place) => existsSync(place))) {
    const version = await askVersion(command)
    if (version === undefined) continue
    if (wanted !== '' && version !== wanted) {
      other ||= `; it has ${version} (${command})`
      continue
    }
    if (!isOlder(version, oldest)) return { command, version }
    old ||= `${version} (${command})`
  }
  if (old !== '') throw new Failure('node', `buildx ${old} is too old: ${oldest} or newer is needed`, 'Install a newer `docker-buildx-plugin` from Docker’s packages, or use a runner image that has one.')
  if (wanted !== '') throw new Failure('node', `This runner has no buildx ${wanted}, which \`version\` asks for${other}`, `Leave \`version\` out, or install that one before, for example with docker/setup-buildx-action and \`version: v${wanted}\`.`)
  throw new Failure('node', 'This runner has no buildx', 'Install it in the job image (Debian and Ubuntu: `docker-buildx`; Docker: `docker-buildx-plugin`), or use a runner image that has it.')
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
const oldest = '0.19.0'

function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)))
  const differing = b?.findIndex((part, index) => part !== a?.[index]) ?? -1
  return differing >= 0 && (a?.[differing] ?? 0) < (b?.[differing] ?? 0)
}

/** The environment of buildx for a run: `buildx/` and `docker/` in its private directory are buildx's configuration and login. */
export function runEnv(dir: string, more: Readonly<Record<string, string>> = {}): Record<string, string | undefined> {
  return buildxEnv({ BUILDX_CONFIG: join(dir, 'buildx'), DOCKER_CONFIG: join(dir, 'docker'), ...more })
}

/**
 * The environment of buildx: its configuration and login in our own directory, and nothing of the job's that would
 * send it elsewhere.
 */
export function buildxEnv(ours: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const drop = new Set(['BUILDX_BUILDER', 'DOCKER_CONTEXT', 'BUILDKIT_HOST', 'BUILDX_BAKE_FILE'])
  const rest = Object.fromEntries(Object.entries(inheritedEnv()).filter(([name]) => !drop.has(name)))
  // Later steps ask the builder about their own builds; a round trip for each of our targets would serve nobody.
  return { ...rest, BUILDX_METADATA_PROVENANCE: 'disabled', ...ours }
}
