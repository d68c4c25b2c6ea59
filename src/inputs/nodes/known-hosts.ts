import { createHmac } from 'node:crypto'
import { splitLines } from '../../lib/lists.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import type { Endpoint } from '../../nodes/node-spec.ts'

/** One line of known_hosts: https://man.openbsd.org/sshd#SSH_KNOWN_HOSTS_FILE_FORMAT */
interface KnownHost {
  readonly marker?: 'cert-authority' | 'revoked'
  readonly patterns: readonly string[]
  readonly keyType: string
  readonly key: string
}

const input = 'ssh-known-hosts'
const keyTypes =
  /^(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/
const lineForm = 'write `host ssh-ed25519 AAAA…`, as in a known_hosts file'

export function parseKnownHosts(text: string, report: IssueSink = () => undefined): readonly KnownHost[] {
  if (/PRIVATE KEY|PuTTY-User-Key-File/.test(text)) {
    report({
      input,
      expected: `holds a private key, which belongs in \`ssh-private-key\` and in a secret: ${lineForm}`,
    })
    return []
  }
  return splitLines(text).flatMap(({ text: line, line: number }) => {
    const host = parseLine(line)
    if (typeof host !== 'string') return [host]
    // One long word may be a piece of a private key.
    const isTold = line.includes(' ') || line.length < 40
    report({ input, ...(isTold && { given: shorten(line) }), expected: `in line ${number} ${host}` })
    return []
  })
}

/** Back to text that ssh reads. */
export function formatKnownHosts(lines: readonly KnownHost[]): string {
  return lines
    .map(
      ({ marker, patterns, keyType, key }) => `${marker ? `@${marker} ` : ''}${patterns.join(',')} ${keyType} ${key}\n`,
    )
    .join('')
}

/** Whether ssh would find a key of the host, looking as ssh does: with the port first, then without. */
export function covers(lines: readonly KnownHost[], host: string, port: number): boolean {
  const names = port === 22 ? [host] : [`[${host}]:${port}`, host]
  const matching = lines.filter(({ patterns }) => names.some((name) => matchesAny(patterns, name.toLowerCase())))
  const revoked = new Set(matching.filter(({ marker }) => marker === 'revoked').map(({ key }) => key))
  return matching.some(({ marker, key }) => marker !== 'revoked' && !revoked.has(key))
}

/** Every SSH node needs a line, and its author a safe way to get one. */
export function checkKnownHosts(lines: readonly KnownHost[], endpoints: readonly Endpoint[], report: IssueSink): void {
  const missing = new Map<string, string>()
  for (const endpoint of endpoints) {
    if (endpoint.kind !== 'ssh' || covers(lines, endpoint.host, endpoint.port)) continue
    const name = endpoint.port === 22 ? endpoint.host : `[${endpoint.host}]:${endpoint.port}`
    const scan = `ssh-keyscan${endpoint.port === 22 ? '' : ` -p ${endpoint.port}`} ${endpoint.host}`
    missing.set(
      name,
      `has no line for ${name}: run \`${scan}\` on a machine of yours, never in the job; compare \`${scan} | ssh-keygen -lf -\` with what \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` prints on the node itself; then store the lines in a variable and give it here`,
    )
  }
  for (const expected of missing.values()) report({ input, expected })
}

/** The line, or what is wrong with it. */
function parseLine(line: string): KnownHost | string {
  const fields = line.split(/\s+/)
  const marker = fields[0]?.startsWith('@') ? fields.shift()?.slice(1) : undefined
  if (marker !== undefined && marker !== 'cert-authority' && marker !== 'revoked')
    return 'begins with an unknown marker: `@cert-authority` and `@revoked` are known'
  const [hosts = '', keyType, key] = fields
  if (keyTypes.test(hosts)) return `lacks the host's name before its key: ${lineForm}`
  if (/^(\d+)$/.test(hosts) && /^(SHA256|MD5):/.test(keyType ?? ''))
    return `is a fingerprint, and the key itself is needed: ${lineForm}`
  if (keyType === undefined || key === undefined) return `is not complete: ${lineForm}`
  if (!keyTypes.test(keyType)) return `has an unknown type of key, \`${shorten(keyType)}\`: ${lineForm}`
  if (!isKey(keyType, key))
    return 'has a damaged key, which was cut off or broken into several lines: copy the whole line once more'
  const patterns = hosts.split(',')
  const problem = patterns.map(patternProblem).find((found) => found !== undefined)
  return problem ?? { ...(marker !== undefined && { marker }), patterns, keyType, key }
}

function patternProblem(pattern: string): string | undefined {
  const [, host, port] = /^([^:[\]]+):(\d+)$/.exec(pattern) ?? []
  if (host !== undefined) return `names a port without brackets: write \`[${host}]:${port ?? ''}\``
  if (pattern.startsWith('|') && !/^\|1\|[A-Za-z0-9+/]+=*\|[A-Za-z0-9+/]+=*$/.test(pattern))
    return 'has a damaged hashed name: copy the whole line once more'
  return pattern === '' || pattern === '!' ? `has an empty name between its commas: ${lineForm}` : undefined
}

/** The key's type stands in the key once more, and the lengths of its fields must fill it. */
function isKey(keyType: string, key: string): boolean {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(key)) return false
  const bytes = Buffer.from(key, 'base64')
  const fields: Buffer[] = []
  let at = 0
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at)
    if (end > bytes.length) return false
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return at === bytes.length && fields.length > 1 && fields[0]?.toString('latin1') === keyType
}

function matchesAny(patterns: readonly string[], name: string): boolean {
  const negated = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
  if (negated.some((pattern) => matches(pattern, name))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && matches(pattern, name))
}

function matches(pattern: string, name: string): boolean {
  if (!pattern.startsWith('|1|')) return matchesWildcard(pattern.toLowerCase(), name)
  const [, , salt = '', hash = ''] = pattern.split('|')
  const expected = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
  return expected.equals(Buffer.from(hash, 'base64'))
}

/** `*` and `?` without a regular expression, whose time could grow with the number of stars. */
function matchesWildcard(pattern: string, name: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  let index = 0
  while (index < name.length) {
    if (pattern[at] === '?' || (pattern[at] === name[index] && pattern[at] !== '*')) {
      at++
      index++
    } else if (pattern[at] === '*') {
      star = at++
      resume = index
    } else if (star >= 0) {
      at = star + 1
      index = ++resume
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
