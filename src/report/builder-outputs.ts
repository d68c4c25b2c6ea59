import { formatEndpoint } from '../nodes/endpoint.ts'
import type { Node } from '../nodes/node.ts'

/** What the outputs name of a node: nothing of its keys, options or connection. */
export interface BuilderNode {
  readonly driver: Pick<Node['driver'], 'name'>
  readonly platforms: readonly string[]
  readonly spec: Pick<Node['spec'], 'name' | 'endpoint'>
}

/**
 * PURE: the outputs of docker/setup-buildx-action. A builder of buildx has one driver: if engines and buildkitd are
 * mixed, `name` and `driver` are empty.
 *
 * @param builder its name; empty if no builder has every node
 */
export function renderBuilderOutputs(
  builder: string,
  nodes: readonly BuilderNode[],
): Record<'name' | 'driver' | 'platforms' | 'nodes', string> {
  return {
    name: builder,
    driver: builder === '' ? '' : (nodes[0]?.driver.name ?? ''),
    platforms: [...new Set(nodes.flatMap(({ platforms }) => platforms))].join(','),
    nodes: JSON.stringify(nodes.map(describeNode)),
  }
}

function describeNode({ spec, driver, platforms }: BuilderNode): Record<string, string> {
  const endpoint = formatEndpoint(spec.endpoint)
  return { name: spec.name, endpoint, driver: driver.name, platforms: platforms.join(',') }
}
