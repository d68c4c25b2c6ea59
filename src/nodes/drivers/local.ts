import type { Driver, Node, OpenRequest } from '../node.ts'
import { localEngineSocket } from '../engine/local.ts'
import { socketName, type SocketEndpoint } from './address.ts'
import { dockerContainer, localEngineNode } from './docker-container.ts'

/** `local`: the Docker Engine that the Docker CLI of this machine uses. */
export const localEngine: Driver = {
  ...dockerContainer,
  format: () => 'local',
  baseName: () => 'local',
  open: (_, request) => openLocalEngine(request),
}

/** `unix:///path/docker.sock`: another Docker Engine of this machine. */
export const socketEngine: Driver = {
  ...dockerContainer,
  format: ({ path }: SocketEndpoint) => `unix://${path}`,
  baseName: socketName,
  open: ({ path }: SocketEndpoint, request) => localEngineNode(socketEngine, request, path),
}

/** Opens the engine of `local`. @throws UserError */
export async function openLocalEngine(request: Pick<OpenRequest, 'spec' | 'pulls'>): Promise<Node> {
  return await localEngineNode(localEngine, request, localEngineSocket())
}
