import { connect as connectHttp2 } from 'node:http2'
import { createConnection } from 'node:net'
import type { Journal } from '../run/journal.ts'
import { UserError, UserErrors } from '../lib/errors.ts'
import { writePrivate } from '../lib/fs.ts'
import { readMachine } from './local-machine.ts'
import { sleep, withTimeout } from '../lib/time.ts'
import { retryOnRefused } from '../lib/wait.ts'
import { startAgent } from './ssh/agent.ts'
import { askEngine, pingEngine, type EngineInfo } from './engine/client.ts'
import { findEngine, usual } from './ssh/find-engine.ts'
import { emulatedBy, factsScript, readFacts, type Facts } from './machine-info.ts'
import { findKubeconfig } from './drivers/kubeconfig.ts'
import { localEngineSocket } from './engine/local.ts'
import { nativePlatforms } from './native-platforms.ts'
import type { NodeSpec } from './node-spec.ts'
import type { Node } from './node.ts'
import { describeTarget, type SshTarget } from './ssh/config.ts'
import { formatEndpoint } from './endpoint.ts'
import { clusterEndpoint, nativeInCluster, withOwnLabel } from './drivers/kubernetes.ts'
import { relayedSocket, startEngineRelay } from './ssh/forwarder.ts'
import { openTcp } from './drivers/tcp.ts'
import { askShell, openTunnel, type Tunnel } from './ssh/tunnel.ts'
import { awaitGreeting } from './drivers/probe-buildkitd.ts'
import type { RunDir } from '../run/run-dir.ts'

export interface NodesRequest {
  readonly nodes: readonly NodeSpec[]
  readonly sshKeys: readonly string[]
  readonly knownHosts: string
  /** An agent of the job, used where no keys are given. */
  readonly agent: string | undefined
  readonly dir: RunDir
  /** Where paths in inputs begin. */
  readonly workspace: string
}

/** What became of a node of the list: it answered, or it cannot be used. */
export interface Outcome {
  readonly spec: NodeSpec
  readonly node?: Node
  readonly failure?: UserError
}

/** For all nodes together, in milliseconds: what has not answered by then cannot be used. */
const probeDeadline = 20_000

/**
 * Opens all nodes at once, under one deadline. Throws only for what no other node would mend: `UserErrors` of the
 * inputs, or a bug.
 */
export async function openNodes(request: NodesRequest, journal: Journal): Promise<Outcome[]> {
  const { nodes, dir } = request
  const overSsh = nodes.some(({ endpoint }) => endpoint.kind === 'ssh')
  let agent = request.agent ?? ''
  if (overSsh) {
    writePrivate(dir.knownHosts, request.knownHosts)
    if (request.sshKeys.length > 0) {
      agent = dir.agentSocket
      await startAgent(agent, request.sshKeys)
    }
  }
  const open = (spec: NodeSpec, index: number) =>
    openNode(
      { spec, key: `n${index}`, agent, ownAgent: request.sshKeys.length > 0, dir, workspace: request.workspace },
      journal,
    )
  const outcomes = await Promise.all(nodes.map((spec, index) => tryOpen(spec, open(spec, index))))
  const wrong = outcomes.flatMap(({ failure }) => (failure?.code === 'inputs' ? [failure] : []))
  if (wrong.length > 0) throw new UserErrors(wrong)
  return outcomes
}

async function tryOpen(spec: NodeSpec, opening: Promise<Node>): Promise<Outcome> {
  const late = () =>
    new UserError({
      code: 'node',
      message: `${nameEndpoint(spec)} does not answer`,
      hint: 'It did not say within 20 s whether it can build: check that the machine is up and not overloaded.',
    })
  try {
    return { spec, node: await withTimeout(probeDeadline, opening, late) }
  } catch (error) {
    if (error instanceof UserError) return { spec, failure: error }
    throw error
  }
}

