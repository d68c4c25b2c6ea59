import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, copyFile, cp, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchOnly, fetchWithDependencies, createApt, unpack, versions } from './apt.ts'
import type { Apt } from './apt.ts'
import { run, tryRun } from './exec.ts'
import { cacheDir, farmSources } from './paths.ts'
import { log } from './log.ts'

export const buildxVersion = 'v0.38.2'
export const buildkitVersion = 'v0.34.2'

export interface Tools {
  dir: string
  /** A directory for PATH with docker, buildx, buildctl and nothing else. */
  bin: string
  /** For `cliPluginsExtraDirs`: holds docker-buildx. */
  plugins: string
  docker: string
  buildx: string
  buildctl: string
  buildkitd: string
  registry: string
  /** The network front of a machine. */
  front: string
  qemu: { arm64: string; arm: string; riscv64: string }
  /** The file system of a machine: a Debian with an engine and an sshd. */
  rootfs: string
  /** Statically linked busybox by Debian's name of the architecture. */
  busybox: Record<'amd64' | 'arm64' | 'armhf' | 'i386', string>
}

/** The packages of every machine. */
const machinePackages = [
  'docker.io',
  'docker-cli',
  'containerd',
  'runc',
  'openssh-server',
  'openssh-client',
  'tini-static',
  'busybox-static',
  'dash',
  'libc-bin',
  'passwd',
  'bash',
  'coreutils',
  'grep',
  'sed',
  'procps',
  'util-linux',
  'mount',
  'iproute2',
  'ca-certificates',
  'qemu-user',
]
const foreign = ['arm64', 'armhf', 'i386'] as const

/**
 * Installs missing tools. Several callers at once wait for each other. From here on the
 * calling process writes what all may read, whatever its umask was: users of the machines run the tools and read their
 * settings.
 */
export async function ensureTools(): Promise<Tools> {
  process.umask(0o022)
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('the farm runs on Linux on x86-64 only')
  if (process.getuid?.() !== 0)
    throw new Error('the farm creates network namespaces and mounts, so it must run as root')
  for (const tool of ['unshare', 'nsenter', 'setpriv', 'flock', 'mount', 'ssh-keygen']) {
    if ((await tryRun('sh', ['-c', `command -v ${tool}`])).code !== 0)
      throw new Error(`the farm needs ${tool}, which this host lacks: install util-linux and openssh-client`)
  }
  const parts = {
    go: part('go', ['go/go.mod', 'go/go.sum']),
    registry: part('registry', ['registry/go.mod', 'registry/go.sum', 'registry/main.go']),
    front: part('front', ['front/go.mod', 'front/main.go']),
    debian: join(cacheDir, `debian-${hash(['2', ...machinePackages])}`),
    busybox: join(cacheDir, `busybox-${hash(['1', ...foreign])}`),
  }
  if (!Object.values(parts).every(existsSync)) await locked(() => install(parts))
  const rootfs = parts.debian
  const bin = join(parts.go, 'path')
  return {
    dir: cacheDir,
    bin,
    plugins: join(parts.go, 'plugins'),
    rootfs,
    docker: join(bin, 'docker'),
    buildx: join(bin, 'buildx'),
    buildctl: join(bin, 'buildctl'),
    buildkitd: join(parts.go, 'bin/buildkitd'),
    registry: join(parts.registry, 'bin/registry'),
    front: join(parts.front, 'bin/front'),
    qemu: {
      arm64: join(rootfs, 'usr/bin/qemu-aarch64'),
      arm: join(rootfs, 'usr/bin/qemu-arm'),
      riscv64: join(rootfs, 'usr/bin/qemu-riscv64'),
    },
    busybox: {
      amd64: join(rootfs, 'usr/bin/busybox'),
      arm64: join(parts.busybox, 'arm64'),
      armhf: join(parts.busybox, 'armhf'),
      i386: join(parts.busybox, 'i386'),
    },
  }
}

interface Parts {
  go: string
  registry: string
  front: string
  debian: string
  busybox: string
}

