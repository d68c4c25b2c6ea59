import { didYouMean, type Reject } from '../lib/issues.ts'
import type { Endpoint } from './node-spec.ts'

type SshEndpoint = Extract<Endpoint, { kind: 'ssh' }>

const schemes = ['ssh', 'tcp', 'unix', 'kubernetes']
const userPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/
const hostPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/
// These reach command lines and ssh_config, where most other characters mean something.
const pathPattern = /^\/[A-Za-z0-9._@+/-]+$/

const forms = 'write `local`, `ssh://user@host` or `unix:///path/to/buildkitd.sock`'

/** Reads where a node is; `wrong` hears why a text is no endpoint. */
export function parseEndpoint(text: string, wrong: Reject = () => undefined): Endpoint | undefined {
  const problem = hostile(text)
  if (problem !== undefined) {
    wrong(problem)
    return undefined
  }
  if (text === 'local') return { kind: 'local' }
  const [, scheme, rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/.exec(text) ?? []
  if (scheme === undefined) return parseBare(text, wrong)
  switch (scheme.toLowerCase()) {
    case 'ssh':
      return parseSsh(rest, wrong)
    case 'tcp':
      return parseTcp(rest, wrong)
    case 'unix':
      return parseUnix(rest, wrong)
    case 'kubernetes':
      return parseKubernetes(rest, wrong)
    default:
      wrong(`has the unknown scheme \`${scheme}://\`: ${forms}${didYouMean(scheme, schemes)}`)
      return undefined
  }
}

/** The shortest spelling that reads back as the same endpoint: also what tells whether two are the same. */
export function formatEndpoint(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'local':
      return 'local'
    case 'engine':
    case 'unix':
      return `unix://${endpoint.path}`
    case 'tcp':
      return `tcp://${bracketed(endpoint.host)}:${endpoint.port}`
    case 'kubernetes':
      return `kubernetes://${endpoint.kubeconfig ?? ''}`
    case 'ssh': {
      const user = endpoint.user === undefined ? '' : `${endpoint.user}@`
      const port = endpoint.port === 22 ? '' : `:${endpoint.port}`
      return `ssh://${user}${bracketed(endpoint.host)}${port}${endpoint.socket ?? ''}`
    }
  }
}

/** Whether a buildkitd runs there already, so that nothing of it can be configured from here. */
export function isBuildkitd(endpoint: Endpoint): boolean {
  return (
    endpoint.kind === 'unix' || endpoint.kind === 'tcp' || (endpoint.kind === 'ssh' && endpoint.socket !== undefined)
  )
}

