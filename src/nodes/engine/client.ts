import { request, type IncomingMessage } from 'node:http'
import { errorMessage, isNotFound } from '../../lib/errors.ts'
import { asList, asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { retryOnRefused, sleep } from '../../lib/time.ts'

/** What a Docker Engine reports about itself. */
export interface EngineInfo {
  readonly version: string
  /** `linux`, as the daemon was built for. */
  readonly os: string
  readonly arch: string
  readonly cpus: number
  /** Whether it uses the containerd image store: only then its built-in BuildKit can push indexes and export caches. */
  readonly containerd: boolean
  /** Its data directory. */
  readonly root: string
  /** Milliseconds by which its clock is ahead of this machine's; negative if it is behind. */
  readonly ahead?: number
}

interface Volume {
  readonly name: string
  /** As the engine writes it, in whole seconds. */
  readonly createdAt: string
  readonly labels: Readonly<Record<string, unknown>>
}

export interface Container {
  readonly id: string
  /** As the engine writes them, with a leading slash. */
  readonly names: readonly string[]
  /** Milliseconds since the epoch by the engine's clock; NaN if it does not say. */
  readonly createdAt: number
  /** The summary as the engine sent it. */
  readonly summary: Readonly<Record<string, unknown>>
}

/** How a command in a container is started: the request carries its input and output. */
export const attached = { Detach: false, Tty: false }

/** Milliseconds. */
const defaultDeadline = 15_000

/** A larger answer ends the request, so that a hostile engine cannot exhaust the run's memory. Bytes. */
const longestAnswer = 16 * 1024 * 1024

export class EngineError extends Error {
  /** HTTP status; 0 if the engine did not answer. */
  readonly status: number

  constructor(status: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'EngineError'
    this.status = status
  }
}

/**
 * A client of the Docker Engine API: https://docs.docker.com/reference/api/engine/. Every method throws an EngineError
 * if the engine refuses the request, or does not answer within the deadline.
 */
export class EngineClient {
  readonly #socket: string
  readonly #deadline: number

  /**
   * @param socket a Unix socket of this machine
   * @param deadline for each request, in milliseconds
   */
  constructor(socket: string, deadline = defaultDeadline) {
    this.#socket = socket
    this.#deadline = deadline
  }

  /** GET /info contains everything that GET /version does, except Go's name of the architecture. */
  async info(): Promise<EngineInfo> {
    const [version, info] = (await Promise.all([this.#get('/version'), this.#get('/info')])).map(asRecord)
    const clock = Date.parse(asText(info?.['SystemTime']))
    return {
      version: asText(version?.['Version']),
      os: asText(version?.['Os']),
      arch: asText(version?.['Arch']),
      cpus: typeof info?.['NCPU'] === 'number' ? info['NCPU'] : 0,
      containerd: JSON.stringify(info?.['DriverStatus'] ?? []).includes('io.containerd.snapshotter.v1'),
      root: asText(info?.['DockerRootDir']),
      ...(!Number.isNaN(clock) && { ahead: clock - Date.now() }),
    }
  }

  /** Milliseconds since the epoch by the engine's clock, in whole seconds; NaN if it does not say. */
  async time(): Promise<number> {
    // To answer a GET /info, the engine runs runc and docker-init.
    return Date.parse((await this.#exchange('GET', '/_ping')).date)
  }

  async ping(): Promise<void> {
    await this.#get('/_ping')
  }

  /**
   * Rejects unless the buildkitd in a container answers. A container that does not exist or does not run (yet) counts
   * as an answer; a paused one does not.
   */
  async pingBuildkitd(container: string): Promise<void> {
    try {
      const id = await this.createExec(container, ['buildctl', 'debug', 'workers'])
      // Answers when the command has ended, with any exit code: a daemon that is just starting refuses at once.
      await this.#send('POST', `/exec/${id}/start`, attached)
    } catch (error) {
      if (!(error instanceof EngineError) || error.status === 0 || /\bpaused\b/.test(error.message)) throw error
    }
  }

  /** Prepares a command in a running container, to be started with `/exec/<id>/start`. @returns its id */
  async createExec(container: string, command: readonly string[], input = false): Promise<string> {
    const request = { Cmd: command, AttachStdin: input, AttachStdout: true, AttachStderr: true }
    return asText(
      asRecord(await this.#send('POST', `/containers/${encodeURIComponent(container)}/exec`, request))['Id'],
    )
  }

  /** Containers in any state; `text`: only those with this text in their name. */
  async listContainers(text?: string): Promise<readonly Container[]> {
    const filters = text === undefined ? '' : `&filters=${nameFilter(text)}`
    return asList(await this.#get(`/containers/json?all=1${filters}`))
      .map(asRecord)
      .map((summary) => ({
        id: asText(summary['Id']),
        names: asList(summary['Names']).map(asText),
        createdAt: typeof summary['Created'] === 'number' ? summary['Created'] * 1000 : Number.NaN,
        summary,
      }))
  }

  /** The container as the engine describes it; undefined if it does not exist. */
  async inspectContainer(container: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const path = `/containers/${encodeURIComponent(container)}/json`
    return await unlessNotFound(async () => asRecord(await this.#get(path)))
  }

  /**
   * Removes a container with its anonymous volumes, running or not, and waits if it is being removed already. A
   * container that does not exist counts as removed. Resolves to whether this call removed it.
   */
  async removeContainer(container: string): Promise<boolean> {
    const until = performance.now() + this.#deadline
    for (;;) {
      try {
        return await this.#delete(`/containers/${encodeURIComponent(container)}?force=1&v=1`)
      } catch (error) {
        const busy = error instanceof EngineError && error.status === 409 && /already in progress/i.test(error.message)
        if (!busy || performance.now() > until) throw error
        await sleep(50)
      }
    }
  }

  /** Removes a container with its anonymous volumes, unless it was started. */
  async removeUnstartedContainer(container: string): Promise<void> {
    await this.#delete(`/containers/${encodeURIComponent(container)}?v=1`)
  }

  /** Removes a builder: its container and its state volume. Resolves to whether this call removed the container. */
  async removeBuilder(container: string, volume: string): Promise<boolean> {
    const removed = await this.removeContainer(container)
    await this.removeVolume(volume)
    return removed
  }

  /** Volumes whose name begins with `prefix`. */
  async listVolumes(prefix: string): Promise<readonly Volume[]> {
    // The engine's filter finds the text anywhere in a name.
    const found = asRecord(await this.#get(`/volumes?filters=${nameFilter(prefix)}`))
    return asList(found['Volumes'])
      .map(parseVolume)
      .filter(({ name }) => name.startsWith(prefix))
  }

  /** Undefined if it does not exist. */
  async inspectVolume(name: string): Promise<Volume | undefined> {
    return await unlessNotFound(async () => parseVolume(await this.#get(`/volumes/${encodeURIComponent(name)}`)))
  }

  /** Creates a volume. A volume of this name that exists already is returned with the labels that it has. */
  async createVolume(name: string, labels?: Readonly<Record<string, string>>): Promise<Volume> {
    return parseVolume(await this.#send('POST', '/volumes/create', { Name: name, ...(labels && { Labels: labels }) }))
  }

  /** A volume that does not exist counts as removed. */
  async removeVolume(name: string): Promise<void> {
    await this.#delete(`/volumes/${encodeURIComponent(name)}?force=1`)
  }

  /** Whether the engine has the image. */
  async hasImage(image: string): Promise<boolean> {
    return (await unlessNotFound(() => this.#get(`/images/${image}/json`))) !== undefined
  }

  /** The platforms of an image in its registry, to which the engine connects; it pulls nothing. */
  async inspectDistribution(image: string): Promise<readonly string[]> {
    return asList(asRecord(await this.#get(`/distribution/${image}/json`))['Platforms'])
      .map(asRecord)
      .map(({ os, architecture, variant }) => [os, architecture, variant].map(asText).filter(Boolean).join('/'))
  }

  async #get(path: string): Promise<unknown> {
    return await this.#send('GET', path)
  }

  /** Whether it existed. */
  async #delete(path: string): Promise<boolean> {
    return (await unlessNotFound(() => this.#exchange('DELETE', path))) !== undefined
  }

  /** Sends one request; `body` is sent as JSON. */
  async #send(method: string, path: string, body?: unknown): Promise<unknown> {
    return tryParseJson((await this.#exchange(method, path, body)).text)
  }

  async #exchange(method: string, path: string, body?: unknown): Promise<EngineResponse> {
    return await retryOnRefused(() => exchange({ socketPath: this.#socket, method, path }, this.#deadline, body))
  }
}

interface EngineRequest {
  readonly socketPath: string
  readonly method: string
  readonly path: string
}

interface EngineResponse {
  readonly status: number
  readonly text: string
  /** When it was sent, by the engine's clock. */
  readonly date: string
}

async function exchange(target: EngineRequest, deadline: number, body: unknown): Promise<EngineResponse> {
  const response = await send(target, deadline, body).catch((cause: unknown) => {
    throw new EngineError(0, `no answer at ${target.socketPath}: ${errorMessage(cause)}`, cause)
  })
  const { status, text } = response
  if (status < 400) return response
  throw new EngineError(status, asText(asRecord(tryParseJson(text))['message']) || `HTTP ${status}`)
}

function send(target: EngineRequest, deadline: number, body: unknown): Promise<EngineResponse> {
  return new Promise((resolve, reject) => {
    const headers = { Host: 'docker', ...(body !== undefined && { 'Content-Type': 'application/json' }) }
    const sent = request({ ...target, headers, signal: AbortSignal.timeout(deadline) }, (response) => {
      const {
        statusCode: status = 0,
        headers: { date = '' },
      } = response
      readText(response).then((text) => resolve({ status, text, date }), reject)
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > longestAnswer) throw new Error(`the answer is larger than ${longestAnswer / 1024 / 1024} MiB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseVolume(volume: unknown): Volume {
  const { Name, CreatedAt, Labels } = asRecord(volume)
  return { name: asText(Name), createdAt: asText(CreatedAt), labels: asRecord(Labels) }
}

function nameFilter(text: string): string {
  return encodeURIComponent(JSON.stringify({ name: [text] }))
}

async function unlessNotFound<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action()
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
