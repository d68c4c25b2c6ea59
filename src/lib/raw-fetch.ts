import {
  Agent,
  request as requestPlain,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { download, validChunks } from './download.ts'
import { createSystemTrust, loadDispatch, tlsOptions } from './http.ts'
import type { HostAccess, RawFetch, RawInit, RawResponse } from './http.ts'
import type { Env } from './lists.ts'
import { lookupPublic, refuseLocalUrl } from './local-address.ts'
import { proxyFor } from './proxy.ts'

/**
 * Creates a `RawFetch` that reaches servers as `createFetch` does.
 *
 * @param authority a host of `hosts` whose `ca` also counts for hosts that are not listed: its token server, storage
 */
export function createRawFetch(env: Env, hosts: Readonly<Record<string, HostAccess>> = {}, authority = ''): RawFetch {
  const clients = new Map<string, Promise<RawFetch>>()
  const clientFor = (tls: Omit<HostAccess, 'http'>): Promise<RawFetch> => {
    const key = JSON.stringify(tls)
    const client = clients.get(key) ?? createClient(env, tls)
    clients.set(key, client)
    return client
  }
  const usual = { ca: hosts[authority]?.ca ?? '', http: false, insecure: false }
  const trust = createSystemTrust(env)
  return async (address, init) => {
    const url = new URL(address)
    const listed = hosts[url.host] ?? hosts[`${url.host}:443`]
    const { ca, http, insecure } = listed ?? usual
    if (http) url.protocol = 'http:'
    const isForeign = init.isForeign === true && !listed
    if (isForeign) refuseLocalUrl(url)
    const send = async (authorities: string) => {
      const client = await clientFor({ ca: authorities, insecure })
      return await client(url.href, { ...init, isForeign })
    }
    return await (ca === '' ? trust(send) : send(ca))
  }
}

async function createClient(env: Env, access: Omit<HostAccess, 'http'>): Promise<RawFetch> {
  const tls = access.ca === '' && !access.insecure ? undefined : await tlsOptions(access)
  const direct = createDirect(tls)
  let proxied: Promise<RawFetch> | undefined
  return async (url, init) => {
    if (proxyFor(new URL(url), env) === undefined) return await direct(url, init)
    return await (
      await (proxied ??= loadProxied(env, tls))
    )(url, init)
  }
}

/** Loads undici for jobs with a proxy. */
async function loadProxied(env: Env, tls: object | undefined): Promise<RawFetch> {
  const { request } = await import('undici')
  const dispatch = await loadDispatch(env, tls)
  return async (url, { body, method, headers: given, signal }) => {
    const init = { method, headers: given, signal, ...(body !== undefined && { body }) }
    // Its types name a class; it uses `dispatch` alone, and reads any iterable.
    const options = { ...init, dispatcher: { dispatch } } as object
    const { statusCode, headers, body: content } = await request(url, options)
    return { status: statusCode, headers: headersOf(headers), body: content }
  }
}

/** Milliseconds that an idle connection is kept: servers close theirs after five seconds and more. */
const keepAlive = 4000
/** To one server at the same time, more than blobs are transferred at a time: further ones cost more than they save. */
const maxSockets = 10

type Send = (url: string, options: RequestOptions) => ClientRequest

function createDirect(tls: object | undefined): RawFetch {
  const options = { keepAlive: true, timeout: keepAlive, maxSockets }
  const plain = new Agent(options)
  const sendPlain: Send = (url, init) => requestPlain(url, { ...init, agent: plain })
  let secure: Promise<Send> | undefined
  const loadSecure = async (): Promise<Send> => {
    const https = await import('node:https')
    const agent = new https.Agent({ ...options, ...tls })
    return (url, init) => https.request(url, { ...init, agent })
  }
  return async (url, init) => {
    const response = init.isLarge === true ? await download(new URL(url), init, tls) : undefined
    if (response) return response
    const send = url.startsWith('https:') ? await (secure ??= loadSecure()) : sendPlain
    return await exchange(send, url, init)
  }
}

async function exchange(send: Send, url: string, init: RawInit): Promise<RawResponse> {
  const { body, signal, method, headers, isForeign } = init
  signal.throwIfAborted()
  const request = send(url, { method, headers, ...(isForeign === true && { lookup: lookupPublic }) })
  const cancel = () => request.destroy(signal.reason as Error)
  signal.addEventListener('abort', cancel, { once: true })
  // Once it is closed, its connection may serve another request.
  request.once('close', () => signal.removeEventListener('abort', cancel))
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve).on('error', reject)
    sendBody(request, body).catch((error: unknown) => request.destroy(error as Error))
  })
  // Without a listener, an error would end the process; the reader of the body gets it all the same.
  response.on('error', ignore)
  const address = response.socket.remoteAddress
  const isSmall = Number(response.headers['content-length'] ?? Infinity) <= smallSize
  const content = isSmall ? [await readAll(request, response)] : contentOf(request, response)
  return { status: response.statusCode ?? 0, headers: headersOf(response.headers), body: content, address }
}

/** Bytes up to which a response is read at once: most are, and to iterate over each takes longer than to parse it. */
const smallSize = 64 * 1024

async function readAll(request: ClientRequest, response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  await new Promise<void>((resolve, reject) => {
    response
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .once('end', resolve)
      .once('error', reject)
  })
  // The response may come before the whole body is sent.
  if (!request.writableEnded) request.destroy()
  return Buffer.concat(chunks)
}

const ignore = () => undefined

async function sendBody(request: ClientRequest, body: RawInit['body']): Promise<void> {
  if (typeof body !== 'object' || body instanceof Uint8Array) {
    request.end(body)
    return
  }
  let unsent = 0
  let wake: () => void = ignore
  request.once('close', () => wake())
  const sent = () => {
    unsent--
    wake()
  }
  const isClosed = () => request.destroyed
  for await (const chunk of body) {
    if (isClosed()) return
    unsent++
    request.write(chunk, sent)
    // With more than one chunk the connection has something to send while the next one is read.
    while (unsent >= validChunks && !isClosed()) await new Promise<void>((resolve) => (wake = resolve))
  }
  request.end()
}

async function* contentOf(request: ClientRequest, response: IncomingMessage): AsyncGenerator<Uint8Array, void> {
  try {
    yield* response as AsyncIterable<Uint8Array>
  } finally {
    if (!request.writableEnded) request.destroy()
  }
}

function headersOf(headers: Readonly<Record<string, string | readonly string[] | undefined>>): RawResponse['headers'] {
  return {
    get: (name) => {
      const value = headers[name.toLowerCase()]
      return value === undefined ? null : String(value)
    },
  }
}