/** Without what may be a password: everything between a user's colon and the last `@`. */
export function hidePassword(text: string): string {
  return text.replace(/(^|:\/\/|[=\s"'])([^:@/\s="']*):(?!\/\/|\s).*@/g, '$1$2:***@')
}

function hostile(text: string): string | undefined {
  if (text === '') return `is empty: ${forms}`
  if (hidePassword(text) !== text)
    return 'holds a password, which this action never uses: write `ssh://user@host` and give a key in `ssh-private-key`'
  if (/[\s\p{C}]/u.test(text)) return `holds a space or a control character: ${forms}`
  if (text.includes('%')) return 'holds `%`, which ssh would expand: write the host and the user as they are'
  return undefined
}

function parseBare(text: string, wrong: Reject): Endpoint | undefined {
  if (text.includes('@')) {
    if (!/:?\//.test(text)) return parseSsh(text, wrong)
    wrong(`has a path but no scheme: write \`ssh://${text.replace(/:?\//, '/')}\``)
    return undefined
  }
  if (text.startsWith('/')) wrong(`is a path: write \`unix://${text}\``)
  else if (!text.startsWith('-') && (/[.:]/.test(text) || text === 'localhost'))
    wrong(`has no scheme: write \`ssh://${text}\``)
  else wrong(`is not an endpoint: ${forms}${didYouMean(text, ['local'])}`)
  return undefined
}

function parseSsh(rest: string, wrong: Reject): SshEndpoint | undefined {
  const slash = rest.indexOf('/')
  const authority = slash < 0 ? rest : rest.slice(0, slash)
  const path = slash < 0 ? '' : rest.slice(slash)
  const at = authority.lastIndexOf('@')
  const user = at < 0 ? undefined : authority.slice(0, at)
  if (user !== undefined && !userPattern.test(user)) {
    wrong(`has no valid user before \`@\`: letters, digits, \`.\`, \`_\` and \`-\`, the first not \`.\` or \`-\``)
    return undefined
  }
  const address = parseAddress(authority.slice(at + 1), wrong)
  if (!address) return undefined
  const socket = path === '/' ? '' : path
  if (!socketFits(socket, wrong)) return undefined
  return {
    kind: 'ssh',
    ...(user !== undefined && { user }),
    host: address.host,
    port: address.port ?? 22,
    ...(socket !== '' && { socket }),
  }
}

function socketFits(socket: string, wrong: Reject): boolean {
  if (socket === '') return true
  if (socket.endsWith('docker.sock'))
    wrong('ends in the socket of a Docker Engine, which is found without it: leave the path out')
  else if (!pathPattern.test(socket) || /(^|\/)\.\.(\/|$)/.test(socket))
    wrong(
      'ends in no usable path: write the absolute path of the socket, as in `ssh://ci@host/run/buildkit/buildkitd.sock`',
    )
  else return true
  return false
}

function parseTcp(rest: string, wrong: Reject): Endpoint | undefined {
  const address = parseAddress(rest.replace(/\/$/, ''), wrong)
  if (!address) return undefined
  if (address.port === undefined) {
    wrong('names no port: write `tcp://host:1234`')
    return undefined
  }
  return { kind: 'tcp', host: address.host, port: address.port }
}

function parseUnix(path: string, wrong: Reject): Endpoint | undefined {
  if (!pathPattern.test(path) || path.endsWith('/')) {
    wrong(
      'names no usable socket: write its absolute path after `unix://`, as in `unix:///run/buildkit/buildkitd.sock`',
    )
    return undefined
  }
  // Nobody's buildkitd listens there.
  return path.endsWith('docker.sock') ? { kind: 'engine', path } : { kind: 'unix', path }
}

function parseKubernetes(path: string, wrong: Reject): Endpoint | undefined {
  if (path === '' || path === '/') return { kind: 'kubernetes' }
  if (pathPattern.test(path) && !path.endsWith('/')) return { kind: 'kubernetes', kubeconfig: path }
  wrong(
    'names more than a cluster: write `kubernetes://` for that of the job’s kubeconfig, or the absolute path of another after it, as in `kubernetes:///path/to/kubeconfig`; the namespace is a driver option',
  )
  return undefined
}

interface Address {
  /** Without brackets, lower case. */
  readonly host: string
  readonly port?: number
}

function parseAddress(text: string, wrong: Reject): Address | undefined {
  const [, six, hostText, portText] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text) ?? []
  const host = (six ?? hostText ?? '').toLowerCase()
  const valid =
    six === undefined
      ? hostPattern.test(host) && host.length <= 253
      : /^[0-9a-f:.]+$/.test(host) && URL.canParse(`http://[${host}]/`)
  if (!valid) {
    wrong(addressProblem(text))
    return undefined
  }
  if (portText === undefined) return { host }
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0
  if (port > 0 && port < 65536) return { host, port }
  wrong(
    portText.includes(':') ? addressProblem(text) : 'has no valid port: write a number from 1 to 65535 after `host:`',
  )
  return undefined
}

function addressProblem(text: string): string {
  if (text.startsWith('-'))
    return 'has a host that begins with `-`, which ssh would take for an option: write `ssh://user@host`'
  if (!text.startsWith('[') && text.split(':').length > 2)
    return 'has an IPv6 address without brackets: write `ssh://user@[fd00::1]:22`'
  if (text.includes('@')) return 'has more than one `@`: write `ssh://user@host`'
  return 'has no valid host: write `ssh://user@host` or `ssh://user@host:port`'
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
