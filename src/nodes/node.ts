import type { Platform } from '../lib/platform.ts'
import type { EngineInfo } from './engine/client.ts'
import type { Facts } from './machine-info.ts'
import type { NodeSpec } from './node-spec.ts'

/** A node that answered: reachable, authenticated, allowed to build. */
export interface Node {
  readonly spec: NodeSpec
  /**
   * What buildx does there: run a BuildKit container of our own on an engine, use the buildkitd it finds, or run a pod
   * of our own in a cluster.
   */
  readonly driver: 'docker-container' | 'remote' | 'kubernetes'
  /**
   * A Unix socket on this machine that leads to the engine or the buildkitd; empty where buildx makes the connection.
   */
  readonly socket: string
  /** Instead of a socket: a buildkitd or a cluster that buildx reaches itself, with the options it needs. */
  readonly remote?: { readonly endpoint: string; readonly driverOpts: Readonly<Record<string, string>> }
  /** What it builds in this run. */
  readonly platforms: readonly Platform[]
  /** What runs there without emulation; empty where nobody says (a buildkitd). */
  readonly native: readonly Platform[]
  readonly engine?: EngineInfo
  /** What the machine's shell said, where it was asked and answered in time. */
  readonly facts?: Facts
  /** Rejects unless what builds there answers within `deadline` milliseconds. */
  readonly ping?: (deadline: number) => Promise<unknown>
  /** For nodes behind SSH: settles when the connection has ended, with ssh's last words. */
  readonly lost?: Promise<string>
  /** Milliseconds from the first packet to the engine's answer. */
  readonly took: number
}
