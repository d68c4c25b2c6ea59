import { request, type IncomingMessage } from 'node:http'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import type { NodeSpec } from '../node-spec.ts'
import { EngineClient, EngineError, readText, type ContainerMode } from './client.ts'
import { createArchive } from './tar.ts'

/** Of a daemon (https://github.com/docker/buildx/blob/v0.38.2/driver/bkimage/bkimage.go). */
const defaultImage = 'moby/buildkit:buildx-stable-1'

/** The image of a node's daemon. */
export function daemonImage({ driverOpts }: Pick<NodeSpec, 'driverOpts'>): string {
  return driverOpts['image'] ?? defaultImage
}

/** The container of a buildkitd, as buildx creates it. */
export interface DaemonContainer {
  readonly name: string
  /** With tag or digest. */
  readonly image: string
  readonly command: readonly string[]
  readonly env: readonly string[]
  /** Empty for the engine's default. */
  readonly network: string
  /** The volume with its state. */
  readonly volume: string
  /** Path below /etc/buildkit → content. */
  readonly files: ReadonlyMap<string, Buffer>
  readonly mode: ContainerMode
}

interface Engine {
  readonly socketPath: string
  readonly signal: AbortSignal
  readonly patience?: number
}

/** Milliseconds in which the engine sends something. */
const patience = 15_000
/** The same while it pulls an image. */
const pullPatience = 60_000
/** Milliseconds until a daemon listens: one that QEMU runs takes long. */
const startDeadline = 60_000

/** Bytes of the log of a daemon that is starting. */
const longestLog = 1024 * 1024

/**
 * Creates and starts the container of a buildkitd as buildx does (driver/docker-container), and waits until its log
 * shows that it listens. buildx runs a command in the container for that, and pauses between its attempts.
 *
 * Asks for a newer image of the tag first, as buildx does; if the engine cannot pull it, its own is used.
 *
 * @returns whether it listens; if not, there is no container, and buildx can create it
 */
export async function startDaemon(socket: string, daemon: DaemonContainer, signal: AbortSignal): Promise<boolean> {
  const engine = { socketPath: socket, signal }
  const { image, name } = daemon
  const archive = createArchive(new Map([...daemon.files].map(([path, content]) => [`buildkit/${path}`, content])))
  if (!archive) return false
  await pull(engine, image).catch(() => undefined)
  const hasGpu = detectGpu(engine, image)
  try {
    await send(engine, 'POST', `/containers/create?name=${encodeURIComponent(name)}`, creation(daemon))
  } catch (error) {
    await hasGpu
    throw error
  }
  const started = start(engine, daemon, archive).catch(() => false)
  // buildx gives such a container access to the GPUs.
  const [listens, isDifferent] = await Promise.all([started, hasGpu])
  if (listens && !isDifferent) return true
  if (!signal.aborted) await new EngineClient(socket).removeContainer(name)
  return false
}

async function start(engine: Engine, { name, files }: DaemonContainer, archive: Buffer): Promise<boolean> {
  const path = `/containers/${encodeURIComponent(name)}`
  if (files.size > 0) await send(engine, 'PUT', `${path}/archive?path=%2Fetc&noOverwriteDirNonDir=true`, archive)
  await send(engine, 'POST', `${path}/start`)
  const log = await open({ ...engine, patience: startDeadline }, 'GET', `${path}/logs?follow=1&stdout=1&stderr=1`)
  const late = setTimeout(() => log.destroy(), startDeadline)
  return await listens(log).finally(() => clearTimeout(late))
}

/** Whether the log of a buildkitd says that it listens (moby/buildkit, cmd/buildkitd/main.go). */
async function listens(log: IncomingMessage): Promise<boolean> {
  let text = ''
  for await (const chunk of log.setEncoding('latin1') as AsyncIterable<string>) {
    text += chunk
    if (text.includes('running server on ')) return true
    if (text.length > longestLog) return false
  }
  return false
}

/** https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate */
function creation({ image, command, env, network, volume, mode }: DaemonContainer): object {
  return {
    Image: image,
    Cmd: command,
    Env: env,
    HostConfig: {
      Privileged: true,
      // Removes processes that steps have left.
      Init: true,
      RestartPolicy: { Name: 'unless-stopped' },
      Mounts: [{ Type: 'volume', Source: volume, Target: '/var/lib/buildkit' }],
      ...(network !== '' && { NetworkMode: network }),
      ...(mode.cgroupfs && { CgroupParent: '/docker/buildx' }),
      ...(mode.userns && { UsernsMode: 'host' }),
    },
  }
}

/** Resolves when the engine has the newest image of a tag, or the image with a digest. */
async function pull(engine: Engine, image: string): Promise<void> {
  const [, name = '', tag, digest] = /^(.*?)(?::([^:/@]+))?(?:@(.+))?$/.exec(image) ?? []
  if (digest !== undefined && (await new EngineClient(engine.socketPath).hasImage(image))) return
  const query = `fromImage=${encodeURIComponent(name)}&tag=${digest ?? tag ?? 'latest'}`
  await send({ ...engine, patience: pullPatience }, 'POST', `/images/create?${query}`)
}

/** Whether containers of the engine can have its GPUs. No API reports it; the container does not start without any. */
async function detectGpu(engine: Engine, image: string): Promise<boolean> {
  let id = ''
  try {
    const probe = {
      Image: image,
      Entrypoint: ['/bin/true'],
      HostConfig: {
        NetworkMode: 'none',
        AutoRemove: true,
        DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }],
      },
    }
    id = asText(asRecord(await send(engine, 'POST', '/containers/create', probe))['Id'])
    await send(engine, 'POST', `/containers/${id}/start`)
    return true
  } catch {
    if (id !== '' && !engine.signal.aborted)
      await new EngineClient(engine.socketPath).removeContainer(id).catch(() => undefined)
    return false
  }
}

/** Sends a request, with a body of JSON or an archive, and reads the answer. @throws EngineError */
async function send(engine: Engine, method: string, path: string, body?: object): Promise<unknown> {
  return tryParseJson(await readText(await open(engine, method, path, body)))
}

/** Sends a request. Resolves when the answer begins. @throws EngineError */
async function open(engine: Engine, method: string, path: string, body?: object): Promise<IncomingMessage> {
  const { socketPath, signal, patience: timeout = patience } = engine
  const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json'
  const headers = { Host: 'docker', ...(body && { 'Content-Type': type }) }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers, signal }, resolve)
    sent.setTimeout(timeout, () => sent.destroy(new Error(`no answer within ${timeout / 1000} s`)))
    sent.on('error', reject)
    sent.end(Buffer.isBuffer(body) || !body ? body : JSON.stringify(body))
  })
  const { statusCode = 0 } = response
  if (statusCode < 400) return response
  throw new EngineError(statusCode, asText(asRecord(tryParseJson(await readText(response)))['message']))
}
