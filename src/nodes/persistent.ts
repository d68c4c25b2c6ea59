import type { Trust } from '../forge/trust.ts'
import { persistentBuilderName } from '../run/names.ts'
import { withDiskLimits } from './buildkitd-config.ts'
import type { Node } from './node.ts'

/** Who may share a persistent builder: runs of the same repository and trust level. */
interface Sharing {
  readonly scope: string
  readonly trust: Exclude<Trust, 'fork'>
}

export interface PersistentBuilder {
  readonly node: Node
  readonly name: string
}

/**
 * PURE: the nodes, with disk limits and the name of a persistent builder for those whose driver allows one; the others
 * unchanged.
 */
export function planPersistentBuilders(
  nodes: readonly Node[],
  { scope, trust }: Sharing,
): { readonly nodes: readonly Node[]; readonly names: ReadonlyMap<Node, string> } {
  const seen = new Map<string, number>()
  const names = new Map<Node, string>()
  const planned = nodes.map((node) => {
    if (!node.driver.canPersist) return node
    const spec = { ...node.spec, buildkitdConfig: withDiskLimits(node.spec.buildkitdConfig) }
    const settings = [spec.endpoint, Object.entries(spec.driverOpts).sort(), spec.buildkitdFlags, spec.buildkitdConfig]
    // An engine that several entries name has a builder for each: in buildx, every node of a builder has its own.
    const key = JSON.stringify(settings)
    const count = seen.get(key) ?? 0
    seen.set(key, count + 1)
    const persistent = { ...node, spec }
    names.set(persistent, persistentBuilderName(scope, trust, [...settings, count]))
    return persistent
  })
  return { nodes: planned, names }
}
