import type { Platform } from '../lib/platform.ts'

/** How a node is reached, and what answers there. */
export type Endpoint =
  /** The engine of the machine we run on (`DOCKER_HOST`, else the default socket). */
  | { readonly kind: 'local' }
  /** Another engine of the machine we run on, by its socket. */
  | { readonly kind: 'engine'; readonly path: string }
  /** A Docker Engine behind SSH, or a buildkitd where `socket` names one. */
  | {
      readonly kind: 'ssh'
      readonly user?: string
      readonly host: string
      readonly port: number
      readonly socket?: string
    }
  /** A buildkitd on this machine. */
  | { readonly kind: 'unix'; readonly path: string }
  /** A buildkitd behind mutual TLS. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** A pod of our own in the cluster of this kubeconfig; without a path, of the job's. */
  | { readonly kind: 'kubernetes'; readonly kubeconfig?: string }

export interface NodeSpec {
  /**
   * Short and unique in the run; made from the endpoint (`arm.example.com`, `local`, `local-2`) unless the user named
   * it.
   */
  readonly name: string
  readonly endpoint: Endpoint
  /** Empty: whatever is native there (only where `nodes` is not given, or an `append` entry names none). */
  readonly platforms: readonly Platform[]
  readonly driverOpts: Readonly<Record<string, string>>
  readonly buildkitdFlags: readonly string[]
  /** Text of buildkitd.toml; empty for the daemon's defaults. */
  readonly buildkitdConfig: string
  /** Path below /etc/buildkit → content: what `buildkitdConfig` refers to. */
  readonly daemonFiles?: Readonly<Record<string, string>>
  /** Build with the BuildKit inside the engine, rather than with a container of our own. */
  readonly embedded?: boolean
  /** The node's name in a builder that exists already: its daemon is used as it is, and stays. */
  readonly daemon?: string
}

/** A node as it was written, before it has a name and the defaults. */
export interface NodeDraft {
  readonly name?: string
  readonly endpoint: Endpoint
  readonly platforms: readonly Platform[]
  readonly driverOpts: Readonly<Record<string, string>>
  readonly buildkitdFlags: readonly string[]
}
