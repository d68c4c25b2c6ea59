import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Job, StepResult } from '../e2e/runner.ts'
import { startGhaCache, type Store } from './stores.ts'
import { createCertificateAuthority, type CertificateAuthority } from '../e2e/tls.ts'
import { appFiles, freshImage, leftovers, oneNodeInputs, storedTags, type Farm } from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'

// A runner without buildx that reaches github.com through a proxy, which leads to a server of this test: it has a
// release with a real buildx, with a version that no machine has.
const version = '99.9.9'
const setup = useFarm()
let farm: Farm
let authority: CertificateAuthority
let store: Store
let dir: string
let requests: string[] = []
const servers: Server[] = []
const done = new Map<
  string,
  {
    readonly job: Job
    readonly main: StepResult
    readonly post: StepResult
    readonly requests: readonly string[]
    readonly image: string
  }
>()

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')
const name = `buildx-v${version}.linux-${process.arch === 'x64' ? 'amd64' : process.arch}`
const binary = () =>
  [
    '#!/bin/sh',
    `[ "$1" != version ] || exec echo "github.com/docker/buildx v${version} farm"`,
    `exec ${farm.tools.buildx} "$@"`,
    '',
  ].join('\n')

/** The responses of github.com and api.github.com for the release. */
function answerOf(host: string, path: string): string | undefined {
  const digest = digestOf(binary())
  if (host === 'api.github.com')
    return path === `/repos/docker/buildx/releases/tags/v${version}`
      ? JSON.stringify({ assets: [{ name, digest: `sha256:${digest}` }] })
      : undefined
  const asset = path.replace(`/docker/buildx/releases/download/v${version}/`, '')
  return asset === name ? binary() : asset === 'checksums.txt' ? `${digest} *${name}\n` : undefined
}

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** The proxy of a closed network, and the servers behind it. */
async function startServers(): Promise<string> {
  const behind = await listen(
    createServer(
      authority.issue('github', 'github.com', 'api.github.com'),
      ({ url = '', headers: { host = '' } }, answer) => {
        requests.push(`${host}${url}`)
        const text = answerOf(host, url)
        if (text === undefined) answer.writeHead(404).end()
        else answer.end(text)
      },
    ),
  )
  const proxy = createHttpServer()
  proxy.on('connect', (_, socket) => {
    const onward = connect(behind, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    for (const end of [onward, socket]) end.on('error', () => (onward.destroy(), socket.destroy()))
  })
  return `http://127.0.0.1:${await listen(proxy)}`
}

interface Build {
  readonly toolCache: string
  readonly inputs: Readonly<Record<string, string>>
  readonly proxy: string
  /** The first directory of PATH. */
  readonly first?: string
}

async function build(title: string, { toolCache, inputs, proxy, first }: Build): Promise<void> {
  const token = [
    '{"alg":"none"}',
    JSON.stringify({ ac: JSON.stringify([{ Scope: 'refs/heads/main', Permission: 3 }]) }),
    's',
  ]
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')
  const path = [...(first === undefined ? [] : [first]), ...(process.env['PATH'] ?? '').split(delimiter)]
    .filter((entry) => entry !== farm.tools.bin)
    .join(delimiter)
  const job = setup.job({
    files: appFiles(farm),
    env: {
      PATH: path,
      HTTPS_PROXY: proxy,
      NODE_EXTRA_CA_CERTS: join(dir, 'ca.pem'),
      RUNNER_TOOL_CACHE: join(dir, toolCache),
      ACTIONS_CACHE_URL: store.url,
      ACTIONS_RUNTIME_TOKEN: token,
    },
  })
  requests = []
  const image = freshImage(farm)
  const main = await job.main(oneNodeInputs(farm, { image, ...inputs }))
  done.set(title, { job, main, post: await job.post(), requests, image })
}

beforeAll(async () => {
  farm = setup.farm
  authority = createCertificateAuthority()
  dir = mkdtempSync(join(tmpdir(), 'install-'))
  for (const name of ['first', 'third', 'plain']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'ca.pem'), authority.ca)
  store = await startGhaCache(farm)
  const proxy = await startServers()
  await build('download', { toolCache: 'first', proxy, inputs: { version: `v${version}` } })
  // A Docker client without the buildx plugin, independent of this host.
  writeFileSync(join(dir, 'plain/docker'), '#!/bin/sh\n[ "$1" = version ] && echo 28.0.0\n', { mode: 0o755 })
  await build('no plugin', {
    toolCache: 'first',
    proxy: 'http://127.0.0.1:9',
    inputs: { version, install: 'true' },
    first: join(dir, 'plain'),
  })
  await build('tool cache', { toolCache: 'first', proxy: 'http://127.0.0.1:9', inputs: { version } })
  // A new machine: the cache service only finds entries of the same path.
  rmSync(join(dir, 'first/buildx'), { recursive: true })
  await build('cache service', { toolCache: 'first', proxy, inputs: { version } })
  await build('pin of another binary', {
    toolCache: 'third',
    proxy,
    inputs: { version: `v${version}@sha256:${'0a'.repeat(32)}`, 'cache-binary': 'false' },
  })
  await build('no access', {
    toolCache: 'third',
    proxy: 'http://127.0.0.1:9',
    inputs: { version, 'cache-binary': 'false' },
  })
  await build('dry-run', { toolCache: 'third', proxy, inputs: { version, 'dry-run': 'true' } })
}, 1_200_000)
afterAll(async () => {
  servers.forEach((server) => server.close())
  await store.end()
  authority.end()
  rmSync(dir, { recursive: true, force: true })
})

