import { formatEndpoint } from '../nodes/endpoint.ts'
import type { Node } from '../nodes/node.ts'

/** What of a node is told: nothing of its keys, options or connection. */
export type BuilderNode = Pick<Node, 'driver'> & {
  readonly platforms: readonly string[]
  readonly spec: Pick<Node['spec'], 'name' | 'endpoint'>
}

/**
 * PURE: the outputs of docker/setup-buildx-action. Buildx has one driver a builder: where engines and buildkitd are
 * mixed, `name` and `driver` are empty.
 *
 * @param name the builder's, empty where there is none with every node
 */
export function renderBuilder(
  name: string,
  nodes: readonly BuilderNode[],
): Record<'name' | 'driver' | 'platforms' | 'nodes', string> {
  return {
    name,
    driver: name === '' ? '' : (nodes[0]?.driver ?? ''),
    platforms: [...new Set(nodes.flatMap(({ platforms }) => platforms))].join(','),
    nodes: JSON.stringify(
      nodes.map(({ spec, driver, platforms }) => ({
        name: spec.name,
        endpoint: formatEndpoint(spec.endpoint),
        driver,
        platforms: platforms.join(','),
      })),
    ),
  }
}
