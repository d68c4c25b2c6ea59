import type { Platform } from '../lib/platform.ts'
import type { SshTarget } from './ssh/config.ts'

/** The address of a node: `kind` is its driver's key in the table of drivers, the driver defines the other parts. */
export interface Endpoint {
  readonly kind: string
  readonly [part: string]: string | number | undefined
}

export interface NodeSpec {
  /**
   * Short and unique in the run; derived from the endpoint (`arm.example.com`, `local`, `local-2`) unless the user
   * named it.
   */
  readonly name: string
  readonly endpoint: Endpoint
  /** How a node with an SSH endpoint is reached, if `ssh-config` says more than the endpoint. */
  readonly ssh?: SshTarget
  /** Empty: the platform of the node itself (only if `nodes` is not given, or an `append` entry lists no platforms). */
  readonly platforms: readonly Platform[]
  readonly driverOpts: Readonly<Record<string, string>>
  readonly buildkitdFlags: readonly string[]
  /** Text of buildkitd.toml; empty for the daemon's defaults. */
  readonly buildkitdConfig: string
  /** Path below /etc/buildkit → content: the files to which `buildkitdConfig` refers. */
  readonly daemonFiles?: Readonly<Record<string, string>>
  /** Use the built-in BuildKit of the engine (`driver: docker`) instead of a BuildKit container. */
  readonly builtIn?: boolean
  /** The node's name in an existing builder: its daemon is used as it is and is left running. */
  readonly existingNodeName?: string
}

/** Whether a node is an engine or a buildkitd of this machine. */
export function isOnRunner({ endpoint: { kind } }: NodeSpec): boolean {
  return ['local', 'engine', 'unix'].includes(kind)
}

/** A node as the user wrote it, before it has a name and the defaults. */
export interface NodeDraft {
  readonly name?: string
  readonly endpoint: Endpoint
  readonly platforms: readonly Platform[]
  readonly driverOpts: Readonly<Record<string, string>>
  readonly buildkitdFlags: readonly string[]
}

export interface NamedDraft extends NodeDraft {
  /** The base of its name, if `name` is not given. */
  readonly base: string
}