/** Opens the local engine for what no node of the list can build; or says why that cannot be. */
export async function openLocal(spec: NodeSpec): Promise<Node | string> {
  try {
    const socket = localEngineSocket()
    return await localNode(spec, socket, performance.now())
  } catch (error) {
    if (error instanceof UserError) return error.message
    throw error
  }
}

function nameEndpoint({ name, endpoint }: NodeSpec): string {
  return endpoint.kind === 'ssh' ? describeTarget(endpoint) : name
}

interface NodeRequest {
  readonly spec: NodeSpec
  /** Names the node's files and sockets, whose paths must stay short. */
  readonly key: string
  readonly agent: string
  readonly ownAgent: boolean
  readonly dir: RunDir
  readonly workspace: string
}

async function openNode({ spec, key, agent, ownAgent, dir, workspace }: NodeRequest, journal: Journal): Promise<Node> {
  const began = performance.now()
  const { endpoint } = spec
  switch (endpoint.kind) {
    case 'local':
      return await embed(await localNode(spec, localEngineSocket(), began), dir, key)
    case 'engine':
      return await embed(await localNode(spec, endpoint.path, began), dir, key)
    case 'unix':
      await greetBuildkitd(endpoint.path, endpoint.path)
      return buildkitdNode(spec, endpoint.path, began)
    case 'tcp': {
      const { driverOpts, ping } = await openTcp(endpoint, spec, key, dir, workspace)
      return { ...buildkitdNode(spec, '', began), ping, remote: { endpoint: formatEndpoint(endpoint), driverOpts } }
    }
    case 'kubernetes': {
      const problem = findKubeconfig(endpoint.kubeconfig ?? '', workspace)
      if (problem !== '')
        throw new UserError({
          code: 'node',
          message: `The cluster of ${spec.name} cannot be reached from this job`,
          hint: problem,
        })
      return {
        spec,
        driver: 'kubernetes',
        socket: '',
        platforms: spec.platforms,
        native: nativeInCluster(spec.platforms, spec.driverOpts),
        remote: {
          endpoint: clusterEndpoint(endpoint.kubeconfig),
          driverOpts: spec.daemon === undefined ? withOwnLabel(spec.driverOpts) : spec.driverOpts,
        },
        took: 0,
      }
    }
    case 'ssh': {
      const remote = endpoint.socket ?? usual
      const tunnel = await openTunnel({ dir, node: key, target: endpoint, remote, agent, ownAgent }, journal)
      const asked = askFacts(tunnel).catch(() => undefined)
      if (endpoint.socket === undefined) {
        const { socket, engine } = await findEngine(tunnel, endpoint, journal)
        return await embed(
          { ...engineNode(spec, socket, engine, began), ...(await soon(asked)), lost: tunnel.lost },
          dir,
          key,
        )
      }
      const socket = await findBuildkitd(tunnel, { target: endpoint, remote: endpoint.socket }, journal)
      return { ...buildkitdNode(spec, socket, began), ...(await soon(asked)), lost: tunnel.lost }
    }
  }
}

async function localNode(spec: NodeSpec, socket: string, began: number): Promise<Node> {
  const engine = await askLocalEngine(socket)
  const { load, free, emulators } = readMachine(engine.root)
  const facts: Facts = { load, ...(free !== undefined && { free }), emulated: emulatedBy(emulators) }
  return { ...engineNode(spec, socket, engine, began), facts }
}

/**
 * The shell is asked while the engine is, so the build need hardly wait for it; one that keeps silent is not waited
 * for.
 */
async function soon(asked: Promise<Facts | undefined>): Promise<Pick<Node, 'facts'>> {
  const facts = await Promise.race([asked, sleep(150).then(() => undefined)])
  return facts ? { facts } : {}
}

async function askFacts(tunnel: Tunnel): Promise<Facts | undefined> {
  const { code, stdout } = await askShell(tunnel, factsScript, 5000)
  return code === 0 ? readFacts(stdout, Date.now()) : undefined
}

