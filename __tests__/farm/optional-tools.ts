import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createApt, fetchOnly, unpack } from './apt.ts'
import { run, tryRun } from './exec.ts'
import { cacheDir, farmSources, projectRoot } from './paths.ts'
import { log } from './log.ts'
import { buildkitVersion, layOutDebian, locked } from './tools.ts'

/** A tool that is installed only if a test needs it. */
interface Part {
  name: string
  /** Its folder of tools/, if that has another name. */
  source?: string
  files: readonly string[]
  what: string
  time: string
  build: (module: string, into: string) => Promise<void>
}

const goEnv = { GOFLAGS: '-mod=readonly -buildvcs=false', GOTOOLCHAIN: 'auto', GOWORK: 'off' }

const gitea: Part = {
  name: 'gitea',
  files: ['go.mod', 'go.sum'],
  what: 'Gitea',
  time: 'one to eight minutes',
  build: async (module, into) => {
    if ((await tryRun('cc', ['--version'])).code !== 0)
      throw new Error('Gitea needs a C compiler for its database: install gcc and libc6-dev')
    const env = { ...process.env, ...goEnv, CGO_ENABLED: '1' }
    const go = await findGo()
    await run(
      go,
      [
        'build',
        '-trimpath',
        '-tags',
        'sqlite sqlite_unlock_notify',
        '-ldflags',
        '-s -w -X main.Version=1.26.0',
        '-o',
        `${into}/bin/`,
        'tool',
      ],
      { cwd: module, env },
    )
    // Gitea reads these files at run time, when the module cache may be empty.
    const source = (await run(go, ['list', '-m', '-f', '{{.Dir}}', 'code.gitea.io/gitea'], { cwd: module, env })).trim()
    for (const dir of ['options', 'templates', 'public'])
      await run('cp', ['-r', '--no-preserve=mode', join(source, dir), join(into, dir)])
  },
}

/** A command of this repository: a Go module of its own. */
const ownCommand = (name: string, what: string, time: string, more: readonly string[] = []): Part => ({
  name,
  files: ['go.mod', 'go.sum', 'main.go', ...more],
  what,
  time,
  build: buildModule('.'),
})

/** Its own command needs modules that are no longer available, so main.go serves its handlers. */
const registry2 = ownCommand('registry2', 'distribution 2.8', 'half a minute')
/** The first version of GitHub's cache service, which runners of Forgejo and Gitea have. */
const ghaCache = ownCommand('gha-cache', 'a cache service', 'some seconds')
/** An SSH server that needs no key, as Tailscale's. */
const keylessSsh = ownCommand('keyless-ssh', 'an SSH server without keys', 'some seconds')
/** A cluster's API, over engines. */
const kubernetes = ownCommand('kubernetes', 'a cluster', 'some seconds', ['api.go', 'check.go', 'exec.go', 'pods.go'])
const kubectl = ownCommand('kubectl', 'kubectl', 'about a minute')

/** An S3 gateway for a directory. */
const s3: Part = {
  name: 's3',
  files: ['go.mod', 'go.sum'],
  what: 'versitygw',
  time: 'about two minutes',
  build: buildModule('tool'),
}

/** Azure's emulator of its blob storage. */
const azurite: Part = {
  name: 'azurite',
  files: ['package.json', 'package-lock.json'],
  what: 'Azurite',
  time: 'half a minute',
  build: installPackages,
}

/** What renders Markdown as GitHub does. */
const pictures: Part = {
  name: 'pictures',
  files: ['package.json', 'package-lock.json'],
  what: 'a renderer of Markdown',
  time: 'half a minute',
  build: installPackages,
}

/** Fulcio and Rekor, which issue certificates for keyless signatures and log them. */
const sigstore: Part = {
  name: 'sigstore',
  files: ['package.json', 'package-lock.json', 'main.mjs'],
  what: 'a Sigstore',
  time: 'some seconds',
  build: async (module, into) => {
    await installPackages(module, into)
    await cp(join(module, 'main.mjs'), join(into, 'main.mjs'))
  },
}

async function installPackages(module: string, into: string): Promise<void> {
  await cp(join(projectRoot, '.npmrc'), join(module, '.npmrc'))
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: module })
  await rename(join(module, 'node_modules'), join(into, 'node_modules'))
}

