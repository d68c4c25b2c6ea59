import { formatEndpoint } from '../nodes/endpoint.ts'
import type { Node } from '../nodes/node.ts'
import { formatRepository } from '../registry/reference.ts'
import type { TargetCache } from '../inputs/cache/cache.ts'
import type { Platform } from '../lib/platform.ts'
import type { Worker } from './placement.ts'
import type { VariantSpec } from '../inputs/variant-spec.ts'

/** One platform of one variant: built on one node, with a cache of its own, pushed by digest. */
export interface Target {
  /** Unique in the run, and a name that bake takes: letters, digits, `-` and `_`. */
  readonly id: string
  readonly variant: VariantSpec
  readonly platform: Platform
  readonly node: Node
  /** Undefined where no cache is kept. */
  readonly cache?: TargetCache
  /** `false`: it writes none of its caches, since one cannot be written. */
  readonly writesCache?: boolean
}

/** The targets of one node, built by one call of buildx, so that a lost node takes no other's work down. */
export interface TargetGroup {
  readonly node: Node
  readonly targets: readonly Target[]
}

export interface Plan {
  readonly targets: readonly Target[]
  readonly groups: readonly TargetGroup[]
  /** What the author should know of nodes that cannot be used. */
  readonly notes: readonly string[]
}

/** A target that has no node yet. */
export type TargetDraft = Omit<Target, 'node'>

/** PURE: the targets in the order in which they were drafted. */
export function inDraftOrder(drafts: readonly TargetDraft[], targets: readonly Target[]): Target[] {
  return drafts.flatMap(({ id }) => targets.find((target) => target.id === id) ?? [])
}

/**
 * PURE: the targets of each node together, in the order of `nodes`, and of the targets where a node is none of those.
 */
export function groupByNode(targets: readonly Target[], nodes: readonly Node[] = []): TargetGroup[] {
  const used = new Set(targets.map(({ node }) => node))
  return [...new Set([...nodes.filter((node) => used.has(node)), ...used])].map((node) => ({
    node,
    targets: targets.filter((target) => target.node === node),
  }))
}

/**
 * PURE: a node as `spread` sees it. What is busy gets little more than half of what it would get; what others of ours
 * build on their share, which counts more: it is known of every node, and of a load nobody knows how long it lasts.
 */
export function toWorker({ spec, engine, facts }: Node, others = 0): Worker {
  const busy = (facts?.load ?? 0) > 1.5 * (engine?.cpus ?? Infinity)
  return { id: formatEndpoint(spec.endpoint), weight: (busy ? 0.6 : 1) / (1 + others) }
}

/** PURE: what names a target in every run. */
export function targetKey({ variant, platform }: TargetDraft): string {
  const [image] = variant.images
  return [image ? formatRepository(image) : '', variant.name, platform].join('\n')
}

/** `linux/arm64 slim`: how the log and the summary name a target. */
export function targetLabel({ platform, variant }: TargetDraft): string {
  return variant.name === '' ? platform : `${platform} ${variant.name}`
}
