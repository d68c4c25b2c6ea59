import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { exec } from '../lib/exec.ts'
import { homeDir } from '../lib/files.ts'
import type { Env } from '../lib/lists.ts'
import { UsageError, type Values } from './options.ts'

/** Options of ssh as `ssh -G` prints them: the names are in lower case, and some occur several times. */
type HostOptions = ReadonlyMap<string, readonly string[]>

const deadline = 10_000
const mostHosts = 32

/**
 * The SSH inputs for hosts in `nodes`, from the user's own configuration, known hosts and keys. OpenSSH itself reads
 * the files, so that aliases, `Include` and `Match` have their usual meaning.
 *
 * @throws UsageError if a host is reached in a way that the action does not support
 */
export async function readSshSettings(nodes: string, env: Env): Promise<Values> {
  const names = [...nodes.matchAll(/ssh:\/\/(?:[^@\s/]*@)?(\[[^\]]+\]|[^\s:/,]+)/g)].map(([, host = '']) => host)
  const hosts = await resolveHosts(names.map((name) => name.replace(/^\[|\]$/g, '')))
  if (hosts.size === 0) return {}
  const [config, known, keys] = [formatHosts(hosts), await findKnownHosts(hosts), await readKeys(hosts, env)]
  return { 'ssh-config': config, 'ssh-known-hosts': known, ...(keys !== '' && { 'ssh-private-key': keys }) }
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

function formatHosts(hosts: ReadonlyMap<string, HostOptions>): string {
  const settings = {
    HostName: 'hostname',
    User: 'user',
    Port: 'port',
    HostKeyAlias: 'hostkeyalias',
    ProxyJump: 'proxyjump',
    CertificateFile: 'certificatefile',
  }
  return [...hosts]
    .flatMap(([name, options]) => [
      `Host ${name}`,
      ...Object.entries(settings)
        .map(([option, key]) => [option, expandHome(first(options, key))])
        .filter(([, value = '']) => isName(value))
        .map(([option, value]) => `  ${option} ${value}`),
    ])
    .join('\n')
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

/** An agent with keys is used as it is; without one, the identity files that need no passphrase. */
async function readKeys(hosts: ReadonlyMap<string, HostOptions>, env: Env): Promise<string> {
  if ((env['SSH_AUTH_SOCK'] ?? '') !== '' && (await exec('ssh-add', ['-l'], { deadline })).code === 0) return ''
  const files = new Set([...hosts.values()].flatMap((options) => options.get('identityfile') ?? []).map(expandHome))
  const keys: string[] = []
  for (const file of [...files].filter(existsSync))
    if ((await exec('ssh-keygen', ['-y', '-P', '', '-f', file], { deadline })).code === 0)
      keys.push(await readFile(file, 'utf8'))
  return keys.join('\n')
}