/** Signs images. */
const cosign: Part = {
  name: 'cosign',
  files: ['go.mod', 'go.sum'],
  what: 'cosign',
  time: 'two to five minutes',
  build: buildModule('tool', '-X sigs.k8s.io/release-utils/version.gitVersion=v3.1.3'),
}

/** The newest Zot whose modules are all available, without its extensions. */
const zot: Part = {
  name: 'zot',
  files: ['go.mod', 'go.sum'],
  what: 'Zot',
  time: 'one to three minutes',
  build: buildModule('tool', '', 'containers_image_openpgp'),
}

/** Runs whole workflows. */
const act: Part = {
  name: 'act',
  files: ['go.mod', 'go.sum'],
  what: 'act',
  time: 'about a minute',
  build: buildModule('tool'),
}

/** Programs that check the files of docs/nodes, with their Debian. */
const checkers: Part = {
  name: 'checkers',
  files: ['packages'],
  what: 'the checkers of cloud-init, systemd, Nix and shell scripts',
  time: 'about a minute',
  build: async (module, into) => {
    await mkdir(join(await buildDebian(module, into), 'usr/local'))
  },
}

/** BuildKit for a riscv64 machine, from the modules of the farm's own, with a shell of Debian. */
const riscv64: Part = {
  name: 'riscv64',
  source: 'go',
  files: ['go.mod', 'go.sum'],
  what: 'BuildKit for riscv64',
  time: 'two to thirteen minutes',
  build: async (module, into) => {
    const [root, debs] = [join(into, 'root'), join(into, 'debs')]
    const apt = await createApt(join(into, 'apt'), { more: ['riscv64'] })
    await unpack(await fetchOnly(apt, ['busybox-static:riscv64'], debs), root)
    for (const dir of [apt.dir, debs, join(root, 'usr/share')]) await rm(dir, { recursive: true })
    const flags = `-s -w -X github.com/moby/buildkit/version.Version=${buildkitVersion}`
    const programs = ['buildkitd', 'buildctl'].map((name) => `github.com/moby/buildkit/cmd/${name}`)
    await run(
      await findGo(),
      ['build', '-trimpath', '-ldflags', flags, '-o', `${join(root, 'usr/bin')}/`, ...programs],
      {
        cwd: module,
        env: { ...process.env, ...goEnv, CGO_ENABLED: '0', GOOS: 'linux', GOARCH: 'riscv64' },
      },
    )
  },
}

/** Scans programs for known vulnerabilities. */
const govulncheck: Part = {
  name: 'govulncheck',
  files: ['go.mod', 'go.sum'],
  what: 'govulncheck',
  time: 'about half a minute',
  build: buildModule('tool'),
}

/** Pulls images as SIF files; only Debian unstable has it. */
const apptainer: Part = {
  name: 'apptainer',
  files: ['packages'],
  what: 'Apptainer',
  time: 'about a minute',
  build: async (module, into) => {
    const root = await buildDebian(module, into, 'sid')
    const files = { passwd: 'root:x:0:0:root:/root:/bin/sh\n', hosts: '', 'resolv.conf': '' }
    for (const [name, text] of Object.entries(files)) await writeFile(join(root, 'etc', name), text)
  },
}

/** Receives metrics over OTLP, and answers queries. Without service discovery, whose clients are most of its code. */
const prometheus: Part = {
  name: 'prometheus',
  files: ['go.mod', 'go.sum'],
  what: 'Prometheus',
  time: 'two to ten minutes',
  build: buildModule('tool', '', 'remove_all_sd'),
}

/** Lays out the packages that a tool lists, of the farm's suite of Debian or another one; returns their root. */
async function buildDebian(module: string, into: string, suite?: string): Promise<string> {
  const packages = readFileSync(join(module, 'packages'), 'utf8').trim().split('\n')
  const apt = await createApt(join(into, 'apt'), { ...(suite !== undefined && { suite }) })
  const root = join(into, 'root')
  await layOutDebian(apt, packages, root)
  await rm(apt.dir, { recursive: true })
  return root
}

