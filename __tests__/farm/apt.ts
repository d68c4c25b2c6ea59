import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, tryRun } from './exec.ts'
import { log } from './log.ts'

const architectures: readonly string[] = ['amd64', 'arm64', 'armhf', 'i386']
/** Of Debian: the newest one that is not unstable. */
const usual = 'forky'
const keyring = 'debian-archive-keyring.gpg'
const hostKeyring = join('/usr/share/keyrings', keyring)

/** An apt with its own sources, state and cache, independent of the host's. */
export interface Apt {
  dir: string
  env: NodeJS.ProcessEnv
}

interface AptOptions {
  /** Architectures besides those of the farm's base image, in Debian's words. */
  readonly more?: readonly string[]
  readonly suite?: string
}

export async function createApt(dir: string, { more = [], suite = usual }: AptOptions = {}): Promise<Apt> {
  for (const tool of ['apt-get', 'dpkg-deb', 'tar']) {
    if ((await tryRun('which', [tool])).code !== 0)
      throw new Error(
        `the farm installs its daemons from Debian packages and needs ${tool}, which is not installed; ` +
          'run it on Debian or Ubuntu',
      )
  }
  await mkdir(join(dir, 'lists/partial'), { recursive: true })
  await mkdir(join(dir, 'archives/partial'), { recursive: true })
  await writeFile(join(dir, 'status'), '')
  await writeFile(
    join(dir, 'sources.list'),
    `deb [signed-by=${await debianKeyring(dir)}] ${await debianMirror()} ${suite} main\n`,
  )
  await writeFile(
    join(dir, 'apt.conf'),
    [
      `Dir::Etc::sourcelist "${dir}/sources.list";`,
      'Dir::Etc::sourceparts "/dev/null";',
      `Dir::State "${dir}";`,
      `Dir::State::status "${dir}/status";`,
      `Dir::Cache "${dir}";`,
      'APT::Architecture "amd64";',
      `APT::Architectures { ${architectures
        .concat(more)
        .map((name) => `"${name}"; `)
        .join('')}};`,
      'APT::Sandbox::User "root";',
      'APT::Install-Recommends "false";',
      'Acquire::Languages "none";',
      'Acquire::Retries "3";',
    ].join('\n'),
  )
  const env = { ...process.env, APT_CONFIG: join(dir, 'apt.conf'), LC_ALL: 'C' }
  log(`reading the package lists of Debian ${suite} (about 40 MB) …`)
  await run('apt-get', ['-qq', 'update'], { env })
  return { dir, env }
}

/** Downloads packages with all dependencies: with an empty status file apt treats nothing as installed. */
export async function fetchWithDependencies(apt: Apt, packages: string[]): Promise<string[]> {
  await run('apt-get', ['-qq', '-y', '--download-only', 'install', ...packages], { env: apt.env })
  const archives = join(apt.dir, 'archives')
  const debs = (await readdir(archives)).filter((f) => f.endsWith('.deb')).map((f) => join(archives, f))
  if (debs.length === 0) throw new Error(`apt downloaded nothing for ${packages.join(' ')}`)
  return debs
}

export async function fetchOnly(apt: Apt, packages: string[], into: string): Promise<string[]> {
  await mkdir(into, { recursive: true })
  await run('apt-get', ['-qq', 'download', ...packages], { env: apt.env, cwd: into })
  return (await readdir(into)).filter((f) => f.endsWith('.deb')).map((f) => join(into, f))
}

/** `dpkg -x` would replace the merged-/usr symlinks by directories; tar has an option against that. */
export async function unpack(debs: string[], into: string): Promise<void> {
  await mkdir(into, { recursive: true })
  for (const deb of debs)
    await run('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"', 'sh', deb, into])
}

export async function versions(debs: string[]): Promise<string> {
  const lines = await Promise.all(debs.map((deb) => run('dpkg-deb', ['--show', deb])))
  return lines.sort().join('')
}

async function debianMirror(): Promise<string> {
  const fromEnv = process.env['FARM_DEBIAN_MIRROR']
  if (fromEnv) return fromEnv
  const { stdout } = await tryRun('apt-get', ['indextargets', '--format', '$(ORIGIN) $(CODENAME) $(REPO_URI)'])
  const found = stdout
    .split('\n')
    .map((l) => l.split(' '))
    .find(
      ([origin, codename, uri]) => origin === 'Debian' && uri && !/-security|-updates|-backports/.test(codename ?? ''),
    )
  if (!found?.[2])
    throw new Error(
      'apt on this host has no Debian mirror or no package lists. Run apt-get update; ' +
        'on Ubuntu, set FARM_DEBIAN_MIRROR=<URL>',
    )
  return found[2]
}

async function debianKeyring(dir: string): Promise<string> {
  if (existsSync(hostKeyring)) return hostKeyring
  const { code, stderr } = await tryRun('apt-get', ['-qq', 'download', 'debian-archive-keyring'], { cwd: dir })
  if (code !== 0)
    throw new Error(`Debian's signing keys are missing: install debian-archive-keyring (${stderr.trim()})`)
  const debs = (await readdir(dir)).filter((f) => f.endsWith('.deb')).map((f) => join(dir, f))
  await unpack(debs, join(dir, 'keyring'))
  await Promise.all(debs.map((deb) => rm(deb)))
  const base = join(dir, 'keyring/usr/share/keyrings')
  const found = ['debian-archive-keyring.pgp', keyring].map((f) => join(base, f)).find(existsSync)
  if (!found) throw new Error('the package debian-archive-keyring does not contain the expected keyring')
  return found
}
