import { request } from 'node:http'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import type { ExecResult } from './exec.ts'
import type { Fault, RequestLog } from './fault-proxy.ts'
import { logTails } from './farm.ts'
import { farmDir } from './paths.ts'
import { registryUser } from './registry.ts'
import { registryClient } from './registry-client.ts'
import type { RegistryClient } from './registry-client.ts'
import { fewSessionsPort, noForwardingPort, sshPort } from './ssh.ts'
import { controlSocket, isRunning } from './state.ts'
import type { FarmState, NodeState } from './state.ts'
import { buildkitVersion } from './tools.ts'
import type { Tools } from './tools.ts'

export interface Container {
  id: string
  name: string
  image: string
  state: string
  labels: Record<string, string>
}

export interface Engine {
  /** A path on the host, for `DOCKER_HOST=unix://…` and assertions. */
  dockerSocket: string
  containers(): Promise<Container[]>
  volumes(): Promise<string[]>
  images(): Promise<string[]>
  /** Kills all processes at once and keeps the disk, as after a power cut. */
  kill(): Promise<void>
  /** Boots the machine again. */
  revive(): Promise<void>
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Takes the network link down, without resetting connections. The registries are unreachable too. */
  cut(): Promise<void>
  mend(): Promise<void>
  /** Fills the disk of engine and buildkitd, or frees it again. */
  fill(): Promise<void>
  unfill(): Promise<void>
  /** Removes all images, containers, volumes and caches and restarts the engine. Ends all connections. */
  wipe(): Promise<void>
  stopEngine(): Promise<void>
  startEngine(): Promise<void>
  /** Stops the engine's process: its socket accepts connections and does not respond. */
  freezeEngine(): Promise<void>
  thawEngine(): Promise<void>
  /** Runs a shell command as root on the machine. */
  exec(command: string): Promise<ExecResult>
  /** Reverts all faults; the disk stays. */
  heal(): Promise<void>
}

export interface LocalEngine extends Engine {
  dockerHost: string
}

export interface FarmNode extends Engine {
  name: string
  host: string
  port: number
  user: 'ci'
  endpoint: string
  /** The endpoint on the port whose sshd forbids forwarding. */
  noForwarding: { port: number; endpoint: string }
  /** As `noForwarding`, with two sessions at most. */
  fewSessions: { endpoint: string }
  /** Lines for all ports with the first host key of the machine. */
  knownHosts: string
  /** For ssh://…: the socket on the node. Exists after startBuildkitd(), or with the option `buildkitd`. */
  buildkitdSocket: string
  buildkitdEndpoint: string
  startBuildkitd(): Promise<void>
  sshConnections(): Promise<number>
  resetCounters(): Promise<void>
  /** Returns the known_hosts lines that are valid afterwards. */
  changeHostKey(): Promise<string>
  restoreHostKey(): Promise<string>
  addUser(user: { name: string; docker: boolean }): Promise<void>
  /** The round-trip time of SSH connections, also of open ones. */
  setDelay(rttMs: number): Promise<void>
}

export interface Registry extends RegistryClient {
  fault(fault: Fault): Promise<void>
  clearFaults(): Promise<void>
  /** The requests whose path contains `of`: a test that polls should not have all of them sent. */
  requests(of?: string): Promise<RequestLog[]>
  resetRequests(): Promise<void>
  /** Deletes everything except the farm's images. */
  wipe(): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
}

export interface Farm {
  id: number
  dir: string
  tools: Tools
  registry: Registry
  privateRegistry: Registry & { username: string; password: string }
  privateKey: string
  privateKeyFile: string
  /** A key that no node accepts. */
  otherKey: string
  nodes: { amd: FarmNode; arm: FarmNode; [name: string]: FarmNode }
  local: LocalEngine
  images: { buildkit: string; base: string; privateBase: string }
  /** The valid known_hosts lines of all nodes. */
  knownHosts: string
  logs(lines?: number): string
  stop(): Promise<void>
}

