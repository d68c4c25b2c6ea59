import { mkdirSync, rmSync } from 'node:fs'
import { unlessEmpty } from '../lib/json.ts'
import { platformSlug, type Platform } from '../lib/platform.ts'
import { unixBuildkitd } from '../nodes/drivers/unix.ts'
import { EngineClient } from '../nodes/engine/client.ts'
import type { BuilderEntry, Node } from '../nodes/node.ts'
import type { BuildkitRoute } from '../nodes/ssh/forwarder.ts'
import type { Journal } from '../run/journal.ts'
import type { RunDir } from '../run/run-dir.ts'
import { removePod } from './pods.ts'
import { writePrivate } from '../lib/files.ts'

interface InstancesRequest {
  readonly dir: RunDir
  /** Unique on every node, since it names the containers there. */
  readonly name: string
  readonly nodes: readonly Node[]
  readonly journal: Journal
  /** Names of daemons that stay after the run; they are not in the journal. */
  readonly persistent: ReadonlyMap<Node, string>
  /** What a later step needs to remove pods: the command of buildx, and the job's KUBECONFIG. */
  readonly undo: { readonly buildx: string; readonly kubeconfig: string }
}

/** A builder in buildx' store. Both are empty if its nodes have several drivers: buildx has one driver per builder. */
export interface BuilderInfo {
  readonly name: string
  readonly driver: string
}

const removalDeadline = 15_000

/**
 * The builder instances of a run in buildx' store: one with all nodes for later steps, and one for each node alone. It
 * writes the files itself: `buildx create` would connect to the nodes, and every node gets its own daemon
 * configuration. The first build that needs a daemon boots it.
 */
export class BuilderInstances {
  /** The instance with all nodes. */
  readonly info: BuilderInfo
  readonly #request: InstancesRequest
  readonly #instances = new Map<Node, string>()
  readonly #views = new Set<string>()
  readonly #owned: BuilderEntry[] = []