const run = (title: string) => done.get(title)!

describe('version, on a runner without buildx', () => {
  test.each([
    ['download', /^Downloaded buildx 99\.9\.9 \(\d+ MB\), sha256:[0-9a-f]{64}$/m],
    ['tool cache', /^Building linux\/amd64 with buildx 99\.9\.9$/m],
    ['cache service', /^Restored buildx 99\.9\.9 from cache \(checksum of the release verified\)$/m],
  ])('%s: builds and leaves nothing behind', async (title, pattern) => {
    const { job, main, post, image } = run(title)
    expect(main.code === 0 ? '' : main.log).toBe('')
    expect(main.log).toMatch(pattern)
    expect(main.log).not.toContain('Warning: Env')
    expect(await storedTags(farm, image)).toContain('main')
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('requests the expected URLs', () => {
    const release = `github.com/docker/buildx/releases/download/v${version}`
    const metadata = [`api.github.com/repos/docker/buildx/releases/tags/v${version}`, `${release}/checksums.txt`]
    expect([...run('download').requests].sort()).toEqual([...metadata, `${release}/${name}`].sort())
    expect(run('tool cache').requests).toEqual([])
    expect([...run('cache service').requests].sort()).toEqual(metadata.sort())
  })

  test('the tool cache contains the complete binary and nothing else', () => {
    expect(readdirSync(join(dir, 'first/buildx', version)).sort()).toEqual([process.arch, `${process.arch}.complete`])
  })

  test.each([
    [
      'pin of another binary',
      `The downloaded buildx ${version} does not match the digest in \`version\`; it was not executed`,
    ],
    ['no plugin', 'install: the buildx plugin of `docker` is not installed on this runner'],
    ['no access', `This runner cannot reach github.com to download buildx ${version}`],
  ])('%s: one headline, and nothing is left', async (title, headline) => {
    const { job, main, post } = run(title)
    expect([main.code, main.errors, post.code]).toEqual([1, [headline], 0])
    expect(await leftovers(farm, job)).toEqual([])
    expect(
      readdirSync(join(dir, 'third'), { recursive: true }).filter((file) => String(file).includes('buildx-')),
    ).toEqual([])
  })

  test('a dry run downloads nothing and reports that', () => {
    const { main, requests } = run('dry-run')
    expect([main.code === 0 ? '' : main.log, requests]).toEqual(['', []])
    expect(main.log).toContain('The buildx that `version` asks for is not installed on this runner; a run downloads it')
  })
})
