import { BlockList, isIP } from 'node:net'
import type { Env } from './lists.ts'

/** Whether a proxy is configured. */
export function namesProxy(env: Env): boolean {
  return variable(env, 'HTTP_PROXY') !== '' || variable(env, 'HTTPS_PROXY') !== ''
}

/**
 * PURE: the proxy for a URL; undefined if there is none. The rules are those of Go's clients, such as buildx
 * (golang.org/x/net/http/httpproxy), so that one setting means the same for all. HTTP_PROXY is for http only. Loopback
 * addresses are never reached through a proxy.
 */
export function proxyFor({ protocol, hostname, port }: URL, env: Env): string | undefined {
  const proxy = variable(env, protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY')
  const host = hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase()
  if (proxy === '' || isLoopback(host)) return undefined
  const target = { host, port: port || (protocol === 'https:' ? '443' : '80') }
  const exclusions = variable(env, 'NO_PROXY').toLowerCase().split(',')
  if (exclusions.some((entry) => excludes(entry.trim(), target))) return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

function variable(env: Env, name: string): string {
  return [env[name], env[name.toLowerCase()]].find((value) => value !== undefined && value !== '') ?? ''
}

/** Whether a host, with or without a port, is this machine itself. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$|^::1$/i.test(host)
}

interface Target {
  readonly host: string
  readonly port: string
}

/**
 * `*`, `192.0.2.0/24`, `192.0.2.1`, `example.com` (with its subdomains), `.example.com` and `*.example.com` (subdomains
 * only), each also with a port.
 */
function excludes(entry: string, { host, port }: Target): boolean {
  if (entry === '' || entry === '*') return entry === '*'
  const [, network = '', bits] = /^([0-9a-f.:]+)\/(\d+)$/.exec(entry) ?? []
  if (bits !== undefined) return isInNetwork(host, network, Number(bits))
  const pattern = parseEntry(entry)
  const name = pattern.host.replace(/^\*(?=\.)/, '')
  if (name === '' || (pattern.port !== undefined && pattern.port !== port)) return false
  return name.startsWith('.') ? host.endsWith(name) : host === name || (isIP(host) === 0 && host.endsWith(`.${name}`))
}

/** An IPv6 address without brackets contains colons and has no port. */
function parseEntry(entry: string): { readonly host: string; readonly port?: string | undefined } {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry)
  return match ? { host: match[1] ?? match[2] ?? '', port: match[3] } : { host: entry }
}

function isInNetwork(host: string, network: string, bits: number): boolean {
  const type = isIP(network) === 4 ? 'ipv4' : 'ipv6'
  if (isIP(host) === 0 || isIP(network) === 0 || bits > (type === 'ipv4' ? 32 : 128)) return false
  const list = new BlockList()
  list.addSubnet(network, bits, type)
  return list.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6')
}
