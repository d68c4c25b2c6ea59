import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ensureApptainer, ensureCosign, ensureGovulncheck } from '../farm/optional-tools.ts'
import { runWorkflow, type WorkflowRun } from './act.ts'
import { appFiles, mapConcurrently, storedIndex, storedTags, type Farm } from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'

const setup = useFarm()
let farm: Farm
let dir: string
let repositories = 0

beforeAll(() => {
  farm = setup.farm
  dir = mkdtempSync(join(tmpdir(), 'examples-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface ExampleRun extends Partial<WorkflowRun> {
  /** The exit code of the runner. */
  readonly expected?: number
  /** What is different here. */
  readonly edit?: (workflow: string) => string
}

/** Runs an example of the docs on a runner, with this action, the nodes and the registry of the farm. */
async function runExample(name: string, { expected = 0, edit = (text) => text, ...more }: ExampleRun = {}) {
  const { host } = farm.registry
  const repository = more.repository ?? `acme/example-${process.pid}-${Date.now()}-${repositories++}`
  const options = `driver-opts: "image=${farm.images.buildkit}\\nnetwork=host"`
  const workflow = edit(docs(`examples/${name}.yml`))
    .replace(/org\/multiarch-build(\S*)@v1/g, '.$1/')
    // This action is in the checkout.
    .replace(/^( *)steps:\n(?! *- uses: actions\/checkout)/gm, '$1steps:\n$1  - uses: actions/checkout@v5\n')
    .replace(/(registry: |login )(?:ghcr|docker|quay)\.io$/gm, `$1${host}`)
    .replace(/login ghcr\.io/g, `login ${host}`)
    .replaceAll('ghcr.io/', `${host}/`)
    .replace(/(docker|quay)\.io\//g, `${host}/$1/`)
    // These tools are in the PATH of the runner.
    .replace(/^ *- uses: (?:sigstore\/cosign-installer|eWaterCycle\/setup-apptainer)@.*\n/gm, '')
    .replace(/^( *)ssh-known-hosts: .*$/gm, (line, indent: string) => `${line}\n${indent}${options}`)
  const result = await runWorkflow(farm, dir, {
    files: appFiles(farm),
    ...more,
    workflow,
    repository,
    secrets: withoutEmpty({
      BUILDKIT_SSH_KEY: farm.privateKey,
      GITHUB_TOKEN: 'none',
      DOCKERHUB_TOKEN: 'none',
      QUAY_TOKEN: 'none',
      ...more.secrets,
    }),
    variables: withoutEmpty({
      NODES: `linux/amd64 = ${farm.nodes.amd.endpoint}\nlinux/arm64 = ${farm.nodes.arm.endpoint}`,
      BUILDKIT_KNOWN_HOSTS: farm.knownHosts,
      DOCKERHUB_USER: 'acme',
      QUAY_USER: 'acme',
      ...more.variables,
    }),
  })
  if (result.code !== expected) throw new Error(result.log)
  return { ...result, image: `${host}/${repository}`, mirror: (of: string) => `${host}/${of}/${repository}` }
}

/** As if they were not set: act asks for an empty secret. */
function withoutEmpty(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''))
}

const released = async (image: string) => (await storedTags(farm, image)).filter((tag) => !tag.startsWith('buildcache'))
const platformsOf = async (image: string, tag: string) =>
  (await storedIndex(farm, image, tag))?.manifests.map(({ platform }) => platform.architecture).filter(isKnown)
const isKnown = (architecture: string) => architecture !== 'unknown'

const docs = (name: string) => readFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), 'utf8')

