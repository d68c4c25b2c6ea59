import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net'
import type { RawInit, RawResponse } from './http.ts'
import { lookupPublic } from './local-address.ts'

/** Bytes that are read at once. */
const readSize = 128 * 1024
/** Bytes of a chunk that is returned. */
const chunkSize = 512 * 1024
/** A chunk is valid until so many later ones are requested. */
export const validChunks = 3
/** A stream may keep what is shorter after its `write` returned true: its high-water mark, from Node 22 on. */
const keptSize = 64 * 1024
const maxHeaders = 64 * 1024

/**
 * Sends a GET over a connection of its own and reads the response into the same buffers over and over: a chunk is valid
 * until `validChunks` later ones are requested. Node's own clients allocate memory for every 16 or 64 KiB, which takes
 * most of the time of a copy between registries.
 *
 * @returns undefined if the response is not of the simple form that this reads; another client must send the request
 */
export async function download(
  url: URL,
  { headers, signal, isForeign }: RawInit,
  tls: object | undefined,
): Promise<RawResponse | undefined> {
  signal.throwIfAborted()
  const buffer = new ReadBuffer()
  const onread: OnRead = {
    buffer: () => buffer.place(),
    callback: (count, place) => buffer.add(count, place),
  }
  const socket = await connect(url, tls, { onread, ...(isForeign === true && { lookup: lookupPublic }) })
  const cancel = () => socket.destroy(signal.reason as Error)
  signal.addEventListener('abort', cancel, { once: true })
  const end = () => {
    signal.removeEventListener('abort', cancel)
    socket.destroy()
  }
  buffer.read(socket)
  try {
    socket.write(requestText(url, headers))
    const response = parseHead(await readHead(buffer))
    if (response) return { ...response, body: contentOf(buffer, response, end) }
    end()
    return undefined
  } catch (error) {
    end()
    throw error
  }
}

interface OnRead {
  readonly buffer: () => Uint8Array
  readonly callback: (count: number, place: Uint8Array) => boolean
}

interface ConnectOptions {
  readonly onread: OnRead
  readonly lookup?: LookupFunction
}

async function connect(
  { protocol, hostname, port }: URL,
  tls: object | undefined,
  more: ConnectOptions,
): Promise<Socket> {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'http:') return connectPlain({ host, port: Number(port || 80), ...more })
  const { connect: connectSecure } = await import('node:tls')
  const name = isIP(host) === 0 ? { servername: host } : {}
  const options = { host, port: Number(port || 443), ALPNProtocols: ['http/1.1'], ...name, ...tls, ...more }
  return connectSecure(options)
}

function requestText({ host, pathname, search }: URL, headers: RawInit['headers']): string {
  const lines = Object.entries({ ...headers, host, connection: 'close' }).map(([name, value]) => `${name}: ${value}`)
  if (lines.some((line) => /[^\t\x20-\x7e]/.test(line))) throw new TypeError('a header of the request is not valid')
  return `GET ${pathname}${search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

/** What a socket receives, up to the size of a chunk; reading pauses when that is there. */
class ReadBuffer {
  #filling = allocateChunk()
  /** What is filled next, in turn: the chunks that are valid. */
  readonly #returned = Array.from({ length: validChunks }, allocateChunk)
  #filled = 0
  #socket: Socket | undefined
  #end: { readonly error?: unknown } | undefined
  #wake: (() => void) | undefined
  #soon: NodeJS.Immediate | undefined

  read(socket: Socket): void {
    this.#socket = socket
    const end = (error?: unknown) => {
      this.#end ??= { error }
      this.#wake?.()
    }
    socket.on('error', end).on('end', end).on('close', end)
  }

  /** Where the socket puts what it reads next. */
  place(): Buffer {
    return this.#filling.subarray(this.#filled, this.#filled + readSize)
  }

  add(count: number, place: Uint8Array): boolean {
    // A socket that was paused has a place behind the chunk that was taken since.
    if (place.buffer !== this.#filling.buffer) this.#filling.set(place.subarray(0, count), this.#filled)
    this.#filled += count
    const isFull = this.#filled + readSize > chunkSize
    if (isFull) this.#wake?.()
    // Few large chunks cost less than many small ones: what else has arrived by now is read first.
    else if (!this.#soon) this.#soon = setImmediate(this.#wakeNow)
    return !isFull
  }

  readonly #wakeNow = (): void => {
    this.#soon = undefined
    this.#wake?.()
  }

  /** All bytes that are there; none at the end. */
  async take(): Promise<Buffer> {
    while (this.#filled === 0 && !this.#end)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    this.#wake = undefined
    if (this.#filled === 0 && this.#end?.error instanceof Error) throw this.#end.error
    const taken = this.#filling.subarray(0, this.#filled)
    this.#returned.push(this.#filling)
    this.#filling = this.#returned.shift() ?? this.#filling
    this.#filled = 0
    this.#socket?.resume()
    return taken.length < keptSize ? Buffer.from(taken) : taken
  }
}

/** With a place for what is read at once. */
const allocateChunk = () => Buffer.allocUnsafeSlow(chunkSize + readSize)

interface Head {
  readonly text: string
  /** The beginning of the body. */
  readonly rest: Buffer
}

async function readHead(buffer: ReadBuffer): Promise<Head | undefined> {
  let bytes = Buffer.alloc(0)
  while (bytes.length < maxHeaders) {
    const chunk = await buffer.take()
    if (chunk.length === 0) return undefined
    bytes = Buffer.concat([bytes, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    if (end >= 0) return { text: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 4) }
  }
  return undefined
}

interface Response extends Pick<RawResponse, 'status' | 'headers'> {
  readonly rest: Buffer
  /** Bytes of the body. */
  readonly length: number
}

function parseHead(head: Head | undefined): Response | undefined {
  const [first = '', ...lines] = head?.text.split('\r\n') ?? []
  const status = /^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/.exec(first)?.[1]
  const headers = parseHeaders(lines)
  const length = headers.get('content-length') ?? ''
  const isSimple = !headers.has('') && !headers.has('transfer-encoding') && /^\d{1,15}$/.test(length)
  if (!head || status === undefined || !isSimple) return undefined
  const get = (name: string) => headers.get(name) ?? null
  return { status: Number(status), headers: { get }, rest: head.rest, length: Number(length) }
}

/** What is not a valid header has the name ''. */
function parseHeaders(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, name = '', value = ''] = /^([!-9;-~]+):[\t ]*(.*?)[\t ]*$/.exec(line) ?? []
    const others = headers.get(name.toLowerCase())
    headers.set(name.toLowerCase(), others === undefined ? value : `${others}, ${value}`)
  }
  return headers
}

async function* contentOf(
  buffer: ReadBuffer,
  { rest, length }: Response,
  end: () => void,
): AsyncGenerator<Uint8Array, void> {
  try {
    let missing = length
    for (let chunk = rest; missing > 0; chunk = await buffer.take()) {
      if (chunk.length === 0 && chunk !== rest) throw cutError()
      const part = chunk.subarray(0, missing)
      missing -= part.length
      if (part.length > 0) yield part
    }
  } finally {
    end()
  }
}

function cutError(): Error {
  return Object.assign(new Error('the connection ended within the response'), { code: 'ECONNRESET' })
}