  constructor(request: InstancesRequest) {
    const { dir, name, nodes } = request
    this.#request = request
    mkdirSync(dir.instances, { recursive: true, mode: 0o700 })
    nodes.forEach((node) => this.#add(node))
    this.info = describeBuilder(name, nodes)
    if (this.info.name !== '') this.#write(name, nodes)
  }

  /** The instance that has only this node, with these platforms; written when it is first needed. */
  forPlatforms(node: Node, platforms: readonly Platform[]): string {
    const instance = this.#instances.get(node) ?? this.#add(node)
    const unlisted = platforms.filter((platform) => !node.platforms.includes(platform))
    if (unlisted.length === 0) return instance
    // buildx compares with the platforms stored for a node: this is another instance of the same daemon.
    const view = [instance, ...unlisted.map(platformSlug)].join('-')
    if (!this.#views.has(view)) this.#write(view, [node], unlisted)
    this.#views.add(view)
    return view
  }

  /** The container of the node's daemon, if an engine runs it. */
  container(node: Node): string | undefined {
    const daemon = this.#daemon(node)
    return daemon === undefined ? undefined : node.driver.containerName?.(daemon)
  }

  /** How the node's BuildKit is reached, and nothing else there; undefined: as in this run. */
  route(node: Node): BuildkitRoute | undefined {
    const daemon = this.#daemon(node)
    return daemon === undefined ? undefined : node.driver.route?.(node, daemon)
  }

  /**
   * Replaces the instances by one for later steps.
   *
   * @param sockets the sockets that lead to the BuildKits of nodes; the other nodes are reached as in this run
   */
  replaceForLaterSteps(nodes: readonly Node[], sockets: ReadonlyMap<Node, string>): BuilderInfo {
    const { dir, name } = this.#request
    const later = nodes.map((node) => {
      const socket = sockets.get(node)
      return { instance: this.#daemon(node) ?? name, node: socket === undefined ? node : forLaterSteps(node, socket) }
    })
    const stale = nodes.filter((node) => sockets.has(node)).flatMap((node) => this.#instances.get(node) ?? [])
    for (const file of [name, ...stale, ...this.#views]) rmSync(dir.instance(file), { force: true })
    const info = describeBuilder(
      name,
      later.map(({ node }) => node),
    )
    if (info.name !== '')
      this.#writeNodes(
        info,
        later.map(({ node, instance }) => instanceNode(node, instance)),
      )
    return info
  }

  /**
   * Removes the containers of this run, with their volumes, and its pods. Never throws: the post step removes what this
   * could not.
   */
  async release(): Promise<void> {
    await Promise.all(this.#owned.map((entry) => this.#remove(entry).catch(() => undefined)))
  }

  async #remove(entry: BuilderEntry): Promise<void> {
    const { dir, journal } = this.#request
    if (entry.kind === 'pod') await removePod(entry, dir, removalDeadline)
    else await new EngineClient(entry.socket, removalDeadline).removeBuilder(entry.container, entry.volume)
    journal.note({ kind: 'removed', name: entry.kind === 'pod' ? entry.name : entry.container })
  }

  #add(node: Node): string {
    const { name, journal, persistent, undo } = this.#request
    const instance = `${name}-${this.#instances.size}`
    this.#instances.set(node, instance)
    const entry = persistent.has(node) ? undefined : node.driver.builderEntry(node, instance, undo)
    if (entry) {
      journal.note(entry)
      this.#owned.push(entry)
    }
    this.#write(instance, [node])
    return instance
  }

  /** Whether the node's daemon has built before this run: it has the steps of earlier runs. */
  isPersistent(node: Node): boolean {
    return this.#request.persistent.has(node)
  }

  /** The name of the node's daemon. */
  #daemon(node: Node): string | undefined {
    return this.#request.persistent.get(node) ?? this.#instances.get(node)
  }

  #write(name: string, nodes: readonly Node[], more: readonly Platform[] = []): void {
    const list = nodes.map((node) =>
      instanceNode({ ...node, platforms: [...node.platforms, ...more] }, this.#daemon(node) ?? name),
    )
    this.#writeNodes({ name, driver: nodes[0]?.driver.name ?? '' }, list)
  }

  #writeNodes({ name, driver }: BuilderInfo, nodes: readonly Record<string, unknown>[]): void {
    const instance = { Name: name, Driver: driver, Nodes: nodes, Dynamic: false }
    writePrivate(this.#request.dir.instance(name), JSON.stringify(instance))
  }
}

function describeBuilder(name: string, nodes: readonly Node[]): BuilderInfo {
  const [driver, ...others] = new Set(nodes.map((node) => node.driver.name))
  return driver === undefined || others.length > 0 ? { name: '', driver: '' } : { name, driver }
}

/** The node as a BuildKit at a socket. */
function forLaterSteps(node: Node, socket: string): Node {
  const { 'default-load': load } = node.spec.driverOpts
  const driverOpts = load === undefined ? {} : { 'default-load': load }
  return { ...node, driver: unixBuildkitd, remote: { endpoint: `unix://${socket}`, driverOpts } }
}

/** As in setup-buildx-action, unless flags are given: what daemons permit. A build gets it only with `allow`. */
const defaultFlags = ['--allow-insecure-entitlement=security.insecure', '--allow-insecure-entitlement=network.host']

/** The format of buildx' store (docker/buildx, store/nodegroup.go); undocumented, the same in v0.29 to v0.38. */
function instanceNode(node: Node, daemon: string): Record<string, unknown> {
  const isCreated = node.driver.startsDaemon
  const { flags, files } = daemonSettings(node)
  return {
    Name: daemon,
    Endpoint: node.remote?.endpoint ?? `unix://${node.socket}`,
    Platforms: node.platforms.map((platform) => {
      const [os = '', architecture = '', variant] = platform.split('/')
      return { os, architecture, ...(variant !== undefined && { variant }) }
    }),
    DriverOpts: node.remote?.driverOpts ?? (isCreated ? node.spec.driverOpts : {}),
    Flags: isCreated ? flags : [],
    ...(isCreated && unlessEmpty('Files', files)),
  }
}

function daemonSettings({ spec }: Node): { readonly flags: readonly string[]; readonly files: object } {
  const { buildkitdFlags, buildkitdConfig, daemonFiles, existingNodeName } = spec
  const hasDefaultFlags = buildkitdFlags.length === 0 && existingNodeName === undefined
  return {
    flags: hasDefaultFlags ? defaultFlags : buildkitdFlags,
    files: buildkitdConfig === '' ? {} : inBase64({ 'buildkitd.toml': buildkitdConfig, ...daemonFiles }),
  }
}

function inBase64(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, Buffer.from(text).toString('base64')]))
}