async function install(parts: Parts): Promise<void> {
  let opened: Promise<Apt> | undefined
  const aptDir = join(cacheDir, `apt-${process.pid}`)
  const apt = (): Promise<Apt> => (opened ??= createApt(aptDir))
  const debian = async (): Promise<void> => {
    await whole(parts.debian, (into) => installDebian(apt, into))
    await whole(parts.busybox, (into) => installBusybox(apt, into))
  }
  try {
    // Packages are downloaded while Go programs are built. If one fails, the other still ends before its files go.
    const unpacked = debian()
    const results = await Promise.allSettled([unpacked, buildPrograms(parts, apt, unpacked)])
    for (const result of results) if (result.status === 'rejected') throw result.reason
  } finally {
    await rm(aptDir, { recursive: true, force: true })
  }
  log(`tools are in ${cacheDir}`)
}

async function buildPrograms(parts: Parts, apt: () => Promise<Apt>, unpacked: Promise<void>): Promise<void> {
  await whole(parts.registry, (into) => goBuild(apt, into, { name: 'registry', time: 'about a minute', target: '.' }))
  await whole(parts.front, (into) => goBuild(apt, into, { name: 'front', time: 'a few seconds', target: '.' }))
  await whole(parts.go, async (into) => {
    await goBuild(apt, into, { name: 'go', title: 'buildx and BuildKit', time: 'about 3 minutes' })
    await unpacked
    await makePath(into, parts.debian)
  })
}

/** Builds in a temporary directory and renames it, so that an incomplete part is never used. */
async function whole(dir: string, build: (into: string) => Promise<void>): Promise<void> {
  if (existsSync(dir)) return
  const half = `${dir}.half`
  await rm(half, { recursive: true, force: true })
  await mkdir(half, { recursive: true })
  await build(half)
  await rename(half, dir)
}

async function installDebian(apt: () => Promise<Apt>, into: string): Promise<void> {
  const opened = await apt()
  log('downloading engine, containerd, runc, sshd and what they need from Debian (about 100 MB) …')
  await layOutDebian(opened, machinePackages, into)
  for (const dir of ['share', 'opt/farm', 'var/lib/docker', 'var/lib/buildkit'])
    await mkdir(join(into, dir), { recursive: true })
}

/** Unpacks packages with all their dependencies into a file system of their own. Their scripts do not run. */
export async function layOutDebian(apt: Apt, packages: string[], into: string): Promise<void> {
  const debs = await fetchWithDependencies(apt, packages)
  for (const dir of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(join(into, 'usr', dir), { recursive: true })
    await symlink(`usr/${dir}`, join(into, dir))
  }
  for (const dir of ['proc', 'sys', 'dev', 'run', 'tmp', 'var', 'etc', 'home', 'root'])
    await mkdir(join(into, dir), { recursive: true })
  await unpack(debs, into)
  await rm(join(into, 'var/run'), { recursive: true, force: true })
  await symlink('/run', join(into, 'var/run'))
  await writeFile(join(into, 'versions.txt'), await versions(debs))
  await rm(join(apt.dir, 'archives'), { recursive: true, force: true })
}

async function installBusybox(apt: () => Promise<Apt>, into: string): Promise<void> {
  const opened = await apt()
  log('downloading busybox for foreign architectures …')
  for (const arch of foreign) {
    const work = join(opened.dir, `busybox-${arch}`)
    await unpack(await fetchOnly(opened, [`busybox-static:${arch}`], work), join(work, 'x'))
    await copyFile(join(work, 'x/usr/bin/busybox'), join(into, arch))
  }
}

interface GoModule {
  /** A folder of tools/. */
  name: string
  title?: string
  time: string
  target?: string
}

async function goBuild(apt: () => Promise<Apt>, into: string, module: GoModule): Promise<void> {
  const { name, title = `the ${name}`, time, target = 'tool' } = module
  const cwd = join(into, 'module')
  await cp(join(farmSources, 'tools', name), cwd, { recursive: true })
  const { go, env } = await findGo(apt)
  log(`building ${title} from Go modules, ${time} …`)
  const flags = [
    '-s -w',
    `-X github.com/docker/buildx/version.Version=${buildxVersion}`,
    `-X github.com/moby/buildkit/version.Version=${buildkitVersion}`,
  ].join(' ')
  await mkdir(join(into, 'bin'))
  // Without debug information, which `-s -w` drops, the compiler needs a tenth less time.
  const compiler = ['-trimpath', '-gcflags=all=-dwarf=false', '-ldflags', flags]
  await run(go, ['build', ...compiler, '-o', `${join(into, 'bin')}/`, target], {
    cwd,
    env: {
      ...process.env,
      ...env,
      CGO_ENABLED: '0',
      GOFLAGS: '-mod=readonly -buildvcs=false',
      GOTOOLCHAIN: 'auto',
      GOWORK: 'off',
    },
  })
}

