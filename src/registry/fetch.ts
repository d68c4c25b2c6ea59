import { rootCertificates } from 'node:tls'
import { namesProxy, proxyFor } from '../lib/proxy.ts'
import type { RegistryHost, RegistryHosts } from './hosts.ts'

type Env = Readonly<Record<string, string | undefined>>
export type Fetch = typeof globalThis.fetch

/**
 * The `fetch` of this machine: Node's own ignores HTTP_PROXY, HTTPS_PROXY and NO_PROXY, which runners in closed
 * networks need. `hosts` are reached as `registries` says.
 */
export function openFetch(env: Env, hosts: RegistryHosts = {}): Fetch {
  const plain = namesProxy(env) ? deferred(() => openProxied(env)) : globalThis.fetch
  if (Object.keys(hosts).length === 0) return plain
  const known = new Map<string, Fetch>()
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const host = hosts[url.host] ?? hosts[`${url.host}:443`]
    if (!host) return await plain(input, init)
    if (host.http) url.protocol = 'http:'
    if (host.ca === '' && !host.insecure) return await plain(url, init)
    const own = known.get(url.host) ?? deferred(() => openProxied(env, tlsOf(host)))
    known.set(url.host, own)
    return await own(url, init)
  }
}

function tlsOf({ ca, insecure }: RegistryHost): object {
  return { ...(ca !== '' && { ca: [...rootCertificates, ca] }), rejectUnauthorized: !insecure }
}

/** Undici is loaded only where it is needed. */
function deferred(open: () => Promise<Fetch>): Fetch {
  let opened: Promise<Fetch> | undefined
  return async (url, init) => await (await (opened ??= open()))(url, init)
}

/** Through the proxy of each URL, that of a redirect too. `tls` is for the servers themselves. */
async function openProxied(env: Env, tls?: object): Promise<Fetch> {
  const { Agent, ProxyAgent, fetch } = await import('undici')
  const direct = new Agent({ ...(tls && { connect: tls }) })
  const proxies = new Map<string, InstanceType<typeof ProxyAgent>>()
  const dispatch: typeof direct.dispatch = (options, handler) => {
    const origin = new URL(String(options.origin))
    const uri = proxyFor(origin, env)
    if (uri === undefined) return direct.dispatch(options, handler)
    const key = `${origin.protocol}${uri}`
    // A tunnel to other ports than 443 is what many proxies refuse, and plain http needs none.
    const through =
      proxies.get(key) ??
      new ProxyAgent({ uri, ...(tls && { requestTls: tls }), proxyTunnel: origin.protocol === 'https:' })
    proxies.set(key, through)
    return through.dispatch(options, handler)
  }
  // Node's fetch is undici's, but its types are its own.
  return ((url: string, init: object) =>
    fetch(url, { ...init, dispatcher: { dispatch } } as object)) as unknown as Fetch
}
