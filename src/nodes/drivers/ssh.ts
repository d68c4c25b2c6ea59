import { UserError } from '../../lib/errors.ts'
import type { Reject } from '../../lib/issues.ts'
import { sleep } from '../../lib/time.ts'
import { connectionPaths } from '../../run/run-dir.ts'
import type { Endpoint } from '../node-spec.ts'
import type { Driver, Node, OpenRequest } from '../node.ts'
import { machineInfoScript, parseMachineInfo, type MachineInfo } from '../machine-info.ts'
import { describeTarget } from '../ssh/config.ts'
import { defaultEngineSocket, findEngine, isChannelRefused } from '../ssh/find-engine.ts'
import { sessionLimit } from '../ssh/sessions.ts'
import { connectThroughSessions, lacksSessions } from '../ssh/forwarder.ts'
import { execRemote, openTunnel, type Tunnel } from '../ssh/tunnel.ts'
import { hostName, parseServer, pathPattern, type HostEndpoint } from './address.ts'
import { dockerContainer, engineNode } from './docker-container.ts'
import { buildkitdNode, probeBuildkitd, remote } from './remote.ts'

interface SshEndpoint extends HostEndpoint {
  readonly user?: string
}

/** A buildkitd on the machine, by its socket. */
interface SshSocketEndpoint extends SshEndpoint {
  readonly socket: string
}

const defaultBuildkitdSocket = '/run/buildkit/buildkitd.sock'

/** `ssh://[user@]host[:port]`: the Docker Engine of a machine behind SSH. */
export const sshEngine: Driver = {
  ...dockerContainer,
  scheme: 'ssh',
  parse: parseSsh,
  format: formatSsh,
  baseName: hostName,
  // The driver `remote` means a buildkitd there.
  withDriver: (endpoint, driver) =>
    driver === 'remote'
      ? { ...endpoint, kind: 'ssh-buildkitd', socket: defaultBuildkitdSocket }
      : dockerContainer.withDriver(endpoint, driver),
  sshTarget: (endpoint: SshEndpoint) => endpoint,
  async open(endpoint: SshEndpoint, request) {
    const began = performance.now()
    const tunnel = await openTunnel({ ...request, target: request.spec.ssh ?? endpoint, remote: defaultEngineSocket })
    const machine = fetchMachineInfo(tunnel)
    const found = await findEngine(tunnel, endpoint, request.journal)
    const node = engineNode(sshEngine, request.spec, { ...found, began })
    return { ...node, ...(await ifSoon(machine)), lost: tunnel.lost }
  },
}

/** `ssh://[user@]host[:port]/path`: a buildkitd on a machine behind SSH. */
export const sshBuildkitd: Driver = {
  ...remote,
  format: ({ socket, ...endpoint }: SshSocketEndpoint) => `${formatSsh(endpoint)}${socket}`,
  baseName: hostName,
  sshTarget: (endpoint: SshSocketEndpoint) => endpoint,
  route: ({ socket }) => ['socket', socket],
  async open(endpoint: SshSocketEndpoint, request) {
    const began = performance.now()
    const tunnel = await openTunnel({ ...request, target: request.spec.ssh ?? endpoint, remote: endpoint.socket })
    const machine = fetchMachineInfo(tunnel)
    const socket = await findBuildkitd(tunnel, endpoint, request)
    const node = buildkitdNode(sshBuildkitd, request.spec, socket, began)
    return { ...node, ...(await ifSoon(machine)), lost: tunnel.lost }
  },
}

function formatSsh(endpoint: SshEndpoint): string {
  return `ssh://${describeTarget(endpoint)}`
}

function parseSsh(rest: string, reject: Reject): Endpoint | undefined {
  const [, server = '', path = ''] = /^([^/]*@[^/@]*|[^/@]*)(.*)$/s.exec(rest) ?? []
  const endpoint = parseServer(server, reject)
  if (!endpoint) return undefined
  if (path === '' || path === '/') return { kind: 'ssh', ...endpoint }
  const problem = socketProblem(path)
  if (problem === undefined) return { kind: 'ssh-buildkitd', ...endpoint, socket: path }
  reject(problem)
  return undefined
}

function socketProblem(path: string): string | undefined {
  if (path.endsWith('docker.sock'))
    return 'ends in the socket of a Docker Engine, which is found without the path: remove the path'
  return pathPattern.test(path) && !/(^|\/)\.\.(\/|$)/.test(path) ? undefined : invalidSocket
}

const invalidSocket =
  'ends in no usable path: write the absolute path of the socket, as in `ssh://ci@host/run/buildkit/buildkitd.sock`'

/** @returns the local socket that leads to the buildkitd */
async function findBuildkitd(tunnel: Tunnel, endpoint: SshSocketEndpoint, { journal }: OpenRequest): Promise<string> {
  const where = `${describeTarget(endpoint)}${endpoint.socket}`
  const { socket } = connectionPaths(tunnel.config)
  try {
    await probeBuildkitd(socket, where)
    return socket
  } catch (error) {
    // A server that forbids forwarding reports only that it could not open the channel.
    if (!isChannelRefused(tunnel.output())) throw error
    const forwarded = await connectThroughSessions(tunnel, { target: endpoint, remote: endpoint.socket }, journal)
    if (forwarded === undefined) throw error
    await probeBuildkitd(forwarded, where).catch((reason: unknown) => {
      throw lacksSessions(forwarded) ? new UserError(sessionLimit(describeTarget(endpoint))) : reason
    })
    return forwarded
  }
}

async function fetchMachineInfo(tunnel: Tunnel): Promise<MachineInfo | undefined> {
  const { code, stdout } = await execRemote(tunnel, machineInfoScript, 5000).catch(() => ({ code: 1, stdout: '' }))
  return code === 0 ? parseMachineInfo(stdout, Date.now()) : undefined
}

/** The shell answers while the engine does, so that the build need hardly wait for it; a slow shell is ignored. */
async function ifSoon(info: Promise<MachineInfo | undefined>): Promise<Pick<Node, 'machine'>> {
  const machine = await Promise.race([info, sleep(150).then(() => undefined)])
  return machine ? { machine } : {}
}
