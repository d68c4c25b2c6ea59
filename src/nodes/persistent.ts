import type { Trust } from '../forge/trust.ts'
import { keptName } from '../run/names.ts'
import { withDiskLimits } from './disk-limits.ts'
import type { Node } from './node.ts'

/** For whom daemons are kept: no two of these ever share one. */
interface Keep {
  readonly scope: string
  readonly trust: Exclude<Trust, 'fork'>
}

export interface Kept {
  readonly node: Node
  readonly name: string
}

/**
 * PURE: the nodes with the names of their kept daemons, and limits for their disks; nodes whose daemon is not ours to
 * make stay.
 */
export function planKept(
  nodes: readonly Node[],
  keep: Keep,
): { readonly nodes: readonly Node[]; readonly names: ReadonlyMap<Node, string> } {
  const seen = new Map<string, number>()
  const names = new Map<Node, string>()
  const all = nodes.map((node) => {
    if (node.driver !== 'docker-container') return node
    const spec = { ...node.spec, buildkitdConfig: withDiskLimits(node.spec.buildkitdConfig) }
    const settings = [spec.endpoint, Object.entries(spec.driverOpts).sort(), spec.buildkitdFlags, spec.buildkitdConfig]
    // An engine that several lines name has a daemon for each: buildx wants every node of a builder to have its own.
    const key = JSON.stringify(settings)
    const turn = seen.get(key) ?? 0
    seen.set(key, turn + 1)
    const kept = { ...node, spec }
    names.set(kept, keptName(keep.scope, keep.trust, [...settings, turn]))
    return kept
  })
  return { nodes: all, names }
}
