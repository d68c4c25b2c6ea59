import { createHmac } from 'node:crypto'
import { splitLines, type ListEntry } from '../../lib/lists.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import { canonicalHost } from '../../nodes/drivers/address.ts'
import type { SshHost, SshTarget } from '../../nodes/ssh/config.ts'
import { readStrings } from '../../nodes/ssh/wire-format.ts'
import { wordingOf } from '../../forge/wording.ts'
import { failFor, passes, type Fail, type Problem } from '../diagnostics.ts'
import { matchesAny, matchesWildcard } from './host-patterns.ts'

/** One line of known_hosts: https://man.openbsd.org/sshd#SSH_KNOWN_HOSTS_FILE_FORMAT */
interface KnownHost {
  /** `cert-authority` or `revoked`; empty without a marker. */
  readonly marker: string
  readonly patterns: readonly string[]
  readonly keyType: string
  readonly key: string
}

const input = 'ssh-known-hosts'
const keyTypes =
  /^(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/
const lineForm = 'write `host ssh-ed25519 AAAA…`, as in a known_hosts file'

const privateKey = `holds a private key, which belongs in \`ssh-private-key\` and in a secret: ${lineForm}`
const damagedKey = 'has a damaged key, which was cut off or broken into several lines: copy the whole line again'

/** Parses lines of a known_hosts file. */
export function parseKnownHosts(text: string, report: IssueSink = () => undefined): readonly KnownHost[] {
  const fail = failFor(report, input)
  const hasPrivateKey = /PRIVATE KEY|PuTTY-User-Key-File/.test(text)
  const lines = passes(fail, undefined, [[hasPrivateKey, privateKey]]) ? splitLines(text) : []
  return lines.flatMap((line) => parseLine(line, fail) ?? [])
}

/** The text of a known_hosts file. */
export function formatKnownHosts(lines: readonly KnownHost[]): string {
  return lines
    .map(
      ({ marker, patterns, keyType, key }) =>
        `${marker === '' ? '' : `@${marker} `}${patterns.join(',')} ${keyType} ${key}\n`,
    )
    .join('')
}

/** Whether ssh would find a key of the host. Like ssh, it looks for the host with its port first, then without. */
export function covers(lines: readonly KnownHost[], host: string, port: number): boolean {
  const names = port === 22 ? [host] : [`[${host}]:${port}`, host]
  const matching = lines.filter(({ patterns }) =>
    names.some((name) => matchesAny(patterns, name.toLowerCase(), matches)),
  )
  const revoked = new Set(matching.filter(({ marker }) => marker === 'revoked').map(({ key }) => key))
  return matching.some(({ marker, key }) => marker !== 'revoked' && !revoked.has(key))
}

/** Reports SSH nodes and jump hosts without a line, with a safe way to get one. */
export function checkKnownHosts(lines: readonly KnownHost[], targets: readonly SshTarget[], report: IssueSink): void {
  const names = targets.flatMap((target) => [target, ...(target.jumps ?? [])]).map(knownName)
  const missing = names.filter(({ host, port }) => !covers(lines, host, port))
  for (const { host, port, alias } of new Map(missing.map((name) => [`${name.host}:${name.port}`, name])).values()) {
    const name = port === 22 ? host : `[${host}]:${port}`
    const scan = `ssh-keyscan${port === 22 ? '' : ` -p ${port}`} ${host}`
    failFor(report, input)(wordingOf('unknownHost', { name, scan, host: alias }))
  }
}

/** The name under which ssh looks for the key of a host. With `HostKeyAlias`, the port does not count. */
function knownName({ host, hostName = host, hostKeyAlias, port }: SshHost) {
  const alias = port === 22 || hostName !== host ? host : `-p ${port} ${host}`
  return { alias, host: hostKeyAlias ?? hostName, port: hostKeyAlias === undefined ? port : 22 }
}

function parseLine({ text, line }: ListEntry, fail: Fail): KnownHost | undefined {
  const [, marker = '', entry = ''] = /^(?:@(\S+)\s+)?(.*)$/.exec(text) ?? []
  const [hosts = '', keyType = '', key = ''] = entry.split(/\s+/)
  const patterns = hosts.split(',').map(canonicalPattern)
  // A long text without spaces may be a piece of a private key.
  const given = text.includes(' ') || text.length < 40 ? text : undefined
  const isValid = passes((expected) => fail(`in line ${line} ${expected}`, given), given, [
    [
      !['', 'cert-authority', 'revoked'].includes(marker),
      'begins with an unknown marker: `@cert-authority` and `@revoked` are known',
    ],
    ...fieldProblems(hosts, keyType, key),
    ...patterns.flatMap(patternProblems),
  ])
  return isValid ? { marker, patterns, keyType, key } : undefined
}

function fieldProblems(hosts: string, keyType: string, key: string): readonly Problem[] {
  const isFingerprint = /^\d+$/.test(hosts) && /^(SHA256|MD5):/.test(keyType)
  return [
    [keyTypes.test(hosts), `lacks the host's name before its key: ${lineForm}`],
    [isFingerprint, `is a fingerprint, and the key itself is needed: ${lineForm}`],
    [key === '', `is not complete: ${lineForm}`],
    [!keyTypes.test(keyType), `has an unknown type of key, \`${shorten(keyType)}\`: ${lineForm}`],
    [!isKey(keyType, key), damagedKey],
  ]
}

/** ssh compares addresses as text: `fd00:0::1` and `[fd00:0::1]:2222` are written as endpoints are. */
function canonicalPattern(pattern: string): string {
  const [, before = '', address = '', after = ''] = /^(!?\[?)([0-9a-f]*:[0-9a-f:.]+)((?:\]:\d+)?)$/i.exec(pattern) ?? []
  return address === '' ? pattern : `${before}${canonicalHost(address)}${after}`
}

function patternProblems(pattern: string): readonly Problem[] {
  const [, host = '', port = ''] = /^([^:[\]]+):(\d+)$/.exec(pattern) ?? []
  const isDamaged = pattern.startsWith('|') && !/^\|1\|[A-Za-z0-9+/]+=*\|[A-Za-z0-9+/]+=*$/.test(pattern)
  return [
    [host !== '', `has a port without brackets: write \`[${host}]:${port}\``],
    [isDamaged, 'has a damaged hashed name: copy the whole line again'],
    [pattern === '' || pattern === '!', `has an empty name between its commas: ${lineForm}`],
  ]
}

/** Whether the key begins with its type and the lengths of its fields fill it, so that no part is missing. */
function isKey(keyType: string, key: string): boolean {
  const bytes = Buffer.from(/^[A-Za-z0-9+/]+={0,2}$/.test(key) ? key : '', 'base64')
  const fields = readStrings(bytes)
  const length = fields.reduce((sum, field) => sum + 4 + field.length, 0)
  return length === bytes.length && fields.length > 1 && fields[0]?.toString('latin1') === keyType
}

function matches(pattern: string, name: string): boolean {
  if (!pattern.startsWith('|1|')) return matchesWildcard(pattern, name)
  const [, , salt = '', hash = ''] = pattern.split('|')
  const expected = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
  return expected.equals(Buffer.from(hash, 'base64'))
}
