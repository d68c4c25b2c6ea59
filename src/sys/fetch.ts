type Env = Readonly<Record<string, string | undefined>>
export type Fetch = typeof globalThis.fetch

/**
 * The `fetch` of this machine: Node's own ignores HTTP_PROXY, HTTPS_PROXY and NO_PROXY, which runners in closed networks
 * need. As Go's clients do, loopback is never asked through a proxy. Undici is in the bundle anyway, with @actions/core.
 */
export function openFetch(env: Env): Fetch {
  const wanted = ['https_proxy', 'http_proxy', 'HTTPS_PROXY', 'HTTP_PROXY'].some((name) => env[name])
  if (!wanted) return globalThis.fetch
  const proxied = import('undici').then(({ EnvHttpProxyAgent, fetch }): Fetch => {
    const dispatcher = new EnvHttpProxyAgent()
    // Node's fetch is undici's, but its types are its own.
    return ((url: string, init: object) => fetch(url, { ...init, dispatcher })) as unknown as Fetch
  })
  return async (url, init) => {
    const { hostname } = new URL(url instanceof Request ? url.url : url)
    const local = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
    return local ? await globalThis.fetch(url, init) : await (await proxied)(url, init)
  }
}
