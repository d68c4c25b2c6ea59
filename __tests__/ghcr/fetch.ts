import { ConnectionLost } from './faults.ts'
import { answer as registry } from './registry-server.ts'
import { answer as rest } from './rest-server.ts'
import type { Fake } from './fake.ts'

type FetchOfFake = (url: string | URL, init?: RequestInit) => Promise<Response>

const servers: Readonly<Record<string, typeof registry>> = {
  'ghcr.io': registry,
  'api.github.com': rest,
  'github.example': rest,
}

/** A `fetch` that reaches ghcr.io and api.github.com of this fake, and nothing else: for octokit without a socket. */
export function fetchIn(fake: Fake): FetchOfFake {
  return async function fetch(address, init = {}): Promise<Response> {
    const url = new URL(address)
    const response = await send(fake, url, init)
    const location = response.headers.get('location')
    if (response.status !== 307 || location === null || init.redirect === 'manual') return response
    return await fetch(new URL(location, url), init)
  }
}

async function send(fake: Fake, url: URL, init: RequestInit): Promise<Response> {
  const server = servers[url.hostname]
  if (!server) throw new TypeError('fetch failed', { cause: new Error(`getaddrinfo ENOTFOUND ${url.hostname}`) })
  const headers = new Headers(init.headers)
  if (!headers.has('accept')) headers.set('accept', '*/*')
  const method = init.method ?? 'GET'
  const body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer())
  try {
    const request = { method, url, header: (name: string) => headers.get(name) ?? undefined, body }
    return toResponse(method, await server(fake, request, url.origin))
  } catch (error) {
    throw error instanceof ConnectionLost ? new TypeError('fetch failed', { cause: error }) : error
  }
}

function toResponse(method: string, { status, headers, body }: Awaited<ReturnType<typeof registry>>): Response {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array
  const type = isRaw ? {} : { 'content-type': 'application/json; charset=utf-8' }
  const init = { status, headers: { ...type, ...headers } }
  if (body === undefined || method === 'HEAD') return new Response(null, init)
  return new Response(isRaw ? (body as string) : JSON.stringify(body), init)
}
