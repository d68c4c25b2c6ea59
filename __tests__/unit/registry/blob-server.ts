import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { answer, sha256, withServer } from './server.ts'

/** A registry that stores blobs, and that loses connections when a test says so. */
export interface BlobServer {
  readonly host: string
  /** `METHOD path range`, in order. */
  readonly seen: string[]
  readonly blobs: Map<string, Buffer>
  /** Bytes that each upload has received. */
  readonly uploads: Map<string, Buffer>
  /** For each download or upload in turn: the number of bytes after which its connection is lost. */
  readonly cuts: number[]
  /** Whether it understands `Range`, and continues uploads. */
  resumes: boolean
  /** Whether it mounts blobs. */
  mounts: 'yes' | 'no' | 'denied'
}

export async function withBlobServer(use: (server: BlobServer) => Promise<void>): Promise<void> {
  const server = {
    host: '',
    seen: [] as string[],
    blobs: new Map<string, Buffer>(),
    uploads: new Map<string, Buffer>(),
    cuts: [] as number[],
    resumes: true,
    mounts: 'no' as BlobServer['mounts'],
  }
  await withServer(
    (request, response) => handle(server, request, response),
    async (host) => {
      server.host = host
      await use(server)
    },
  )
}

async function handle(server: BlobServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '', headers } = request
  const { pathname, searchParams } = new URL(url, 'http://server')
  const range = headers.range ?? headers['content-range'] ?? ''
  if (pathname !== '/v2/') server.seen.push(`${method} ${url} ${range}`.trim())
  const [, upload] = /\/blobs\/uploads\/(.+)$/.exec(pathname) ?? []
  if (pathname.endsWith('/uploads/')) startUpload(server, searchParams, response)
  else if (upload !== undefined)
    await receive(server, { upload, digest: searchParams.get('digest') }, request, response)
  else if (pathname === '/v2/') answer(response, 200)
  else sendBlob(server, pathname.split('/').at(-1) ?? '', request, response)
}

function sendBlob(server: BlobServer, digest: string, request: IncomingMessage, response: ServerResponse) {
  const blob = server.blobs.get(digest)
  if (!blob || request.method === 'HEAD') return answer(response, blob ? 200 : 404)
  const start = server.resumes ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0
  const content = blob.subarray(start)
  const range = `bytes ${start}-${blob.length - 1}/${blob.length}`
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': content.length,
    ...(start > 0 && { 'content-range': range }),
  })
  const cut = server.cuts.shift() ?? Infinity
  response.write(content.subarray(0, cut))
  if (cut < content.length) setTimeout(() => response.destroy(), 20)
  else response.end(content.subarray(cut))
  return true
}

function startUpload(server: BlobServer, query: URLSearchParams, response: ServerResponse): void {
  if (query.has('mount') && server.mounts !== 'no') {
    answer(response, server.mounts === 'yes' ? 201 : 403)
    return
  }
  const name = `u${server.uploads.size}`
  server.uploads.set(name, Buffer.alloc(0))
  answer(response, 202, { location: `/v2/acme/app/blobs/uploads/${name}?state=1` })
}

interface Upload {
  readonly upload: string
  readonly digest: string | null
}

async function receive(
  server: BlobServer,
  { upload, digest }: Upload,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const stored = server.uploads.get(upload)
  const location = `/v2/acme/app/blobs/uploads/${upload}?state=2`
  // A client that gives up is not an error of this server.
  request.on('error', () => undefined)
  const isUnknown = !stored || (request.method === 'GET' && !server.resumes)
  if (isUnknown) return void answer(response, 404)
  if (request.method === 'GET') return void answer(response, 204, { location, range: `0-${stored.length - 1}` })
  const cut = (request.headers['content-length'] ?? '0') === '0' ? Infinity : (server.cuts.shift() ?? Infinity)
  const received = await readUntil(request, cut)
  server.uploads.set(upload, Buffer.concat([stored, received]))
  if (received.length === cut) return void request.socket.destroy()
  if (request.method === 'PATCH') return void answer(response, 202, { location })
  const content = server.uploads.get(upload) ?? stored
  if (sha256(content) !== digest) return void answer(response, 400)
  server.blobs.set(digest, content)
  answer(response, 201)
}

async function readUntil(request: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    if (size >= most) return
    chunks.push(chunk.subarray(0, most - size))
    size += chunk.length
    if (size >= most) request.emit('enough')
  })
  await Promise.race(['end', 'enough', 'close'].map((name) => once(request, name))).catch(() => undefined)
  return Buffer.concat(chunks)
}