export function clientFor(state: FarmState, tools: Tools, gone?: () => Promise<void>): Farm {
  const { id, ports, nodes = [] } = state
  if (!ports) throw new Error('this farm is not ready')
  const dir = farmDir(id)
  const key = (name: string): string => readFileSync(join(dir, 'keys', name), 'utf8')
  const call = async <T>(to: { node?: string; registry?: string }, method: string, ...args: unknown[]): Promise<T> =>
    await send<T>(controlSocket(id), { ...to, method, args })

  const engine = (name: string): Engine => {
    const dockerSocket = join(dir, name, 'share/docker.sock')
    const simple = (method: string) => async (): Promise<void> => await call({ node: name }, method)
    return {
      dockerSocket,
      containers: async () => {
        const list = await getFromEngine<
          { Id: string; Names: string[]; Image: string; State: string; Labels: Record<string, string> }[]
        >(dockerSocket, '/containers/json?all=1')
        return list.map((c) => ({
          id: c.Id,
          name: (c.Names[0] ?? '').replace('/', ''),
          image: c.Image,
          state: c.State,
          labels: c.Labels,
        }))
      },
      volumes: async () =>
        ((await getFromEngine<{ Volumes: { Name: string }[] | null }>(dockerSocket, '/volumes')).Volumes ?? []).map(
          (v) => v.Name,
        ),
      images: async () =>
        (await getFromEngine<{ RepoTags: string[] | null }[]>(dockerSocket, '/images/json')).flatMap(
          (i) => i.RepoTags ?? [],
        ),
      kill: simple('kill'),
      revive: simple('revive'),
      freeze: simple('freeze'),
      thaw: simple('thaw'),
      cut: simple('cut'),
      mend: simple('mend'),
      fill: simple('fill'),
      unfill: simple('unfill'),
      wipe: simple('wipe'),
      stopEngine: simple('stopEngine'),
      startEngine: simple('startEngine'),
      freezeEngine: simple('freezeEngine'),
      thawEngine: simple('thawEngine'),
      heal: simple('heal'),
      exec: async (command) => await call({ node: name }, 'exec', command),
    }
  }
  const node = ({ name, address, knownHosts }: NodeState): FarmNode => ({
    ...engine(name),
    name,
    host: address,
    port: sshPort,
    user: 'ci',
    endpoint: `ssh://ci@${address}`,
    knownHosts,
    noForwarding: { port: noForwardingPort, endpoint: `ssh://ci@${address}:${noForwardingPort}` },
    fewSessions: { endpoint: `ssh://ci@${address}:${fewSessionsPort}` },
    buildkitdSocket: '/run/buildkit/buildkitd.sock',
    buildkitdEndpoint: `ssh://ci@${address}/run/buildkit/buildkitd.sock`,
    startBuildkitd: async () => await call({ node: name }, 'startBuildkitd'),
    sshConnections: async () => await call({ node: name }, 'sshConnections'),
    resetCounters: async () => await call({ node: name }, 'resetCounters'),
    changeHostKey: async () => await call({ node: name }, 'changeHostKey'),
    restoreHostKey: async () => await call({ node: name }, 'restoreHostKey'),
    addUser: async (user) => await call({ node: name }, 'addUser', user),
    setDelay: async (rttMs) => await call({ node: name }, 'setDelay', rttMs),
  })
  const registry = (name: 'main' | 'private'): Registry => {
    const simple = (method: string) => async (): Promise<void> => await call({ registry: name }, method)
    return {
      ...registryClient(`127.0.0.1:${ports[name]}`, name === 'private' ? registryUser : undefined),
      fault: async (fault) => await call({ registry: name }, 'fault', fault),
      requests: async (of = '') => await call({ registry: name }, 'requests', of),
      clearFaults: simple('clearFaults'),
      resetRequests: simple('resetRequests'),
      wipe: simple('wipe'),
      stop: simple('stop'),
      start: simple('start'),
    }
  }
  const all = Object.fromEntries(nodes.filter((n) => n.name !== 'local').map((n) => [n.name, node(n)]))
  const { amd, arm } = all as { amd?: FarmNode; arm?: FarmNode }
  if (!amd || !arm) throw new Error('this farm lacks its first two nodes')
  const main = registry('main')
  const guarded = registry('private')
  const local = engine('local')
  return {
    id,
    dir,
    tools,
    registry: main,
    privateRegistry: { ...guarded, ...registryUser },
    privateKey: key('ci'),
    privateKeyFile: join(dir, 'keys/ci'),
    otherKey: key('other'),
    nodes: { ...all, amd, arm },
    local: { ...local, dockerHost: `unix://${local.dockerSocket}` },
    images: {
      buildkit: `${main.host}/farm/buildkit:${buildkitVersion}`,
      base: `${main.host}/farm/base:latest`,
      privateBase: `${guarded.host}/farm/base:latest`,
    },
    knownHosts: Object.values(all)
      .map((n) => n.knownHosts)
      .join(''),
    logs: (lines) => logTails(id, lines),
    stop: async () => {
      await send(controlSocket(id), { method: 'shutdown', args: [] })
      if (gone) await gone()
      while (isRunning(state)) await sleep(20)
    },
  }
}

async function send<T>(socketPath: string, order: object): Promise<T> {
  const { result, error } = await new Promise<{ result: T; error?: string }>((resolve, reject) => {
    const req = request({ socketPath, method: 'POST', path: '/', agent: false }, (res) => {
      text(res)
        .then((body) => resolve(JSON.parse(body) as { result: T; error?: string }))
        .catch(reject)
    })
    req.once('error', (cause) => reject(new Error('the farm does not answer; is it still up?', { cause })))
    req.end(JSON.stringify(order))
  })
  if (error) throw new Error(`farm: ${error}`)
  return result
}

async function getFromEngine<T>(socketPath: string, path: string): Promise<T> {
  return await new Promise((resolve, reject) => {
    const req = request({ socketPath, path, headers: { host: 'docker' }, agent: false, timeout: 10_000 }, (res) => {
      text(res)
        .then((body) => {
          if (res.statusCode === 200) resolve(JSON.parse(body) as T)
          else reject(new Error(`the engine answered ${path} with ${res.statusCode}: ${body}`))
        })
        .catch(reject)
    })
    req.once('timeout', () => req.destroy(new Error(`the engine at ${socketPath} does not answer`)))
    req.once('error', reject)
    req.end()
  })
}