/** A program that has a vulnerability, or none, in the database of the scanner. */
async function scannedFiles(isVulnerable: boolean): Promise<Record<string, string | Uint8Array>> {
  const [, recipe = ''] = /```dockerfile\n(FROM golang:[^`]+)```/.exec(docs('testing.md')) ?? []
  const scanner = [
    `FROM ${farm.images.base} AS scanner`,
    'COPY --chmod=755 app /bin/govulncheck-1',
    'COPY database /database',
    `COPY --chmod=755 <<'EOF' /bin/govulncheck`,
    '#!/bin/sh',
    'exec govulncheck-1 -db=file:///database "$@"',
    'EOF',
  ]
  const scan = recipe.slice(recipe.indexOf('FROM scanner AS scan'))
  expect(scan).toContain('govulncheck -mode=binary /image/app')
  const [id, modified] = ['GO-2026-0001', '2026-01-01T00:00:00Z']
  const fixed = isVulnerable ? 'v9.0.0' : 'v0.0.1'
  const events = [{ introduced: '0' }, { fixed: fixed.slice(1) }]
  const imports = [{ path: 'golang.org/x/tools/go/packages', symbols: ['Load'] }]
  const affected = {
    package: { name: 'golang.org/x/tools', ecosystem: 'Go' },
    ranges: [{ type: 'SEMVER', events }],
    ecosystem_specific: { imports },
  }
  // Without its address, govulncheck 1.9 panics when it prints the vulnerability, and may exit with 0 nevertheless.
  const database_specific = { url: 'https://example.com/GO-2026-0001' }
  const report = { schema_version: '1.3.1', id, modified, summary: 'a test', affected: [affected], database_specific }
  return {
    Dockerfile: ['FROM scratch AS final', 'COPY app /app', ...scanner, scan].join('\n'),
    // The scanner is a Go program too.
    app: readFileSync(await ensureGovulncheck()),
    'database/index/db.json': JSON.stringify({ modified }),
    'database/index/modules.json': JSON.stringify([
      { path: 'golang.org/x/tools', vulns: [{ id, modified, fixed: fixed.slice(1) }] },
    ]),
    [`database/ID/${id}.json`]: JSON.stringify(report),
  }
}

/** Apptainer in its own Debian, which sees the files of the runner below the directory for temporary files. */
async function writeApptainer(): Promise<string> {
  const bin = join(dir, 'apptainer')
  mkdirSync(bin)
  const script = [
    'for name in proc sys dev tmp; do mount --rbind "/$name" "$0/$name"; done',
    'exec unshare --root="$0" --wd="$PWD" apptainer "$@"',
  ].join('\n')
  const env = 'APPTAINER_NOHTTPS=true PATH="/usr/sbin:/usr/bin:/sbin:/bin"'
  const command = `exec unshare --mount env ${env} sh -c '${script}' '${await ensureApptainer()}' "$@"`
  writeFileSync(join(bin, 'apptainer'), `#!/bin/sh\n${command}\n`, { mode: 0o755 })
  return bin
}

function manyImages(event: string, repository?: string, release = '1') {
  const child = 'ARG BASE\nFROM ${BASE} AS slim\nRUN test -e /base.txt\nFROM slim AS full\nRUN echo full > /full.txt\n'
  const files = {
    'base/Dockerfile': `FROM ${farm.images.base}\nRUN echo base > /base.txt\n`,
    'api/Dockerfile': child,
    'web/Dockerfile': child,
    // Each release is another commit.
    release,
  }
  return runExample('many-images', { files, event, ...(repository !== undefined && { repository }) })
}

async function manyImagesTwice() {
  const { image } = await manyImages('push')
  return await manyImages('push', image.slice(farm.registry.host.length + 1), '2')
}

function fork() {
  const repo = (name: string) => ({ full_name: name, default_branch: 'main' })
  const pull = { head: { ref: 'feature', repo: repo('mallory/app') }, base: { ref: 'main', repo: repo('acme/app') } }
  return runExample('pull-request', {
    event: 'pull_request',
    payload: { pull_request: pull },
    secrets: { BUILDKIT_SSH_KEY: '' },
    variables: { NODES: '', BUILDKIT_KNOWN_HOSTS: '' },
  })
}

async function verified(isVulnerable: boolean) {
  const cosign = await ensureCosign()
  const key = (name: string) => readFileSync(join(dir, `cosign.${name}`), 'utf8')
  return await runExample('verified', {
    payload: { ref: 'refs/tags/v1.2.3' },
    path: [dirname(cosign)],
    secrets: { SIGN_KEY: key('key'), SIGN_PASSWORD: 'open sesame' },
    variables: { SIGN_PUBLIC_KEY: key('pub') },
    files: await scannedFiles(isVulnerable),
    expected: isVulnerable ? 1 : 0,
  })
}

/**
 * On nodes, and signed with a key: the farm has no hosted runners and no identity. Without `digests`: act does not join
 * the outputs of a matrix as GitHub does.
 */
