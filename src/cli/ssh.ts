import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { exec } from '../lib/exec.ts'
import { homeDir } from '../lib/files.ts'
import type { Env } from '../lib/lists.ts'
import { UsageError, type Values } from './options.ts'

/** Options of ssh as `ssh -G` prints them: the names are in lower case, and some occur several times. */
type HostOptions = ReadonlyMap<string, readonly string[]>

const deadline = 10_000
const mostHosts = 32

/**
 * The SSH inputs for hosts in `nodes`, from the user's own configuration and known hosts. OpenSSH itself reads the
 * files, so that aliases, `Include` and `Match` have their usual meaning, and each host is offered its own keys.
 *
 * @throws UsageError if a host is reached in a way that the action does not support
 */
export async function readSshSettings(inputs: Values, env: Env): Promise<Values> {
  const nodes = inputs['nodes'] ?? ''
  const names = [...nodes.matchAll(/ssh:\/\/(?:[^@\s/]*@)?(\[[^\]]+\]|[^\s:/,]+)/g)].map(([, host = '']) => host)
  const hosts = await resolveHosts(names.map((name) => name.replace(/^\[|\]$/g, '')))
  if (hosts.size === 0) return {}
  const config = inputs['ssh-config'] ?? ''
  const blocks = [...hosts].map(([name, options]) => [
    `Host ${name}`,
    ...(config === '' ? formatHost(options) : []),
    ...(inputs['ssh-private-key'] === undefined ? formatKeys(name, options, env) : []),
  ])
  return {
    'ssh-config': [config, ...blocks.map((lines) => lines.join('\n  '))].join('\n'),
    'ssh-known-hosts': inputs['ssh-known-hosts'] ?? (await findKnownHosts(hosts)),
  }
}

async function resolveHosts(names: readonly string[]): Promise<ReadonlyMap<string, HostOptions>> {
  const hosts = new Map<string, HostOptions>()
  const pending = [...names]
  for (let name = pending.shift(); name !== undefined && hosts.size < mostHosts; name = pending.shift()) {
    if (hosts.has(name)) continue
    const options = await readHost(name)
    hosts.set(name, options)
    const jumps = first(options, 'proxyjump').split(',')
    pending.push(...jumps.map((jump) => jump.replace(/^ssh:\/\//, '').replace(/^.*@|:\d+$/g, '')).filter(isName))
  }
  return hosts
}

function isName(host: string): boolean {
  return host !== '' && host !== 'none'
}

async function readHost(name: string): Promise<HostOptions> {
  const { code, stdout, stderr } = await exec('ssh', ['-G', '--', name], { deadline })
  if (code !== 0) throw new UsageError(`ssh does not accept the host ${name}: ${stderr.trim()}`)
  const options = new Map<string, string[]>()
  for (const line of stdout.split('\n')) {
    const [key = '', ...words] = line.split(' ')
    options.set(key, [...(options.get(key) ?? []), words.join(' ')])
  }
  const command = first(options, 'proxycommand')
  if (isName(command))
    throw new UsageError(`${name} has a ProxyCommand in the SSH configuration, which builds cannot use: use ProxyJump`)
  return options
}

function first(options: HostOptions, name: string): string {
  return options.get(name)?.[0] ?? ''
}

const settings = {
  HostName: 'hostname',
  User: 'user',
  Port: 'port',
  HostKeyAlias: 'hostkeyalias',
  ProxyJump: 'proxyjump',
  CertificateFile: 'certificatefile',
}

function formatHost(options: HostOptions): readonly string[] {
  return Object.entries(settings)
    .map(([option, key]) => [option, expandHome(first(options, key))])
    .filter(([, value = '']) => isName(value))
    .map(([option, value]) => `${option} ${value}`)
}

/** The keys that ssh offers to this host: those of the agent, and the identity files that exist. */
function formatKeys(name: string, options: HostOptions, env: Env): readonly string[] {
  const files = (options.get('identityfile') ?? []).map((path) => expandTokens(expandHome(path), name, options))
  const agent = first(options, 'identityagent')
  const socket = agent.startsWith('$') ? (env[agent.replace(/[${}]/g, '')] ?? '') : expandHome(agent)
  return [
    // Of a key that only the agent or a token holds, there is only the public half.
    ...files.filter((path) => existsSync(path) || existsSync(`${path}.pub`)).map((path) => `IdentityFile ${path}`),
    ...(first(options, 'identitiesonly') === 'yes' ? ['IdentitiesOnly yes'] : []),
    ...(['', 'SSH_AUTH_SOCK'].includes(socket) ? [] : [`IdentityAgent ${expandTokens(socket, name, options)}`]),
  ]
}

/** Tokens of ssh_config(5) that `ssh -G` leaves as they are. */
function expandTokens(path: string, name: string, options: HostOptions): string {
  const values: Readonly<Record<string, string>> = {
    '%': '%',
    d: homeDir(),
    h: first(options, 'hostname'),
    n: name,
    p: first(options, 'port'),
    r: first(options, 'user'),
    u: userInfo().username,
  }
  return path.replace(/%([%dhnpru])/g, (token, letter: string) => values[letter] ?? token)
}

function expandHome(path: string): string {
  return path.replace(/^~(?=\/)/, homeDir())
}

/** The lines for these hosts only: others are not needed, and may be invalid. */
async function findKnownHosts(hosts: ReadonlyMap<string, HostOptions>): Promise<string> {
  const lines = new Set<string>()
  for (const [name, options] of hosts) {
    const files = [...(options.get('userknownhostsfile') ?? []), ...(options.get('globalknownhostsfile') ?? [])]
    const [alias, address, port] = [
      first(options, 'hostkeyalias'),
      first(options, 'hostname') || name,
      first(options, 'port'),
    ]
    const entry = alias !== '' ? alias : port === '22' ? address : `[${address}]:${port}`
    for (const file of files
      .flatMap((list) => list.split(' '))
      .map(expandHome)
      .filter(existsSync)) {
      const { stdout } = await exec('ssh-keygen', ['-F', entry, '-f', file], { deadline })
      for (const line of stdout.split('\n')) if (line !== '' && !line.startsWith('#')) lines.add(line)
    }
  }
  return [...lines].join('\n')
}
