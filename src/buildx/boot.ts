import { isTrue } from '../lib/choice.ts'
import { errorMessage } from '../lib/errors.ts'
import { inheritedEnv } from '../lib/exec.ts'
import type { Log } from '../lib/log.ts'
import { daemonImage, startDaemon, type DaemonContainer } from '../nodes/engine/daemon.ts'
import type { Node } from '../nodes/node.ts'
import { parseImageReference, type Repository } from '../registry/reference.ts'
import type { Journal } from '../run/journal.ts'
import { stateVolume } from '../run/names.ts'
import type { Buildx } from './find.ts'
import { githubContext } from './github-context.ts'

/** A container that buildx would create on a node. */
export interface Daemon {
  readonly container: string
  /** As in the instance: flags, and the files in base64 by their path below /etc/buildkit. */
  readonly flags: readonly string[]
  readonly files: Readonly<Record<string, string>>
}

interface BootDeps {
  readonly buildx: Buildx
  readonly signal: AbortSignal
  readonly journal: Journal
  /** Whether the job has a login for a repository, which buildx would use. */
  readonly hasLogin: (repository: Repository) => boolean
  readonly log: Pick<Log, 'debug'>
}

/** Versions of buildx whose containers `startDaemon` and `githubContext` create. */
const knownBuildx = '0.38.'

/** Driver options that `startDaemon` knows, or that have no effect on the container. */
const knownOptions = /^(?:image|network|default-load|provenance-add-gha|env\..+)$/

/** With these buildx verifies the image, or adds mounts. */
const otherModes = ['BUILDX_DEFAULT_POLICY', 'WSL_DISTRO_NAME']

/** A daemon that is booting. */
export interface Boot {
  /** Milliseconds since the epoch; undefined if it may be running already. */
  readonly start: number | undefined
  /** Resolves when it runs, or when buildx has to boot it. */
  readonly end: Promise<unknown>
}

/**
 * Boots the daemon of a node, without a process of buildx and without the pauses between its attempts. Leaves it to
 * buildx if buildx could create another container than this. Never throws: the build boots what this could not, and
 * reports why it fails.
 *
 * @returns undefined if it is left to buildx
 */
export function bootDaemon(node: Node, daemon: Daemon, deps: BootDeps): Boot | undefined {
  const { container } = daemon
  const { socket, spec } = node
  const mode = node.engine?.containers
  const image = daemonImage(spec)
  if (!mode || !isKnown(node, image, deps)) return undefined
  deps.journal.note({ kind: 'boots', node: spec.name, socket, container, image })
  return { start: Date.now(), end: boot(node, daemon, { ...deps, image, mode }) }
}

interface BootRequest extends BootDeps, Pick<DaemonContainer, 'image' | 'mode'> {}

async function boot(node: Node, daemon: Daemon, request: BootRequest): Promise<void> {
  const { container, flags } = daemon
  const { socket, spec } = node
  const { image, mode, signal, journal, log } = request
  try {
    const files = filesOf(node, daemon)
    const command = files.has('buildkitd.toml') ? ['--config', '/etc/buildkit/buildkitd.toml', ...flags] : flags
    const options = Object.entries(spec.driverOpts)
    const env = options.flatMap(([name, value]) => (name.startsWith('env.') ? [`${name.slice(4)}=${value}`] : []))
    const network = spec.driverOpts['network'] ?? ''
    const volume = stateVolume(container)
    const created = { name: container, image, command, env, network, volume, files, mode }
    if (await startDaemon(socket, created, signal)) journal.note({ kind: 'booted', container })
  } catch (error) {
    log.debug(`${spec.name}: buildx boots the builder, since the action could not: ${errorMessage(error)}`)
  }
}

function isKnown(node: Node, image: string, { buildx, hasLogin }: BootDeps): boolean {
  const reference = parseImageReference(image)
  return (
    buildx.version.startsWith(knownBuildx) &&
    Object.keys(node.spec.driverOpts).every((name) => knownOptions.test(name)) &&
    otherModes.every((name) => (process.env[name] ?? '') === '') &&
    reference !== undefined &&
    !hasLogin(reference)
  )
}

function filesOf(node: Node, { files }: Daemon): ReadonlyMap<string, Buffer> {
  const { 'provenance-add-gha': isAdded = 'true' } = node.spec.driverOpts
  const context = isTrue(isAdded) ? githubContext(inheritedEnv()) : undefined
  return new Map([
    ...Object.entries(files).map(([path, text]) => [path, Buffer.from(text, 'base64')] as const),
    ...(context ? [['provenance.d/github_actions_context.json', context] as const] : []),
  ])
}
