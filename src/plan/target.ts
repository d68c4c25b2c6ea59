import type { Node } from '../nodes/node.ts'
import { formatRepository } from '../registry/reference.ts'
import type { FallbackChoice } from '../inputs/fallback.ts'
import type { TargetCache } from '../inputs/cache/cache.ts'
import type { Platform } from '../lib/platform.ts'
import type { VariantSpec } from '../inputs/variants.ts'

/** One platform of one variant: built on one node, with its own cache, pushed by digest. */
export interface Target {
  /** Unique in the run, and a valid name for bake: letters, digits, `-` and `_`. */
  readonly id: string
  readonly variant: VariantSpec
  readonly platform: Platform
  readonly node: Node
  /** Undefined without a cache. */
  readonly cache?: TargetCache
  /** `false` if it writes none of its caches, since one of them cannot be written. */
  readonly writesCache?: boolean
  /** Why it is built on this node: its own was unavailable or lost. */
  readonly fallback?: FallbackChoice
}

/** The targets of one node, built by one call of buildx: losing a node fails only its group. */
export interface TargetGroup {
  readonly node: Node
  readonly targets: readonly Target[]
}

export interface Plan {
  readonly targets: readonly Target[]
  readonly groups: readonly TargetGroup[]
  /** Warnings about unavailable nodes. */
  readonly notes: readonly string[]
}

/** A target that has no node yet. */
export type TargetDraft = Omit<Target, 'node'>

/** PURE: the targets in the order of their drafts. */
export function inDraftOrder(drafts: readonly TargetDraft[], targets: readonly Target[]): Target[] {
  return drafts.flatMap(({ id }) => targets.find((target) => target.id === id) ?? [])
}

/** PURE: the targets by node, in the order of `nodes`; other nodes follow in the order of their targets. */
export function groupByNode(targets: readonly Target[], nodes: readonly Node[] = []): TargetGroup[] {
  const used = new Set(targets.map(({ node }) => node))
  return [...new Set([...nodes.filter((node) => used.has(node)), ...used])].map((node) => ({
    node,
    targets: targets.filter((target) => target.node === node),
  }))
}

/** PURE: identifies a target in every run. */
export function targetKey({ variant, platform }: TargetDraft): string {
  const [image] = variant.images
  return [image ? formatRepository(image) : '', variant.name, platform].join('\n')
}

/** PURE: the name of a target in the log and the summary, such as `linux/arm64 slim`. */
export function targetLabel({ platform, variant }: Pick<TargetDraft, 'platform' | 'variant'>): string {
  return variant.name === '' ? platform : `${platform} ${variant.name}`
}

/** Up to this many variants of a platform are listed by name. */
const listedVariants = 2

/** PURE: the names of several targets: `linux/amd64 slim, linux/arm64 slim`, or `linux/amd64 (6 variants)`. */
export function targetLabels(targets: readonly TargetDraft[]): string {
  const labels = targets.map((target) => {
    const count = targets.filter(({ platform }) => platform === target.platform).length
    return count > listedVariants ? `${target.platform} (${count} variants)` : targetLabel(target)
  })
  return [...new Set(labels)].join(', ')
}
