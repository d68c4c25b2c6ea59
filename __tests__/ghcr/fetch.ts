import { ConnectionLost } from './faults.ts'
import { answer as registry } from './registry-server.ts'
import { answer as rest } from './rest-server.ts'
import type { World } from './world.ts'

/** A `fetch` that reaches ghcr.io and api.github.com of this world, and nothing else: for octokit without a socket. */
export function fetchIn(world: World): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (address, init = {}) => {
    const url = new URL(address)
    const side = { 'ghcr.io': registry, 'api.github.com': rest, 'github.example': rest }[url.hostname]
    if (!side) throw new TypeError('fetch failed', { cause: new Error(`getaddrinfo ENOTFOUND ${url.hostname}`) })
    const headers = new Headers(init.headers)
    if (!headers.has('accept')) headers.set('accept', '*/*')
    const method = init.method ?? 'GET'
    const body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer())
    try {
      const {
        status,
        headers: answered,
        body: content,
      } = await side(world, { method, url, header: (name) => headers.get(name) ?? undefined, body }, url.origin)
      const raw = typeof content === 'string' || content instanceof Uint8Array
      const payload =
        content === undefined || method === 'HEAD' ? null : raw ? (content as string) : JSON.stringify(content)
      return new Response(payload, {
        status,
        headers: { ...(raw ? {} : { 'content-type': 'application/json; charset=utf-8' }), ...answered },
      })
    } catch (error) {
      throw error instanceof ConnectionLost ? new TypeError('fetch failed', { cause: error }) : error
    }
  }
}