async function splitRelease() {
  const cosign = await ensureCosign()
  const nodes = [
    'nodes: ${{ vars.NODES }}',
    'ssh-private-key: ${{ secrets.BUILDKIT_SSH_KEY }}',
    'ssh-known-hosts: ${{ vars.BUILDKIT_KNOWN_HOSTS }}',
  ]
  const lines = (indent: string, ...texts: string[]) => texts.map((text) => `${indent}${text}\n`).join('')
  const key = ['sign: key', 'sign-key: ${{ secrets.SIGN_KEY }}', 'sign-password: ${{ secrets.SIGN_PASSWORD }}']
  const dockerfile = [`FROM ${farm.images.base} AS debian`, 'COPY --chmod=755 app /app', 'FROM debian AS alpine']
  return await runExample('split-release', {
    payload: { ref: 'refs/tags/v1.2.3' },
    path: [dirname(cosign)],
    secrets: { SIGN_KEY: readFileSync(join(dir, 'cosign.key'), 'utf8'), SIGN_PASSWORD: 'open sesame' },
    files: { Dockerfile: dockerfile.join('\n'), app: '#!/bin/sh\necho 1.2.3\n' },
    edit: (text) =>
      text
        .replace('ubuntu-24.04-arm', 'ubuntu-latest')
        .replace(/^ *digests: .*\n/m, '')
        .replace(/^( *)partial: true\n/m, (line, indent: string) => `${line}${lines(indent, ...nodes)}`)
        .replace(/^( *)sign: keyless\n/m, (_, indent: string) => lines(indent, ...key)),
  })
}

const copyLib = 'COPY shared/lib.txt /\n'
const monorepo = () => ({
  'services/api/Dockerfile': `FROM ${farm.images.base}\n${copyLib}`,
  'services/web/Dockerfile': `FROM ${farm.images.base}\n${copyLib}`,
  'shared/lib.txt': 'shared\n',
})

function changedService() {
  // Compared with the tree that has no files, every file is new.
  const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
  const files = { 'services/api/Dockerfile': `FROM ${farm.images.base}\n`, 'README.md': 'no service\n' }
  return runExample('monorepo', { files, payload: { before: emptyTree } })
}

const release = { payload: { ref: 'refs/tags/v1.2.3' } }
const plays = {
  'many images': manyImagesTwice,
  'many images of a pull request': () => manyImages('pull_request'),
  release: () => runExample('release', release),
  'pull request': () => runExample('pull-request', { event: 'pull_request' }),
  promote: () => runExample('promote', { event: 'pull_request' }),
  'split release': splitRelease,
  fork,
  vulnerable: () => verified(true),
  verified: () => verified(false),
  SIF: async () => await runExample('sif', { files: appFiles(farm), path: [await writeApptainer()], ...release }),
  'new branch': () => runExample('monorepo', { files: monorepo(), payload: { before: '0'.repeat(40) } }),
  'changed service': changedService,
  'no change': () => runExample('monorepo', { files: monorepo(), payload: { before: 'HEAD' } }),
}
type Play = keyof typeof plays
const played = new Map<Play, Awaited<ReturnType<typeof runExample>>>()

function playOf(name: Play) {
  const found = played.get(name)
  if (!found) throw new Error(`${name} was not run`)
  return found
}

// Two at a time: they have repositories of their own.
beforeAll(async () => {
  const env = { PATH: process.env['PATH'] ?? '', HOME: dir, COSIGN_PASSWORD: 'open sesame' }
  expect(spawnSync(await ensureCosign(), ['generate-key-pair'], { cwd: dir, env }).status).toBe(0)
  await mapConcurrently(Object.keys(plays) as Play[], async (name) => played.set(name, await plays[name]()), 2)
}, 1_200_000)

test('many images: each is built on the base of its run', async () => {
  const { image } = playOf('many images')
  for (const name of ['api', 'web']) {
    expect((await released(`${image}/${name}`)).sort()).toEqual(['main', 'main-slim'])
    for (const tag of ['main', 'main-slim'])
      expect(await platformsOf(`${image}/${name}`, tag)).toEqual(['amd64', 'arm64'])
  }
})

test('many images: the next commit has the same base, and builds everything from the cache', () => {
  const steps = [...playOf('many images').log.matchAll(/ linux\/[^\n]*, (\d+) of (\d+) steps from cache/g)]
  // The base for two platforms, and two images in two variants.
  expect(steps).toHaveLength(10)
  expect(steps.filter(([, cached, all]) => cached !== all)).toEqual([])
})

