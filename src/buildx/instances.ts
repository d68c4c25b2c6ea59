import { mkdirSync } from 'node:fs'
import type { Entry, Journal } from '../run/journal.ts'
import { platformSlug, type Platform } from '../lib/platform.ts'
import { writePrivate } from '../lib/fs.ts'
import { removeContainer } from '../nodes/engine/client.ts'
import type { Node } from '../nodes/node.ts'
import { removePod } from './pods.ts'
import { containerPrefix } from '../run/names.ts'
import type { RunDir } from '../run/run-dir.ts'

/** What buildx knows of our nodes: a builder with all of them for later steps, and a view of each node alone. */
export interface Builder {
  /** The builder with every node; empty where their drivers differ, since buildx has one driver a builder. */
  readonly name: string
  /** The builder that holds just this node, on the same daemon, for these platforms; made when first asked for. */
  lane(node: Node, platforms: readonly Platform[]): string
  /** The container of the node's daemon, where an engine runs it. */
  container(node: Node): string | undefined
  /**
   * Begins to remove the containers that are the run's own, with their volumes, and the pods; the post step makes sure,
   * and removes the rest.
   */
  release(): void
}

interface BuildersRequest {
  readonly dir: RunDir
  /** Unique on every node, since it names the containers there. */
  readonly name: string
  readonly nodes: readonly Node[]
  readonly journal: Journal
  /** Names of daemons that stay: nobody undoes them. */
  readonly kept: ReadonlyMap<Node, string>
  /** What of this step a later one needs to remove pods: the command of buildx, and the job's KUBECONFIG. */
  readonly undo: { readonly buildx: string; readonly kubeconfig: string }
}

/**
 * Writes buildx's instance files ourselves: no `create` dials anything, and every node can have a daemon
 * configuration of its own. The daemons are booted by the first build that needs them.
 */
export function writeBuilders({ dir, name, nodes, journal, kept, undo }: BuildersRequest): Builder {
  mkdirSync(dir.instances, { recursive: true, mode: 0o700 })
  const lanes = new Map<Node, string>()
  const own: Own[] = []
  const views = new Set<string>()
  const add = (node: Node): string => {
    const lane = `${name}-${lanes.size}`
    lanes.set(node, lane)
    const daemon = kept.get(node)
    const entry = daemon === undefined ? ownOn(node, lane, undo) : undefined
    if (entry) {
      journal.note(entry)
      own.push(entry)
    }
    writeInstance(dir, lane, [{ node, name: daemon ?? lane }])
    return lane
  }
  nodes.forEach(add)
  const oneDriver = new Set(nodes.map((node) => node.driver)).size === 1
  if (oneDriver)
    writeInstance(
      dir,
      name,
      [...lanes].map(([node, lane]) => ({ node, name: kept.get(node) ?? lane })),
    )
  return {
    name: oneDriver ? name : '',
    lane(node, platforms) {
      const lane = lanes.get(node) ?? add(node)
      const foreign = platforms.filter((platform) => !node.platforms.includes(platform))
      if (foreign.length === 0) return lane
      // What it was not listed for: buildx matches the platforms stored with a node, so this is another view of the
      // same daemon.
      const view = [lane, ...foreign.map(platformSlug)].join('-')
      if (!views.has(view))
        writeInstance(dir, view, [
          { node: { ...node, platforms: [...node.platforms, ...foreign] }, name: kept.get(node) ?? lane },
        ])
      views.add(view)
      return view
    },
    container(node) {
      const daemon = kept.get(node) ?? lanes.get(node)
      return node.driver === 'docker-container' && daemon !== undefined ? `${containerPrefix}${daemon}` : undefined
    },
    release() {
      for (const entry of own) {
        const removing =
          entry.kind === 'pod'
            ? removePod(entry, dir, releaseDeadline)
            : removeContainer(entry.socket, entry.container, entry.volume, releaseDeadline)
        void removing.catch(() => undefined)
      }
    },
  }
}

const releaseDeadline = 15_000

/** What buildx makes on a node for this run alone. */
type Own = Extract<Entry, { readonly kind: 'container' | 'pod' }>

/** Nothing on a buildkitd that runs already. */
function ownOn(
  { driver, socket, spec: { name: node } }: Node,
  lane: string,
  undo: BuildersRequest['undo'],
): Own | undefined {
  const container = `${containerPrefix}${lane}`
  if (driver === 'docker-container') return { kind: 'container', node, socket, container, volume: `${container}_state` }
  return driver === 'kubernetes' ? { kind: 'pod', node, name: lane, ...undo } : undefined
}

function writeInstance(
  dir: RunDir,
  name: string,
  nodes: readonly { readonly node: Node; readonly name: string }[],
): void {
  const driver = nodes[0]?.node.driver ?? 'docker-container'
  const instance = {
    Name: name,
    Driver: driver,
    Nodes: nodes.map(({ node, name: own }) => instanceNode(node, own)),
    Dynamic: false,
  }
  writePrivate(dir.instance(name), JSON.stringify(instance))
}

/** The shape of buildx's store (docker/buildx, store/nodegroup.go); undocumented, seen in v0.29 to v0.38. */
function instanceNode(node: Node, name: string): Record<string, unknown> {
  const { spec } = node
  const own = node.driver !== 'remote'
  return {
    Name: name,
    Endpoint: node.remote?.endpoint ?? `unix://${node.socket}`,
    Platforms: node.platforms.map((platform) => {
      const [os = '', architecture = '', variant] = platform.split('/')
      return { os, architecture, ...(variant !== undefined && { variant }) }
    }),
    DriverOpts: node.remote?.driverOpts ?? (own ? spec.driverOpts : {}),
    // What setup-buildx-action lets its daemons permit; a build gets it only by `allow`.
    Flags:
      spec.daemon !== undefined
        ? spec.buildkitdFlags
        : own
          ? [
              '--allow-insecure-entitlement=security.insecure',
              '--allow-insecure-entitlement=network.host',
              ...spec.buildkitdFlags,
            ]
          : [],
    ...(own &&
      spec.buildkitdConfig !== '' && {
        Files: inBase64({ 'buildkitd.toml': spec.buildkitdConfig, ...spec.daemonFiles }),
      }),
  }
}

function inBase64(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, Buffer.from(text).toString('base64')]))
}
