import { runsForCommandLine } from '../../lib/command-line.ts'
import { splitLines } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink, type Reject } from '../../lib/issues.ts'
import { bracketed, parseAddress, parseServer } from '../../nodes/drivers/address.ts'
import type { SshHost, SshTarget } from '../../nodes/ssh/config.ts'
import { failFor } from '../diagnostics.ts'
import type { InputSource } from '../source.ts'
import { matchesAny } from './host-patterns.ts'

/** `Host` with the settings below it; a setting is under its name in lower case. */
interface Block {
  readonly patterns: readonly string[]
  readonly settings: Map<string, string>
}

const input = 'ssh-config'
const mostJumps = 8
const allowed = ['Host', 'HostName', 'Port', 'User', 'ProxyJump', 'HostKeyAlias', 'CertificateFile']
/** Keys are files of the user only on the command line, which writes these lines itself. */
const userKeys = ['IdentityFile', 'IdentitiesOnly', 'IdentityAgent']

/** Settings that people have in their own file, and what replaces them here. */
const replacements: Readonly<Record<string, string>> = {
  proxycommand: 'runs a command: use `ProxyJump`',
  localcommand: 'runs a command: remove it',
  knownhostscommand: 'runs a command: put the keys into `ssh-known-hosts`',
  match: `is not supported: use \`Host\``,
  include: 'is not supported: write the lines of that file here',
  identityfile: 'is not supported: put the key into `ssh-private-key`',
  identityagent: 'is not supported: the agent is `SSH_AUTH_SOCK` of the job',
  userknownhostsfile: 'is not supported: put its lines into `ssh-known-hosts`',
  globalknownhostsfile: 'is not supported: put its lines into `ssh-known-hosts`',
  stricthostkeychecking: 'is not supported: host keys are always checked',
}

/** Hosts as `ssh-config` describes them. */
interface SshConfig {
  /** A node with its address, user, port and jump hosts. */
  readonly resolve: (target: SshTarget) => SshTarget
}

/** Parses the options of ssh_config(5) that say where a host is. As in ssh, the first value of an option counts. */
export function parseSshConfig({ text, report, paths, env }: InputSource): SshConfig {
  const names = runsForCommandLine(env) ? [...allowed, ...userKeys] : allowed
  const blocks: Block[] = [{ patterns: ['*'], settings: new Map() }]
  for (const { text: line, line: number } of splitLines(text(input))) {
    const reject = (expected: string) =>
      report({ input, given: shorten(line), expected: `in line ${number} ${expected}` })
    const [, keyword = '', value = ''] = /^([A-Za-z]+)(?:\s*=\s*|\s+)(.*)$/.exec(line) ?? []
    const setting = { keyword: keyword.toLowerCase(), value: value.replace(/^"([^"]*)"$/, '$1').trim() }
    readLine(blocks, setting, names, reject)
  }
  const certificate = (path: string): string => {
    paths.readFile(path, failFor(report, input))
    return paths.absolute(path)
  }
  return { resolve: (target) => resolveTarget(blocks, target, { certificate, report }) }
}

interface Setting {
  readonly keyword: string
  readonly value: string
}

function readLine(blocks: Block[], { keyword, value }: Setting, names: readonly string[], reject: Reject): void {
  if (keyword === '' || value === '') reject('is not a setting: write `Name value`, as in `HostName 10.0.0.5`')
  else if (keyword === 'host') blocks.push({ patterns: value.split(/\s+/), settings: new Map() })
  else if (!names.some((name) => name.toLowerCase() === keyword)) reject(problemOf(keyword, names))
  else if (isValid(keyword, value, reject)) {
    const settings = blocks.at(-1)?.settings
    const earlier = settings?.get(keyword)
    if (earlier === undefined) settings?.set(keyword, value)
    else if (keyword === 'identityfile') settings?.set(keyword, `${earlier}\n${value}`)
  }
}

function problemOf(keyword: string, names: readonly string[]): string {
  return replacements[keyword] ?? `is not supported${didYouMean(keyword, names)}: only ${names.join(', ')} are read`
}

function isValid(keyword: string, value: string, reject: Reject): boolean {
  return validators[keyword]?.(value, reject) ?? true
}

