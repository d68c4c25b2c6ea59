import { UserError } from '../../lib/errors.ts'
import { containerPrefix } from '../../run/names.ts'
import { EngineClient, type EngineInfo } from '../engine/client.ts'
import { nativePlatforms, readMachineInfo } from '../machine-info.ts'
import type { Endpoint, NodeSpec } from '../node-spec.ts'
import type { BuildxDriver, Driver, Node } from '../node.ts'
import type { BuildkitRoute } from '../ssh/forwarder.ts'
import { boolean, integer, size, text } from './options.ts'

/** What all Docker Engines have in common, however they are reached: buildx runs BuildKit in a container. */
export const dockerContainer = {
  name: 'docker-container',
  target: 'Docker Engine',
  startsDaemon: true,
  canPersist: true,
  canEmulate: true,
  onDemand: false,
  collector: 'engine',
  // https://github.com/docker/buildx/blob/v0.38.2/driver/docker-container/factory.go
  options: {
    'allow-untrusted-image': boolean,
    'cgroup-parent': text,
    'cpu-period': integer,
    'cpu-quota': integer,
    'cpu-shares': integer,
    'cpuset-cpus': text,
    'cpuset-mems': text,
    'default-load': boolean,
    image: text,
    memory: size,
    'memory-swap': size,
    network: text,
    'provenance-add-gha': boolean,
    'restart-policy': text,
  },
  description: 'Docker Engine',
  builder: 'a BuildKit container for this run',
  withDriver: (endpoint: Endpoint, driver: BuildxDriver | '') =>
    driver === '' || driver === 'docker-container' ? endpoint : undefined,
  builderEntry({ socket, spec }: Node, name: string) {
    const container = containerName(name)
    return { kind: 'container', node: spec.name, socket, container, volume: `${container}_state` }
  },
  containerName,
  route: ({ socket }: Node, name: string): BuildkitRoute => ['container', socket, containerName(name)],
  describeLeftovers: (node: string, name: string) => `on ${node} the container ${containerName(name)} and its volume`,
} as const satisfies Partial<Driver>

function containerName(instance: string): string {
  return `${containerPrefix}${instance}`
}

/** An engine that has answered. */
interface EngineProbe {
  /** The local socket that leads to it. */
  readonly socket: string
  readonly engine: EngineInfo
  /** When its probe began (`performance.now()`). */
  readonly began: number
}

export function engineNode(driver: Driver, spec: NodeSpec, { socket, engine, began }: EngineProbe): Node {
  const native = nativePlatforms(engine.os, engine.arch)
  const platforms = spec.platforms.length > 0 ? spec.platforms : native.slice(0, 1)
  const ping = (deadline: number) => new EngineClient(socket, deadline).ping()
  return { spec, driver, socket, platforms, native, engine, ping, took: performance.now() - began }
}

/** The node of an engine of this machine. @throws UserError */
export async function localEngineNode(driver: Driver, spec: NodeSpec, socket: string): Promise<Node> {
  const began = performance.now()
  const engine = await inspectLocalEngine(socket)
  return { ...engineNode(driver, spec, { socket, engine, began }), machine: readMachineInfo(engine.root) }
}

async function inspectLocalEngine(socket: string): Promise<EngineInfo> {
  try {
    return await new EngineClient(socket).info()
  } catch (error) {
    const denied = error instanceof Error && error.message.includes('EACCES')
    throw new UserError({
      code: 'runner',
      message: denied
        ? `This job has no permission to use the Docker Engine at ${socket}`
        : `No Docker Engine answers on this runner (${socket})`,
      hint: denied
        ? "Add the runner's user to the `docker` group and restart the runner."
        : 'Start a Docker Engine, set DOCKER_HOST to the socket of one, or list only remote nodes in `nodes`.',
      cause: error,
    })
  }
}
