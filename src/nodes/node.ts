import type { Platform } from '../lib/platform.ts'
import type { Reject } from '../lib/issues.ts'
import type { Entry, Journal } from '../run/journal.ts'
import type { RunDir } from '../run/run-dir.ts'
import type { OptionFormats } from './drivers/options.ts'
import type { EngineInfo } from './engine/client.ts'
import type { MachineInfo } from './machine-info.ts'
import type { Endpoint, NamedDraft, NodeDraft, NodeSpec } from './node-spec.ts'
import type { SshTarget } from './ssh/config.ts'
import type { KeySource } from './ssh/sessions.ts'
import type { BuildkitRoute } from './ssh/forwarder.ts'

/** A driver of buildx that can build for this action. */
export type BuildxDriver = 'docker-container' | 'remote' | 'kubernetes'

/** A node that answered: reachable, authenticated, allowed to build. */
export interface Node {
  readonly spec: NodeSpec
  readonly driver: Driver
  /** A Unix socket on this machine that leads to the engine or the buildkitd; empty if buildx connects by itself. */
  readonly socket: string
  /** Instead of the socket: the endpoint to which buildx connects by itself, with the driver options that it needs. */
  readonly remote?: { readonly endpoint: string; readonly driverOpts: Readonly<Record<string, string>> }
  /** The platforms that it builds in this run. */
  readonly platforms: readonly Platform[]
  /** The platforms that it runs without emulation; empty if unknown (a buildkitd). */
  readonly native: readonly Platform[]
  readonly engine?: EngineInfo
  /** Load, disk and clock of the machine, if its shell answered in time. */
  readonly machine?: MachineInfo
  /** The certificates of a connection with TLS, with the milliseconds for which they are still valid. */
  readonly certificates?: { readonly client: number; readonly buildkitd: number }
  /** Rejects unless the engine or buildkitd answers within `deadline` milliseconds. */
  readonly ping?: (deadline: number) => Promise<unknown>
  /** For nodes behind SSH: resolves with ssh's last messages when the connection has ended. */
  readonly lost?: Promise<string>
  /** Milliseconds from the first packet to the engine's answer. */
  readonly took: number
}

/** PURE: whether a node emulates a platform, as far as that is known. */
export function isEmulated({ native }: Pick<Node, 'native'>, platform: Platform): boolean {
  return native.length > 0 && !native.includes(platform)
}

export interface OpenRequest {
  readonly spec: NodeSpec
  /** Names the node's files and sockets, whose paths must stay short. */
  readonly key: string
  /** Socket of the agent that holds the SSH keys; empty if there is none. */
  readonly agent: string
  readonly keys: KeySource
  readonly dir: RunDir
  /** Relative paths in inputs start here. */
  readonly workspace: string
  readonly journal: Journal
}

/** The journal entry by which the builder that buildx creates on a node is removed. */
export type BuilderEntry = Extract<Entry, { readonly kind: 'container' | 'pod' }>

/**
 * How nodes of one kind are written, reached and used. Each kind of endpoint is one object in the table of drivers
 * (drivers/table.ts). The model is buildx's `driver` package:
 * https://github.com/docker/buildx/blob/v0.38.2/driver/driver.go
 *
 * Methods that take an endpoint get only endpoints of the driver's own kind.
 */
export interface Driver {
  /** The driver that buildx uses for these nodes. */
  readonly name: BuildxDriver
  /** What runs at the endpoint, as messages name it. */
  readonly target: 'Docker Engine' | 'buildkitd' | 'cluster'
  /** Whether buildx starts the daemon, so that options, flags and configuration apply to it. */
  readonly startsDaemon: boolean
  /** Whether the daemon may serve later runs: the node stays when the run has ended. */
  readonly canPersist: boolean
  /** Whether other platforms can be built there under emulation. */
  readonly canEmulate: boolean
  /** Whether the daemon exists only while something is built, so that the node cannot be probed beforehand. */
  readonly onDemand: boolean
  /** Which garbage collector finds leftovers there; undefined: the action creates nothing there. */
  readonly collector?: 'engine' | 'cluster' | undefined
  /** Driver options by name, with the format of their values. */
  readonly options: OptionFormats
  /** Why platforms must be listed; undefined if the node itself reports its platform. */
  readonly missingPlatforms?: string
  /** Options of buildx's driver that this action does not support, with the reason. */
  readonly refusedOptions?: Readonly<Record<string, string>>

  /** The scheme of its endpoints, if this driver parses it. */
  readonly scheme?: string
  /** Parses the text after `://`. The result may belong to another driver of the same scheme. */
  parse?(rest: string, reject: Reject): Endpoint | undefined
  /** The shortest text that parses as the same endpoint; equal for equal endpoints. */
  format(endpoint: Endpoint): string
  /** The name of a node that the user did not name. */
  baseName(endpoint: Endpoint): string
  /** The endpoint that is meant if the user sets this `driver`; undefined if the two contradict each other. */
  withDriver(endpoint: Endpoint, driver: BuildxDriver | ''): Endpoint | undefined
  /** The SSH server of the node, if it is reached over SSH. */
  sshTarget?(endpoint: Endpoint): SshTarget
  /** Entries of `nodes` with the same key are one node; by default those with the same endpoint. */
  mergeKey?(endpoint: Endpoint, options: string): string
  /** The nodes that one entry stands for, each with the base of its name; by default one. */
  expand?(draft: NodeDraft): readonly NamedDraft[]
  /** Reports driver options that are missing. */
  validate?(options: NodeSpec['driverOpts'], reject: Reject): void

  /** Connects to the node and probes it. @throws UserError */
  open(endpoint: Endpoint, request: OpenRequest): Promise<Node>
  /**
   * The journal entry that removes the builder of the instance `name`; undefined if buildx creates nothing.
   * `undo`: the buildx command and the KUBECONFIG of the job.
   */
  builderEntry(
    node: Node,
    name: string,
    undo: { readonly buildx: string; readonly kubeconfig: string },
  ): BuilderEntry | undefined
  /**
   * How the BuildKit of the instance `name` is reached, and nothing else on the node; undefined: as in this run, which
   * needs no socket or key of the run.
   */
  readonly route?: ((node: Node, name: string) => BuildkitRoute) | undefined
  /** The container of the daemon of the instance `name`, if an engine runs it. */
  readonly containerName?: ((name: string) => string) | undefined

  /** The node in its log line, if there is no engine to describe. */
  readonly description: string
  /** The BuildKit that builds there, in the report of a dry run. */
  readonly builder: string
  /** What the post step removes there, in the report of a dry run; undefined: nothing. */
  readonly describeLeftovers?: ((node: string, name: string) => string) | undefined
}
