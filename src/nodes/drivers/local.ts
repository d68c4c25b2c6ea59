import type { NodeSpec } from '../node-spec.ts'
import type { Driver, Node } from '../node.ts'
import { localEngineSocket } from '../engine/local.ts'
import { socketName, type SocketEndpoint } from './address.ts'
import { dockerContainer, localEngineNode } from './docker-container.ts'

/** `local`: the Docker Engine that the Docker CLI of this machine uses. */
export const localEngine: Driver = {
  ...dockerContainer,
  format: () => 'local',
  baseName: () => 'local',
  open: (_, { spec }) => openLocalEngine(spec),
}

/** `unix:///path/docker.sock`: another Docker Engine of this machine. */
export const socketEngine: Driver = {
  ...dockerContainer,
  format: ({ path }: SocketEndpoint) => `unix://${path}`,
  baseName: socketName,
  open: ({ path }: SocketEndpoint, { spec }) => localEngineNode(socketEngine, spec, path),
}

/** Opens the engine of `local`. @throws UserError */
export async function openLocalEngine(spec: NodeSpec): Promise<Node> {
  return await localEngineNode(localEngine, spec, localEngineSocket())
}