const validators: Readonly<Record<string, (value: string, reject: Reject) => boolean>> = {
  hostname: (value, reject) => isAddress(value.replaceAll('%h', 'host'), reject),
  hostkeyalias: isAddress,
  port: (value, reject) => isAddress(`host:${value}`, reject),
  user: (value, reject) => parseServer(`${value}@host`, reject) !== undefined,
  proxyjump: (value, reject) =>
    value.toLowerCase() === 'none' || splitJumps(value).every((jump) => parseServer(jump, reject) !== undefined),
  certificatefile: isPath,
  identityfile: isPath,
  identityagent: isPath,
}

function isPath(value: string, reject: Reject): boolean {
  if (!/["$\\\p{Cc}]/u.test(value)) return true
  reject('has a path with `"`, `$`, `\\` or a control character: rename the file')
  return false
}

function isAddress(text: string, reject: Reject): boolean {
  return parseAddress(/^[0-9a-f]*:[0-9a-f:.]+$/i.test(text) ? bracketed(text) : text, reject) !== undefined
}

function splitJumps(value: string): readonly string[] {
  return value.split(',').map((jump) => jump.trim().replace(/^ssh:\/\//, ''))
}

interface Resolution {
  readonly certificate: (path: string) => string
  readonly report: IssueSink
}

function resolveTarget(blocks: readonly Block[], target: SshTarget, resolution: Resolution): SshTarget {
  const jumps = resolveJumps(blocks, settingsOf(blocks, target.host).get('proxyjump'), resolution, [target.host])
  return { ...resolveHost(blocks, target, resolution), ...(jumps.length > 0 && { jumps }) }
}

function resolveHost(blocks: readonly Block[], target: SshTarget, { certificate }: Resolution): SshHost {
  const settings = settingsOf(blocks, target.host)
  const [hostName, hostKeyAlias] = [settings.get('hostname'), settings.get('hostkeyalias')]
  const [user, port, file] = [
    target.user ?? settings.get('user'),
    settings.get('port'),
    settings.get('certificatefile'),
  ]
  return {
    ...target,
    ...(user !== undefined && { user }),
    ...(target.port === 22 && port !== undefined && { port: Number(port) }),
    ...(hostName !== undefined && { hostName: hostName.replaceAll('%h', target.host) }),
    ...(hostKeyAlias !== undefined && { hostKeyAlias }),
    ...(file !== undefined && { certificate: certificate(file) }),
    ...keysOf(settings),
  }
}

function keysOf(settings: ReadonlyMap<string, string>): Partial<SshHost> {
  const [files, agent] = [settings.get('identityfile'), settings.get('identityagent')]
  return {
    ...(files !== undefined && { identityFiles: files.split('\n') }),
    ...(settings.get('identitiesonly')?.toLowerCase() === 'yes' && { identitiesOnly: true }),
    ...(agent !== undefined && { identityAgent: agent }),
  }
}

/** The hosts on the way to the last one; the first of the list may need jump hosts of its own. */
function resolveJumps(
  blocks: readonly Block[],
  value: string | undefined,
  resolution: Resolution,
  before: readonly string[],
): readonly SshHost[] {
  if (value === undefined || value.toLowerCase() === 'none') return []
  const hosts = splitJumps(value).flatMap((text) => parseServer(text, () => undefined) ?? [])
  const [first] = hosts
  const names = hosts.map(({ host }) => host)
  if (first === undefined || before.length > mostJumps || names.some((name) => before.includes(name))) {
    resolution.report({ input, given: before.join(' → '), expected: loop })
    return []
  }
  const further = resolveJumps(blocks, settingsOf(blocks, first.host).get('proxyjump'), resolution, [
    ...before,
    ...names,
  ])
  return [...further, ...hosts.map((host) => resolveHost(blocks, host, resolution))]
}

const loop = `has a \`ProxyJump\` that leads back to one of these hosts, or through more than ${mostJumps} hosts`

function settingsOf(blocks: readonly Block[], host: string): ReadonlyMap<string, string> {
  const matching = blocks.filter(({ patterns }) => matchesAny(patterns, host.toLowerCase()))
  return new Map(matching.toReversed().flatMap(({ settings }) => [...settings]))
}
