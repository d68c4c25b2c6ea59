import { BlockList, isIP } from 'node:net'

type Env = Readonly<Record<string, string | undefined>>

/** Whether any request might go through a proxy. */
export function namesProxy(env: Env): boolean {
  return variable(env, 'HTTP_PROXY') !== '' || variable(env, 'HTTPS_PROXY') !== ''
}

/**
 * PURE: the proxy for a URL, as Go's clients choose it (golang.org/x/net/http/httpproxy), buildx among them, so that
 * one setting means one thing; undefined: none. HTTP_PROXY is for http alone. Loopback is never asked through a proxy.
 */
export function proxyFor({ protocol, hostname, port }: URL, env: Env): string | undefined {
  const proxy = variable(env, protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY')
  const host = hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase()
  if (proxy === '' || isLoopback(host)) return undefined
  const usual = protocol === 'https:' ? '443' : '80'
  if (
    variable(env, 'NO_PROXY')
      .split(',')
      .some((entry) => excludes(entry.trim().toLowerCase(), host, port || usual))
  )
    return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

function variable(env: Env, name: string): string {
  return [name, name.toLowerCase()].map((one) => env[one] ?? '').find((value) => value !== '') ?? ''
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * `*`, `192.0.2.0/24`, `192.0.2.1`, `example.com` (with all below it), `.example.com` and `*.example.com` (below it
 * only), each also with a port.
 */
function excludes(entry: string, host: string, port: string): boolean {
  if (entry === '' || entry === '*') return entry === '*'
  const [, network = '', bits] = /^([0-9a-f.:]+)\/(\d+)$/.exec(entry) ?? []
  if (bits !== undefined) return isWithin(host, network, Number(bits))
  // An IPv6 address by itself holds colons, and no port.
  const [, inBrackets, plain = '', ofPort] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [
    '',
    undefined,
    entry,
  ]
  const name = (inBrackets ?? plain).replace(/^\*(?=\.)/, '')
  if (name === '' || (ofPort !== undefined && ofPort !== port)) return false
  return name.startsWith('.') ? host.endsWith(name) : host === name || (isIP(host) === 0 && host.endsWith(`.${name}`))
}

function isWithin(host: string, network: string, bits: number): boolean {
  const family = isIP(network) === 4 ? 'ipv4' : 'ipv6'
  if (isIP(host) === 0 || isIP(network) === 0 || bits > (family === 'ipv4' ? 32 : 128)) return false
  const list = new BlockList()
  list.addSubnet(network, bits, family)
  return list.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6')
}
