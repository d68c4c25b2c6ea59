import { rootCertificates } from 'node:tls'
import type { Env } from './lists.ts'
import { namesProxy, proxyFor } from './proxy.ts'

export type Fetch = typeof globalThis.fetch

/** How a server is reached, other than over https with a public certificate. */
export interface HostAccess {
  /** PEM; empty for the usual authorities. */
  readonly ca: string
  /** Plain http. */
  readonly http: boolean
  /** Accept any certificate. */
  readonly insecure: boolean
}

/**
 * Creates a `fetch` that uses the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY, which Node's own ignores, and that
 * reaches the given hosts (with their port) as described.
 */
export function createFetch(env: Env, hosts: Readonly<Record<string, HostAccess>> = {}): Fetch {
  const plain = namesProxy(env) ? lazily(() => loadUndici(env)) : globalThis.fetch
  if (Object.keys(hosts).length === 0) return plain
  const clients = new Map<string, Fetch>()
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const host = hosts[url.host] ?? hosts[`${url.host}:443`]
    if (!host) return await plain(input, init)
    if (host.http) url.protocol = 'http:'
    if (host.ca === '' && !host.insecure) return await plain(url, init)
    const client = clients.get(url.host) ?? lazily(() => loadUndici(env, tlsOptions(host)))
    clients.set(url.host, client)
    return await client(url, init)
  }
}

/**
 * @returns the body's chunks, up to and including the one that exceeds `limit` bytes: what a server sends beyond that
 *   is not read
 */
export async function* readChunks(response: Response, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of response.body ?? []) {
    const bytes: unknown = chunk
    if (!(bytes instanceof Uint8Array)) continue
    size += bytes.length
    yield bytes
    if (size > limit) return
  }
}

function tlsOptions({ ca, insecure }: HostAccess): object {
  return { ...(ca !== '' && { ca: [...rootCertificates, ca] }), rejectUnauthorized: !insecure }
}

function lazily(load: () => Promise<Fetch>): Fetch {
  let loaded: Promise<Fetch> | undefined
  return async (url, init) => await (await (loaded ??= load()))(url, init)
}

/** Loads undici, which most jobs do not need. The proxy is chosen for each URL, that of a redirect too. */
async function loadUndici(env: Env, tls?: object): Promise<Fetch> {
  const { Agent, ProxyAgent, fetch } = await import('undici')
  const direct = new Agent({ ...(tls && { connect: tls }) })
  const proxies = new Map<string, InstanceType<typeof ProxyAgent>>()
  const dispatch: typeof direct.dispatch = (options, handler) => {
    const origin = new URL(String(options.origin))
    const uri = proxyFor(origin, env)
    if (uri === undefined) return direct.dispatch(options, handler)
    const key = `${origin.protocol}${uri}`
    // Many proxies refuse tunnels to ports other than 443, and plain http needs none.
    const proxy =
      proxies.get(key) ??
      new ProxyAgent({ uri, ...(tls && { requestTls: tls }), proxyTunnel: origin.protocol === 'https:' })
    proxies.set(key, proxy)
    return proxy.dispatch(options, handler)
  }
  // Node's fetch is undici's, but has types of its own.
  return ((url: string, init: object) =>
    fetch(url, { ...init, dispatcher: { dispatch } } as object)) as unknown as Fetch
}
