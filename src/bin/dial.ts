import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createConnection, type Socket } from 'node:net'
import { Duplex, Transform, type TransformCallback } from 'node:stream'
import { connectBuildkitd } from '../nodes/drivers/tcp.ts'
import { attached, EngineClient } from '../nodes/engine/client.ts'

/**
 * Opens a connection to a BuildKit, by the arguments of a `BuildkitRoute`:
 *
 *   container <engine> <container>                           in a container, at an engine's socket
 *   socket <path>                                            at a socket of this machine
 *   tls <host> <port> <servername> <cacert> <cert> <key>     with mutual TLS, by PEM files
 */
export async function dialBuildkit([kind = '', ...args]: readonly string[]): Promise<Duplex> {
  if (kind === 'tls') return await dialTls(args)
  const [socket = '', container = ''] = args
  return kind === 'container' ? await dialContainer(socket, container) : createConnection(socket)
}

async function dialTls([host = '', port = '', servername = '', ...paths]: readonly string[]): Promise<Duplex> {
  const [cacert = '', cert = '', key = ''] = paths.map((path) => readFileSync(path, 'utf8'))
  return await connectBuildkitd({ kind: 'tcp', host, port: Number(port) }, { cacert, cert, key }, servername)
}

/** As buildx's driver does it: https://github.com/docker/buildx/blob/v0.38.2/driver/docker-container/driver.go */
async function dialContainer(engine: string, container: string): Promise<Duplex> {
  const id = await new EngineClient(engine).createExec(container, ['buildctl', 'dial-stdio'], true)
  const stream = await upgradeRequest(engine, `/exec/${id}/start`, { protocol: 'tcp', body: JSON.stringify(attached) })
  const output = stream.pipe(new StandardOutput())
  stream.on('error', (error) => output.destroy(error))
  return Duplex.from({ readable: output, writable: stream })
}

/**
 * Sends a POST request to an engine whose connection becomes a raw stream.
 *
 * @throws Error if the engine answers otherwise
 */
export function upgradeRequest(
  socketPath: string,
  path: string,
  { protocol, body = '' }: { readonly protocol: string; readonly body?: string },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const headers = { Host: 'docker', Connection: 'Upgrade', Upgrade: protocol, 'Content-Type': 'application/json' }
    const sent = request({ socketPath, method: 'POST', path, agent: false, headers })
    sent.on('upgrade', (_, stream, head) => {
      if (head.length > 0) stream.unshift(head)
      resolve(stream)
    })
    sent.on('response', ({ statusCode = 0 }) => reject(new Error(`HTTP ${statusCode}`)))
    sent.on('error', reject)
    sent.end(body)
  })
}

const headerLength = 8
const standardOutput = 1

/**
 * The standard output of a command in a container, whose streams come in frames of `[stream, 0, 0, 0, length]`:
 * https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Container/operation/ContainerAttach
 */
export class StandardOutput extends Transform {
  #header = Buffer.alloc(0)
  #left = 0

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    for (let rest = chunk; rest.length > 0;) rest = this.#left > 0 ? this.#readContent(rest) : this.#readHeader(rest)
    done()
  }

  #readContent(chunk: Buffer): Buffer {
    const content = chunk.subarray(0, this.#left)
    this.#left -= content.length
    if (this.#header[0] === standardOutput) this.push(content)
    if (this.#left === 0) this.#header = Buffer.alloc(0)
    return chunk.subarray(content.length)
  }

  #readHeader(chunk: Buffer): Buffer {
    const missing = headerLength - this.#header.length
    this.#header = Buffer.concat([this.#header, chunk.subarray(0, missing)])
    if (this.#header.length === headerLength) {
      this.#left = this.#header.readUInt32BE(4)
      if (this.#left === 0) this.#header = Buffer.alloc(0)
    }
    return chunk.subarray(missing)
  }
}
