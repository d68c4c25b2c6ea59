import { rootCertificates } from 'node:tls'
import type { RegistryHost, RegistryHosts } from '../plan/registries.ts'

type Env = Readonly<Record<string, string | undefined>>
export type Fetch = typeof globalThis.fetch

/**
 * The `fetch` of this machine: Node's own ignores HTTP_PROXY, HTTPS_PROXY and NO_PROXY, which runners in closed networks
 * need. As Go's clients do, loopback is never asked through a proxy. Undici is in the bundle anyway, with @actions/core.
 * `hosts` are reached as `registries` says.
 */
export function openFetch(env: Env, hosts: RegistryHosts = {}): Fetch {
  const proxied = ['https_proxy', 'http_proxy', 'HTTPS_PROXY', 'HTTP_PROXY'].some((name) => env[name])
  const plain = proxied ? openProxied() : globalThis.fetch
  if (Object.keys(hosts).length === 0) return plain
  const known = new Map<string, Promise<Fetch>>()
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const host = hosts[url.host] ?? hosts[`${url.host}:443`]
    if (!host) return await plain(input, init)
    if (host.http) url.protocol = 'http:'
    if (host.ca === '' && !host.insecure) return await plain(url, init)
    const own = known.get(url.host) ?? openTrusting(host, proxied)
    known.set(url.host, own)
    return await (await own)(url, init)
  }
}

function openProxied(): Fetch {
  const opened = import('undici').then(({ EnvHttpProxyAgent }) => withDispatcher(quietly(() => new EnvHttpProxyAgent())))
  return async (url, init) => {
    const { hostname } = new URL(url instanceof Request ? url.url : url)
    return isLocal(hostname) ? await globalThis.fetch(url, init) : await (await opened)(url, init)
  }
}

async function openTrusting({ ca, insecure }: RegistryHost, proxied: boolean): Promise<Fetch> {
  const { Agent, EnvHttpProxyAgent } = await import('undici')
  const tls = { ...(ca !== '' && { ca: [...rootCertificates, ca] }), rejectUnauthorized: !insecure }
  // Its types know nothing of the option that it hands on to its tunnels.
  const tunnelled: object = { connect: tls, requestTls: tls }
  const [direct, through] = [new Agent({ connect: tls }), proxied ? quietly(() => new EnvHttpProxyAgent(tunnelled)) : undefined]
  const fetchDirect = await withDispatcher(direct)
  const fetchThrough = through ? await withDispatcher(through) : fetchDirect
  return async (url, init) => await (isLocal(new URL(url instanceof Request ? url.url : url).hostname) ? fetchDirect : fetchThrough)(url, init)
}

/** Undici tells everybody that this agent is experimental; it is pinned, and tested here. */
function quietly<T>(make: () => T): T {
  const tell = process.emitWarning.bind(process)
  process.emitWarning = () => undefined
  try {
    return make()
  } finally {
    process.emitWarning = tell
  }
}

async function withDispatcher(dispatcher: object): Promise<Fetch> {
  const { fetch } = await import('undici')
  // Node's fetch is undici's, but its types are its own.
  return ((url: string, init: object) => fetch(url, { ...init, dispatcher } as object)) as unknown as Fetch
}

function isLocal(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}
