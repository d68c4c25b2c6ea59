import { errorMessage } from '../lib/errors.ts'
import { EngineClient } from '../nodes/engine/client.ts'
import { formatEndpoint } from '../nodes/endpoint.ts'
import type { Node } from '../nodes/node.ts'
import type { RunDir } from '../run/run-dir.ts'
import { EngineGarbage } from './engine.ts'
import { collectClusterGarbage } from './kubernetes.ts'
import type { NodeGarbage } from './log.ts'
import type { RunChecker } from './run-status.ts'

type GarbageNode = Pick<Node, 'driver' | 'socket' | 'spec'>

/**
 * Removes what runs of this action left on these nodes and that ended without their post step. Never throws.
 *
 * @param self the builder name of this run
 */
export async function collectNodeGarbage(
  nodes: readonly GarbageNode[],
  runs: RunChecker,
  { self, dir }: { readonly self: string; readonly dir: RunDir },
): Promise<NodeGarbage[]> {
  // Two lines of `nodes` may name one engine, and many one cluster.
  const targets = new Map(nodes.filter(({ driver }) => driver.collector).map((node) => [targetKey(node), node]))
  return await Promise.all(
    [...targets.values()].map(async ({ driver, socket, spec }) => {
      if (driver.collector === 'cluster') return await collectClusterGarbage(spec, runs, dir)
      try {
        const engine = new EngineGarbage(new EngineClient(socket), runs, self)
        const outcomes = await engine.collect(spec.driverOpts['image'])
        return {
          node: spec.name,
          removed: outcomes.flatMap(({ name, error }) => (error === undefined ? [name] : [])),
          failed: outcomes.flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error}`])),
        }
      } catch (error) {
        return { node: spec.name, removed: [], failed: [errorMessage(error)] }
      }
    }),
  )
}

function targetKey({ driver, socket, spec }: GarbageNode): string {
  if (driver.collector !== 'cluster') return socket
  return `${formatEndpoint(spec.endpoint)} ${spec.driverOpts['namespace'] ?? ''}`
}