function engineNode(spec: NodeSpec, socket: string, engine: EngineInfo, began: number): Node {
  const native = nativePlatforms(engine.os, engine.arch)
  const platforms = spec.platforms.length > 0 ? spec.platforms : native.slice(0, 1)
  return {
    spec,
    driver: 'docker-container',
    socket,
    platforms,
    native,
    engine,
    ping: (deadline) => pingEngine(socket, deadline),
    took: performance.now() - began,
  }
}

/** Where the author wants it, the engine's own BuildKit becomes the node. */
async function embed(node: Node, dir: RunDir, key: string): Promise<Node> {
  const { spec, engine, socket } = node
  if (spec.embedded !== true) return node
  if (engine?.containerd !== true) {
    throw new UserError({
      code: 'node',
      message: `The BuildKit inside the Docker Engine of ${spec.name} cannot push multi-arch images`,
      hint: 'Its engine keeps images in its classic store: turn on the containerd image store there (`"features": {"containerd-snapshotter": true}` in daemon.json), or leave `driver: docker` out.',
    })
  }
  const local = dir.builtInSocket(key)
  if (!(await startEngineRelay(dir.owner, local, socket)))
    throw new UserError({
      code: 'node',
      message: `The BuildKit inside the Docker Engine of ${spec.name} cannot be reached`,
      hint: 'Leave `driver: docker` out.',
    })
  return { ...node, driver: 'remote', socket: local }
}

function buildkitdNode(spec: NodeSpec, socket: string, began: number): Node {
  if (spec.platforms.length === 0)
    throw new UserError({
      code: 'inputs',
      message: `nodes: ${spec.name} names no platforms`,
      hint: 'A buildkitd needs its platforms named: `linux/arm64 = …`.',
    })
  return {
    spec,
    driver: 'remote',
    socket,
    platforms: spec.platforms,
    native: [],
    ping: (deadline) => greetBuildkitd(socket, socket, deadline),
    took: performance.now() - began,
  }
}

async function askLocalEngine(socket: string): Promise<EngineInfo> {
  try {
    return await askEngine(socket)
  } catch (error) {
    const denied = error instanceof Error && error.message.includes('EACCES')
    throw new UserError({
      code: 'node',
      message: denied
        ? `This job may not use the Docker Engine at ${socket}`
        : `No Docker Engine answers on this runner (${socket})`,
      hint: denied
        ? "Add the runner's user to the `docker` group and restart the runner."
        : 'Start one, set DOCKER_HOST to its socket, or name only remote nodes in `nodes`.',
      cause: error,
    })
  }
}

async function findBuildkitd(
  tunnel: Tunnel,
  { target, remote }: { readonly target: SshTarget; readonly remote: string },
  journal: Journal,
): Promise<string> {
  const where = `${describeTarget(target)}${remote}`
  try {
    await greetBuildkitd(tunnel.socket, where)
    return tunnel.socket
  } catch (first) {
    // A server that forbids forwarding says only that it could not open the channel.
    const socket = /open failed/i.test(tunnel.words())
      ? await relayedSocket(tunnel, { target, remote }, journal)
      : undefined
    if (
      socket === undefined ||
      !(await greetBuildkitd(socket, where).then(
        () => true,
        () => false,
      ))
    )
      throw first
    return socket
  }
}

async function greetBuildkitd(socket: string, where: string, deadline = 10_000): Promise<void> {
  const greet = async () =>
    await awaitGreeting(
      connectHttp2('http://buildkitd', { createConnection: () => createConnection(socket) }),
      deadline,
    )
  try {
    await retryOnRefused(greet)
  } catch (error) {
    throw new UserError({
      code: 'node',
      message: `No buildkitd answers at ${where}`,
      hint: 'Check that it runs, that its socket is there, and that the user may use it (`buildkitd --group`).',
      cause: error,
    })
  }
}