/** Go 1.21 or newer downloads the toolchain of go.mod; without Go, Debian's is unpacked next to the tools. */
async function findGo(apt: () => Promise<Apt>): Promise<{ go: string; env: NodeJS.ProcessEnv }> {
  const { code, stdout } = await tryRun('go', ['env', 'GOVERSION'])
  const minor = Number(/^go1\.(\d+)/.exec(stdout)?.[1] ?? 0)
  if (code === 0 && minor >= 21) return { go: 'go', env: {} }
  const dir = join(cacheDir, 'golang')
  await whole(dir, async (into) => {
    const opened = await apt()
    log("this host has no Go of at least 1.21; unpacking Debian's …")
    await unpack(await fetchOnly(opened, ['golang-1.26-go', 'golang-1.26-src'], join(opened.dir, 'golang')), into)
  })
  const root = join(dir, 'usr/lib/go-1.26')
  return { go: join(root, 'bin/go'), env: { GOROOT: root } }
}

/** A directory for PATH with the tools, which hides nothing else. */
async function makePath(into: string, rootfs: string): Promise<void> {
  await mkdir(join(into, 'path'))
  await mkdir(join(into, 'plugins'))
  for (const tool of ['buildx', 'buildctl']) await symlink(`../bin/${tool}`, join(into, 'path', tool))
  await symlink('../bin/buildx', join(into, 'plugins/docker-buildx'))
  const docker = join(into, 'path/docker')
  if ((await tryRun(join(rootfs, 'usr/bin/docker'), ['--version'])).code === 0) {
    await symlink(join(rootfs, 'usr/bin/docker'), docker)
    return
  }
  await writeFile(
    docker,
    `#!/bin/sh\nexec ${[...loaderCommand(rootfs), join(rootfs, 'usr/bin/docker')].join(' ')} "$@"\n`,
  )
  await chmod(docker, 0o755)
}

/** Runs a program of the machines' Debian on a host with an older C library. */
export function loaderCommand(rootfs: string): string[] {
  return [join(rootfs, 'usr/lib64/ld-linux-x86-64.so.2'), '--library-path', join(rootfs, 'usr/lib/x86_64-linux-gnu')]
}

/** The lock of an optional tool, or of all other parts. */
const lockOf = (part = ''): string => join(cacheDir, part === '' ? 'lock' : `lock-${part}`)

/** The kernel releases the lock when its holder ends. Slow parts have a lock of their own. */
export async function locked<T>(work: () => Promise<T>, part?: string): Promise<T> {
  await mkdir(cacheDir, { recursive: true })
  const holder = spawn('flock', [lockOf(part), 'sh', '-c', 'echo locked; cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await new Promise<void>((resolve, reject) => {
    const waiting = setTimeout(() => log('waiting for another farm that is installing tools …'), 1000)
    holder.stdout.once('data', () => {
      clearTimeout(waiting)
      resolve()
    })
    holder.once('error', reject)
  })
  try {
    return await work()
  } finally {
    holder.stdin.end()
  }
}

/** Removes the leftovers of an interrupted installation. */
export async function removeIncomplete(): Promise<void> {
  for (const name of await readdir(cacheDir).catch(() => [])) {
    if (!name.endsWith('.half') && !name.startsWith('apt-')) continue
    const part = name.replace(/-[^-]*\.half$/, '')
    // The lock of a part that is being installed is taken.
    if (existsSync(lockOf(part))) await tryRun('flock', ['--nonblock', lockOf(part), 'rm', '-rf', join(cacheDir, name)])
    else await rm(join(cacheDir, name), { recursive: true, force: true })
  }
}

const part = (name: string, files: string[]): string =>
  join(cacheDir, `${name}-${hash(['1', ...files.map((f) => readFileSync(join(farmSources, 'tools', f), 'utf8'))])}`)
const hash = (values: string[]): string => createHash('sha256').update(values.join('\n')).digest('hex').slice(0, 12)