function buildModule(what: string, flags = '', tags = ''): Part['build'] {
  return async (module, into) => {
    const options = ['-trimpath', '-tags', tags, '-ldflags', `-s -w ${flags}`, '-o', `${into}/bin/`]
    await run(await findGo(), ['build', ...options, what], {
      cwd: module,
      env: { ...process.env, ...goEnv, CGO_ENABLED: '0' },
    })
  }
}

export async function ensureCosign(): Promise<string> {
  return join(await ensure(cosign), 'bin/cosign')
}

export async function ensureZot(): Promise<string> {
  return join(await ensure(zot), 'bin/zot')
}

export async function ensureKeylessSsh(): Promise<string> {
  return join(await ensure(keylessSsh), 'bin/keyless-ssh')
}

/** Returns a root directory with BuildKit and busybox for riscv64. */
export async function ensureRiscv64(): Promise<string> {
  return join(await ensure(riscv64), 'root')
}

export async function ensureGovulncheck(): Promise<string> {
  return join(await ensure(govulncheck), 'bin/govulncheck')
}

/** Returns the root directory of its Debian. */
export async function ensureApptainer(): Promise<string> {
  return join(await ensure(apptainer), 'root')
}

export async function ensureGhaCache(): Promise<string> {
  return join(await ensure(ghaCache), 'bin/gha-cache')
}

export async function ensureKubernetes(): Promise<string> {
  return join(await ensure(kubernetes), 'bin/kubernetes')
}

/** Returns its directory, for PATH. */
export async function ensureKubectl(): Promise<string> {
  return join(await ensure(kubectl), 'bin')
}

export async function ensureS3(): Promise<string> {
  return join(await ensure(s3), 'bin/versitygw')
}

export async function ensureAzurite(): Promise<string> {
  return join(await ensure(azurite), 'node_modules/azurite/dist/src/blob/main.js')
}

/** Returns the root directory of their Debian. */
export async function ensureCheckers(): Promise<string> {
  return join(await ensure(checkers), 'root')
}

/** Returns the directory of its packages. */
export async function ensurePictures(): Promise<string> {
  return join(await ensure(pictures), 'node_modules')
}

export async function ensureSigstore(): Promise<string> {
  return join(await ensure(sigstore), 'main.mjs')
}

export async function ensureAct(): Promise<string> {
  return join(await ensure(act), 'bin/act')
}

export async function ensurePrometheus(): Promise<string> {
  return join(await ensure(prometheus), 'bin/prometheus')
}

/** Returns the program and the directory with its files. */
export async function ensureGitea(): Promise<{ program: string; dir: string }> {
  const dir = await ensure(gitea)
  return { program: join(dir, 'bin/gitea'), dir }
}

export async function ensureRegistry2(): Promise<string> {
  return join(await ensure(registry2), 'bin/registry2')
}

/** Builds in a temporary directory and renames it, so that an incomplete tool is never used. */
async function ensure({ name, source: folder = name, files, what, time, build }: Part): Promise<string> {
  const source = join(farmSources, 'tools', folder)
  const hash = createHash('sha256')
    .update(['1', ...files.map((file) => readFileSync(join(source, file), 'utf8'))].join('\n'))
    .digest('hex')
    .slice(0, 12)
  const dir = join(cacheDir, `${name}-${hash}`)
  if (existsSync(dir)) return dir
  await locked(async () => {
    if (existsSync(dir)) return
    const half = `${dir}.half`
    await rm(half, { recursive: true, force: true })
    await mkdir(join(half, 'bin'), { recursive: true })
    const module = join(half, 'module')
    await cp(source, module, { recursive: true })
    log(`installing ${what}, ${time} …`)
    await build(module, half)
    await rename(half, dir)
  }, name)
  return dir
}

/** The host's Go, or the one that the farm's own tools were built with. */
async function findGo(): Promise<string> {
  const { code, stdout } = await tryRun('go', ['env', 'GOVERSION'])
  if (code === 0 && Number(/^go1\.(\d+)/.exec(stdout)?.[1] ?? 0) >= 21) return 'go'
  const farms = join(cacheDir, 'golang/usr/lib/go-1.26/bin/go')
  if (existsSync(farms)) return farms
  throw new Error('this test builds a program from Go modules and needs Go 1.21 or newer')
}
