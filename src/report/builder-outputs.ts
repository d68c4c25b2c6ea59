import type { BuilderInfo } from '../buildx/instances.ts'
import { formatEndpoint } from '../nodes/endpoint.ts'
import type { Node } from '../nodes/node.ts'

/** What the outputs name of a node: nothing of its keys, options or connection. */
export interface BuilderNode {
  readonly driver: Pick<Node['driver'], 'name'>
  readonly platforms: readonly string[]
  readonly spec: Pick<Node['spec'], 'name' | 'endpoint'>
}

/** PURE: the outputs of docker/setup-buildx-action. */
export function renderBuilderOutputs(
  { name, driver }: BuilderInfo,
  nodes: readonly BuilderNode[],
): Record<'name' | 'driver' | 'platforms' | 'nodes', string> {
  return {
    name,
    driver,
    platforms: [...new Set(nodes.flatMap(({ platforms }) => platforms))].join(','),
    nodes: JSON.stringify(nodes.map(describeNode)),
  }
}

function describeNode({ spec, driver, platforms }: BuilderNode): Record<string, string> {
  const endpoint = formatEndpoint(spec.endpoint)
  return { name: spec.name, endpoint, driver: driver.name, platforms: platforms.join(',') }
}
