import { request } from 'node:http'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { sleep } from '../../lib/time.ts'
import { askListening } from '../../lib/wait.ts'

/** What a Docker Engine says of itself. */
export interface EngineInfo {
  readonly version: string
  /** `linux/amd64`, as the daemon was built for. */
  readonly os: string
  readonly arch: string
  readonly cpus: number
  /**
   * Whether it keeps images as containerd does: only then its own BuildKit can push indexes and keep caches elsewhere.
   */
  readonly containerd: boolean
  /** Where it keeps its data. */
  readonly root: string
  /** Milliseconds its clock is ahead of ours; negative, behind. */
  readonly ahead?: number
}

export class EngineError extends Error {
  /** HTTP status, or 0 where nothing answered. */
  readonly status: number

  constructor(status: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'EngineError'
    this.status = status
  }
}

/**
 * Asks the engine behind a Unix socket; GET /info answers with what GET /version holds too, but for the architecture's
 * name.
 */
export async function askEngine(socket: string, deadline = 10_000): Promise<EngineInfo> {
  const [version, info] = (
    await Promise.all([callEngine(socket, 'GET', '/version', deadline), callEngine(socket, 'GET', '/info', deadline)])
  ).map(asRecord)
  const clock = Date.parse(asText(info?.['SystemTime']))
  return {
    version: asText(version?.['Version']),
    os: asText(version?.['Os']),
    arch: asText(version?.['Arch']),
    cpus: asNumber(info?.['NCPU']),
    containerd: JSON.stringify(info?.['DriverStatus'] ?? []).includes('io.containerd.snapshotter.v1'),
    root: asText(info?.['DockerRootDir']),
    ...(!Number.isNaN(clock) && { ahead: clock - Date.now() }),
  }
}

/** Rejects unless the engine answers in time. */
export async function pingEngine(socket: string, deadline: number): Promise<void> {
  await callEngine(socket, 'GET', '/_ping', deadline)
}

/**
 * Rejects unless the buildkitd in a container of the engine answers in time; where there is no such container, or it
 * does not run (yet), nobody is silent. A paused one is.
 */
export async function pingDaemon(socket: string, container: string, deadline: number): Promise<void> {
  try {
    const made = asRecord(
      await callEngine(socket, 'POST', `/containers/${encodeURIComponent(container)}/exec`, deadline, {
        Cmd: ['buildctl', 'debug', 'workers'],
        AttachStdout: true,
        AttachStderr: true,
      }),
    )
    // Answers when the command has ended, however: a daemon that is just starting refuses at once.
    await callEngine(socket, 'POST', `/exec/${asText(made['Id'])}/start`, deadline, { Detach: false, Tty: false })
  } catch (error) {
    if (!(error instanceof EngineError) || error.status === 0 || /\bpaused\b/.test(error.message)) throw error
  }
}

/** Removes a container and its volume, running or not; both gone already is success. */
export async function removeContainer(
  socket: string,
  container: string,
  volume: string,
  deadline: number,
): Promise<void> {
  await dropContainer(socket, container, deadline)
  await dropVolume(socket, volume, deadline)
}

/** Running or not; gone already is success, and whoever removes it already is waited for. @throws EngineError */
export async function dropContainer(socket: string, container: string, deadline: number): Promise<void> {
  const until = performance.now() + deadline
  for (;;) {
    try {
      await drop(socket, `/containers/${encodeURIComponent(container)}?force=1&v=1`, deadline)
      return
    } catch (error) {
      const busy = error instanceof EngineError && error.status === 409 && /already in progress/i.test(error.message)
      if (!busy || performance.now() > until) throw error
      await sleep(50)
    }
  }
}

/** Gone already is success. @throws EngineError */
export async function dropVolume(socket: string, volume: string, deadline: number): Promise<void> {
  await drop(socket, `/volumes/${encodeURIComponent(volume)}?force=1`, deadline)
}

async function drop(socket: string, path: string, deadline: number): Promise<void> {
  try {
    await callEngine(socket, 'DELETE', path, deadline)
  } catch (error) {
    if (!(error instanceof EngineError && error.status === 404)) throw error
  }
}

/** One request to the engine's API; `body` is sent as JSON. @throws EngineError */
export async function callEngine(
  socketPath: string,
  method: string,
  path: string,
  deadline: number,
  body?: unknown,
): Promise<unknown> {
  return await askListening(() => call(socketPath, method, path, deadline, body))
}

function call(socketPath: string, method: string, path: string, deadline: number, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(new EngineError(0, `no answer at ${socketPath}: ${cause.message}`, cause))
    const asked = request(
      {
        socketPath,
        method,
        path,
        headers: { Host: 'docker', ...(body !== undefined && { 'Content-Type': 'application/json' }) },
        signal: AbortSignal.timeout(deadline),
      },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', fail)
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          const status = answer.statusCode ?? 0
          if (status < 400) resolve(tryParseJson(text))
          else reject(new EngineError(status, asText(asRecord(tryParseJson(text))['message']) || `HTTP ${status}`))
        })
      },
    )
    asked.on('error', fail)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function asNumber(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
