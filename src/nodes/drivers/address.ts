import type { Reject } from '../../lib/issues.ts'
import type { Endpoint } from '../node-spec.ts'
import type { SshHost } from '../ssh/config.ts'

/** A path that is safe on command lines and in ssh_config, where most other characters have a meaning. */
export const pathPattern = /^\/[A-Za-z0-9._@+/-]+$/

const hostPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/

interface Address {
  /** Without brackets, lower case. */
  readonly host: string
  readonly port?: number
}

/** An endpoint with a host; `port` is the real one, whether it was written or not. */
export interface HostEndpoint extends Endpoint {
  readonly host: string
  readonly port: number
}

/** An endpoint that is a Unix socket of this machine. */
export interface SocketEndpoint extends Endpoint {
  readonly path: string
}

/** Parses `host`, `host:port` or `[address]:port`. */
export function parseAddress(text: string, reject: Reject): Address | undefined {
  const [, ipv6, name, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text) ?? []
  const host = canonicalHost(ipv6 ?? name ?? '')
  if (!(ipv6 === undefined ? isHostName(host) : isIpv6(host))) {
    reject(addressProblem(text))
    return undefined
  }
  if (port === undefined) return { host }
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0
  if (number > 0 && number < 65536) return { host, port: number }
  reject(port.includes(':') ? addressProblem(text) : invalidPort)
  return undefined
}

const userPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/

/** Parses `[user@]host[:port]`; the default port is that of SSH. */
export function parseServer(text: string, reject: Reject): Pick<SshHost, 'host' | 'port' | 'user'> | undefined {
  const [, user, server = ''] = /^(?:([^/]*)@)?([^/@]*)$/s.exec(text) ?? []
  if (user !== undefined && !userPattern.test(user)) {
    reject('has no valid user before `@`: letters, digits, `.`, `_` and `-`, the first not `.` or `-`')
    return undefined
  }
  const address = parseAddress(server, reject)
  return address && { ...(user !== undefined && { user }), host: address.host, port: address.port ?? 22 }
}

/** PURE: a host in the form in which hosts are compared: lower case, IPv6 addresses in their shortest form. */
export function canonicalHost(host: string): string {
  const url = `http://[${host}]/`
  return host.includes(':') && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : host.toLowerCase()
}

/** The host as URLs and ssh's messages have it: an IPv6 address in brackets. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** The name of a node that is known by its host. */
export function hostName({ host }: HostEndpoint): string {
  return host.replaceAll(':', '-').replace(/^-+/, '')
}

/** The name of a node that is known by its socket: `/run/user/1000/podman.sock` is `podman`. */
export function socketName({ path }: SocketEndpoint): string {
  const file = path.replace(/^.*\//, '').replace(/\.sock$/, '')
  return file.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[._-]+/, '') || 'socket'
}

const invalidPort = 'has no valid port: write a number from 1 to 65535 after `host:`'

function isHostName(host: string): boolean {
  return hostPattern.test(host) && host.length <= 253
}

function isIpv6(host: string): boolean {
  return /^[0-9a-f:.]+$/.test(host) && URL.canParse(`http://[${host}]/`)
}

function addressProblem(text: string): string {
  if (text.startsWith('-'))
    return 'has a host that begins with `-`, which ssh parses as an option: write `ssh://user@host`'
  if (!text.startsWith('[') && text.split(':').length > 2)
    return 'has an IPv6 address without brackets: write `ssh://user@[fd00::1]:22`'
  if (text.includes('@')) return 'has more than one `@`: write `ssh://user@host`'
  return 'has no valid host: write `ssh://user@host` or `ssh://user@host:port`'
}