test('many images of a pull request: the base is deleted after the images that are built on it', async () => {
  const { image, log } = playOf('many images of a pull request')
  expect(log).toContain('Job succeeded')
  for (const name of ['base', 'api', 'web']) expect(await released(`${image}/${name}`)).toEqual([])
})

test('a promoted image of a pull request keeps a tag that does not move', async () => {
  const { image, log } = playOf('promote')
  const tags = (await released(image)).sort()
  expect(tags).toEqual(['stable', expect.stringMatching(/^stable-[0-9a-f]{40}$/)])
  expect(log).not.toContain('is a temporary one')
  const digests = await Promise.all(tags.map(async (tag) => (await storedIndex(farm, image, tag))?.digest))
  expect(new Set(digests).size).toBe(1)
  expect(await platformsOf(image, 'stable')).toEqual(['amd64', 'arm64'])
})

test('a split release: variants, tested, signed, and copied to the mirror with their signatures', async () => {
  const { image, mirror } = playOf('split release')
  const tags = ['1.2', '1.2-alpine', '1.2.3', '1.2.3-alpine', 'latest', 'latest-alpine']
  const isSignature = (tag: string) => tag.startsWith('sha256-')
  for (const repository of [image, mirror('quay')]) {
    const found = (await storedTags(farm, repository)).filter((tag) => !tag.startsWith('buildcache'))
    expect(found.filter((tag) => !isSignature(tag)).sort()).toEqual(tags)
  }
  const signed = async (repository: string) => (await storedTags(farm, repository)).filter(isSignature).sort()
  expect((await signed(image)).length).toBeGreaterThan(0)
  expect(await signed(mirror('quay'))).toEqual(await signed(image))
})

test('a release: the mirror and the copy have the digest of the release', async () => {
  const { image, mirror } = playOf('release')
  expect((await released(image)).sort()).toEqual(['1.2', '1.2.3', 'latest'])
  const digest = (await storedIndex(farm, image, '1.2.3'))?.digest
  expect(digest).toBeDefined()
  expect((await storedIndex(farm, mirror('docker'), '1.2.3'))?.digest).toBe(digest)
  expect((await storedIndex(farm, mirror('quay'), '1.2.3'))?.digest).toBe(digest)
})

test('a pull request: a later job tests the image, and the last one deletes it', async () => {
  const { log, image } = playOf('pull request')
  expect(log).toContain('release 1')
  expect((await released(image)).filter((tag) => tag.startsWith('pr-'))).toEqual([])
})

test('a pull request of a fork builds without secrets and variables, and pushes nothing', async () => {
  const { log, image } = playOf('fork')
  expect(log).toContain('Nothing is pushed, because this run builds a pull request from a fork')
  expect(await storedTags(farm, image)).toEqual([])
})

test('a verified release: what the scan finds fails it, what is signed is deployed', async () => {
  const failed = playOf('vulnerable')
  expect(failed.log).toMatch(/Vulnerability #1: GO-2026-0001/)
  expect(failed.log).toMatch(/exit code: 3/)
  expect(failed.log).not.toMatch(/kubectl set image deployment\/app app=\S+@/)
  expect(await released(failed.image)).toEqual([])
  const { log, image } = playOf('verified')
  const digest = (await storedIndex(farm, image, '1.2.3'))?.digest
  expect(log).toContain(`kubectl set image deployment/app app=${image}@${digest}`)
  expect(log).toContain('The signatures were verified against the specified public key')
})

test('a release as a SIF file, from the digest of the build', () => {
  expect(playOf('SIF').log).toMatch(/org\.opencontainers\.image\.version: 1\.2\.3/)
})

describe('a monorepo', () => {
  test('builds everything on a new branch', async () => {
    const { image } = playOf('new branch')
    for (const name of ['api', 'web']) expect(await released(`${image}/${name}`)).toEqual(['main'])
  })

  test('builds the services whose files changed, and nothing if there are none', async () => {
    const { image, log } = playOf('changed service')
    expect(await released(`${image}/api`)).toEqual(['main'])
    expect(log).not.toContain('/web')
    expect(playOf('no change').log).not.toContain('Building')
  })
})
