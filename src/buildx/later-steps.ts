import { exec } from '../lib/exec.ts'
import type { Log } from '../lib/log.ts'
import type { Node } from '../nodes/node.ts'
import { startSharedForwarder } from '../nodes/ssh/forwarder.ts'
import type { RunDir } from '../run/run-dir.ts'
import { runEnv, type Buildx } from './find.ts'
import type { BuilderInfo, BuilderInstances } from './instances.ts'

interface LaterSteps {
  readonly dir: RunDir
  readonly buildx: Buildx
  readonly instances: BuilderInstances
  /** The nodes that are available. */
  readonly nodes: readonly Node[]
  readonly log: Pick<Log, 'warn'>
}

/** Milliseconds; the daemon of a node on which nothing was built is booted, which may pull its image. */
const bootDeadline = 90_000

/**
 * Makes the builder usable for later steps without the access of this step: each node by a socket that leads to its
 * BuildKit and to nothing else. The connection behind it is open already, so the sockets of engines and control
 * connections, and all keys, can be removed.
 */
export async function shareBuilder({ dir, buildx, instances, nodes, log }: LaterSteps): Promise<BuilderInfo> {
  const sockets = new Map<Node, string>()
  const unreachable = new Set<Node>()
  const share = async (node: Node, index: number): Promise<void> => {
    const route = instances.route(node)
    if (!route) return
    const socket = dir.buildkitSocket(index)
    const start = () => startSharedForwarder(dir.owner, socket, route)
    const boot = () =>
      exec(buildx.command, ['inspect', '--bootstrap', instances.forPlatforms(node, [])], {
        env: runEnv(dir),
        deadline: bootDeadline,
      })
    if ((await start()) || (node.driver.startsDaemon && (await boot()).code === 0 && (await start())))
      sockets.set(node, socket)
    else unreachable.add(node)
  }
  await Promise.all(nodes.map(share))
  const names = [...unreachable].map(({ spec }) => spec.name).join(', ')
  if (names !== '') log.warn(`use: the BuildKit of ${names} does not answer, so later steps build without it.`)
  const reachable = nodes.filter((node) => !unreachable.has(node))
  return instances.replaceForLaterSteps(reachable, sockets)
}
