import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ociIndex } from '../../src/registry/manifest.ts'
import type { Fault } from '../farm/farm.ts'
import { ensureCosign } from '../farm/optional-tools.ts'
import { createFake } from '../ghcr/fake.ts'
import { fillHistory } from '../ghcr/histories.ts'
import { declareRun } from '../ghcr/runs.ts'
import { startGhcr } from '../ghcr/server.ts'
import { createPackage } from '../ghcr/state.ts'
import {
  buildkitdInputs,
  farmInputs,
  freshImage,
  leftovers,
  mapConcurrently,
  oneBuildkitdInputs,
  oneNodeInputs,
  startBuildkitds,
  storedIndex,
  storedTags,
  type Farm,
} from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'
import { startSigstore, type Sigstore } from './sigstore.ts'
import type { Job, JobOptions, StepResult } from '../e2e/runner.ts'

const setup = useFarm()
let farm: Farm
let cosign: string
/** Not the runner's: what a job must not leave is searched in the job's own directories. */
let dir: string
const password = 'correct horse battery staple'
const plain = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'sec1', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})

beforeAll(async () => {
  farm = setup.farm
  cosign = await ensureCosign()
  dir = mkdtempSync(join(tmpdir(), 'signing-'))
  run(['generate-key-pair'], { COSIGN_PASSWORD: password })
  writeFileSync(join(dir, 'plain.pub'), plain.publicKey)
  // The runner's cosign, which notes its own arguments, those of all processes, and which processes know the password.
  writeFileSync(join(dir, 'password'), password)
  const knowing = `grep -lF -f ${join(dir, 'password')} /proc/[0-9]*/environ`
  // The name is read first: a process that has just been forked still shows the environment of its parent.
  const name = `name=$(tr '\\0' ' ' < \${file%environ}cmdline)`
  const stillKnows = `grep -qF -f ${join(dir, 'password')} $file`
  const known = `for file in $(${knowing}); do ${name}; ${stillKnows} && printf 'knows: %s\\n' "$name"; done`
  const note = `printf '\\ncall: %s\\n' "$*"; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; ${known}`
  writeFileSync(
    join(dir, 'cosign'),
    `#!/bin/sh\n{ ${note}; } >> ${join(dir, 'calls')} 2>/dev/null\nexec ${cosign} "$@"\n`,
  )
  chmodSync(join(dir, 'cosign'), 0o755)
}, 1_200_000)

afterAll(() => {
  rmSync(dir, { recursive: true })
})

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { PATH = '' } = process.env
  const options = { cwd: dir, env: { PATH, HOME: dir, TUF_ROOT: join(dir, 'tuf'), ...env }, encoding: 'utf8' } as const
  const { status, stderr, stdout } = spawnSync(cosign, args, options)
  return { code: status, text: `${stdout}\n${stderr}` }
}

const cosignKey = () => readFileSync(join(dir, 'cosign.key'), 'utf8')
const keyInputs = () => ({ sign: 'key', 'sign-key': cosignKey(), 'sign-password': password, 'sign-log': 'false' })
const plainInputs = { sign: 'key', 'sign-key': plain.privateKey, 'sign-log': 'false' }
const calls = () => readFileSync(join(dir, 'calls'), 'utf8').split('\n')
const signed = (image: string) =>
  calls().filter((line) => line.startsWith('call: sign ') && line.includes(`${image}@`)).length

const verify = (images: string | readonly string[], key = 'cosign.pub') =>
  run(['verify', '--key', key, '--insecure-ignore-tlog=true', '--output=text', ...[images].flat()])

function signingJob(options: JobOptions = {}): Job {
  const path = `${dir}:${farm.tools.bin}:${process.env['PATH'] ?? ''}`
  return setup.job({ ...options, env: { PATH: path, ...options.env } })
}

/** Every digest of an image: the index, and each manifest in it. */
async function digestsOf(image: string, tag: string): Promise<readonly string[]> {
  const index = await storedIndex(farm, image, tag)
  return [index?.digest ?? '', ...(index?.manifests ?? []).map(({ digest }) => digest)]
}

/** How many signatures of each digest there are. */
async function signatureCounts(image: string, tag: string): Promise<readonly number[]> {
  const digests = await digestsOf(image, tag)
  const lists = await Promise.all(digests.map((digest) => storedIndex(farm, image, digest.replace(':', '-'))))
  return lists.map((list) => list?.manifests.length ?? 0)
}

async function expectSigned(image: string, tag: string, key?: string): Promise<void> {
  const digests = await digestsOf(image, tag)
  const references = [`${image}:${tag}`, ...digests.map((digest) => `${image}@${digest}`)]
  expect(verify(references, key)).toMatchObject({ code: 0 })
}

const withoutCaches = (tags: readonly string[]) => tags.filter((tag) => !tag.startsWith('buildcache-'))

function expectNoSecret(job: Job, { log, outputs, state, summary, exported }: StepResult): void {
  // The end of a private key in this format is its public key.
  const lines = [cosignKey(), plain.privateKey]
    .flatMap((key) => key.trim().split('\n').slice(1, -1))
    .filter((line) => !plain.publicKey.includes(line))
  const files = readdirSync(job.temp, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => readFileSync(join(file.parentPath, file.name), 'latin1'))
  const texts = [log, summary, JSON.stringify([outputs, state, exported]), calls().join('\n'), ...files]
  for (const secret of [password, ...lines]) expect(texts.filter((text) => text.includes(secret))).toEqual([])
}

interface Played {
  readonly image: string
  readonly job: Job
  readonly main: StepResult
}

let both: Played
let proposed: Played
let merged: Played
let keyless: Played
let sigstore: Sigstore

/** Builds images on one or two nodes, and signs them. */
async function play(inputs: Readonly<Record<string, string>>, options: JobOptions = {}): Promise<Played> {
  const [image, job] = [freshImage(farm), signingJob(options)]
  return { image, job, main: await job.main({ ...inputs, image }) }
}

async function merge(): Promise<Played> {
  const image = freshImage(farm)
  const runId = String(Date.now() * 1000)
  const nodes = { 'linux/amd64': farm.nodes.amd, 'linux/arm64': farm.nodes.arm }
  const parts = Object.entries(nodes).map(async ([platform, { buildkitdEndpoint }]) => {
    const job = signingJob({ runId })
    const part = { image, partial: 'true', cache: 'off', nodes: `${platform} = ${buildkitdEndpoint}` }
    expect((await job.main(buildkitdInputs(farm, part))).errors).toEqual([])
    await job.post()
  })
  await Promise.all(parts)
  const job = signingJob({ runId })
  const inputs = { image, platforms: Object.keys(nodes).join(), tags: '2.0.0', ...keyInputs() }
  return { image, job, main: await job.merge(inputs) }
}

const keylessInputs = () => ({ sign: 'keyless', 'sign-config': sigstore.config, 'sign-root': sigstore.root })

// The builds share the nodes, so what they leave is checked at the end.
beforeAll(async () => {
  ;[sigstore] = await Promise.all([startSigstore(), startBuildkitds(farm)])
  writeFileSync(join(dir, 'root.json'), sigstore.root)
  const arm = { nodes: `linux/arm64 = ${farm.nodes.arm.endpoint}`, tags: '1.2.3', cache: 'off', ...keylessInputs() }
  ;[both, proposed, merged, keyless] = await Promise.all([
    play(farmInputs(farm, { tags: '1.2.3\nlatest', cache: 'off', ...keyInputs() })),
    play(oneBuildkitdInputs(farm, keyInputs()), { event: 'pull_request', ref: 'refs/pull/7/merge' }),
    merge(),
    play(farmInputs(farm, arm), { env: sigstore.jobEnv('valid') }),
  ])
}, 1_200_000)

describe('a build on two nodes with an encrypted key', () => {
  let image: string
  let job: Job
  let main: StepResult
  beforeAll(() => {
    ;({ image, job, main } = both)
  })

  test('an independent cosign verifies the index, every image and every attestation', async () => {
    expect([main.code, main.log]).toEqual([0, main.log])
    expect(await digestsOf(image, '1.2.3')).toHaveLength(5)
    await expectSigned(image, '1.2.3')
    await expectSigned(image, 'latest')
    expect(verify(`${image}:1.2.3`, 'plain.pub').code).not.toBe(0)
  })

  test('no secret is in an argument, in the log, in the state, or in a file after the step', async () => {
    expectNoSecret(job, main)
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
  })

  test('only the step itself and cosign have the password in their environment', () => {
    const known = calls().filter((line) => /^knows: \S/.test(line))
    expect(known.filter((line) => line.includes('dist/main/index.js')).length).toBeGreaterThan(0)
    expect(known.filter((line) => !/dist\/(main|merge|copy)\/index\.js|cosign/.test(line))).toEqual([])
  })

  test('the summary has the command, and the public key that it needs', () => {
    const [, command = ''] = /```\n(cosign verify [^\n]+)\n```/.exec(main.summary) ?? []
    const [, key = ''] = /```\n(-----BEGIN PUBLIC KEY-----[^`]+)```/.exec(main.summary) ?? []
    expect(command).toContain(`${image}@${main.outputs['digest']}`)
    const other = mkdtempSync(join(dir, 'user-'))
    writeFileSync(join(other, 'cosign.pub'), key)
    const { status } = spawnSync('/bin/sh', ['-c', command], { cwd: other, env: { PATH: dir, HOME: other } })
    expect(status).toBe(0)
  })

  test('copy carries the signatures; with the same key it adds none, with another one of each', async () => {
    const to = freshImage(farm)
    const carried = await job.startCopy({ from: `${image}:1.2.3`, to }).result
    expect(carried.errors).toEqual([])
    await expectSigned(to, '1.2.3')
    const again = await job.startCopy({ from: `${image}:1.2.3`, to: `${to}:again`, ...keyInputs() }).result
    expect([again.errors, signed(to)]).toEqual([[], 0])
    expect(await signatureCounts(to, 'again')).toEqual([1, 1, 1, 1, 1])
    const other = await job.startCopy({ from: `${image}:1.2.3`, to: `${to}:other`, ...plainInputs }).result
    expect([other.errors, signed(to)]).toEqual([[], 1])
    expect(await signatureCounts(to, 'other')).toEqual([2, 2, 2, 2, 2])
    await expectSigned(to, 'other', 'plain.pub')
    expect(other.summary).toContain(`cosign verify --key cosign.pub --insecure-ignore-tlog=true ${to}@`)
    expectNoSecret(job, other)
    expect(readdirSync(job.temp)).toEqual([])
  })

  test('a subset of platforms is signed again, at a registry that needs a login', async () => {
    const { host, username, password: secret } = farm.privateRegistry
    const to = `${host}/acme/signed-${process.pid}`
    const inputs = { from: `${image}:1.2.3`, to, platforms: 'linux/arm64', username, password: secret, ...keyInputs() }
    const result = await job.startCopy(inputs).result
    expect([result.errors, result.log]).toEqual([[], expect.stringMatching(/Signing 1 manifests of/)])
    expect(calls().filter((line) => line.includes(secret))).toEqual([])
    const auth = Buffer.from(`${username}:${secret}`).toString('base64')
    const login = { DOCKER_CONFIG: mkdtempSync(join(dir, 'login-')) }
    writeFileSync(join(login.DOCKER_CONFIG, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }))
    expect(run(['verify', '--key', 'cosign.pub', '--insecure-ignore-tlog=true', `${to}:1.2.3`], login).code).toBe(0)
  })

  const empty = JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [] })
  const list = { method: 'GET', match: '/manifests/sha256-', status: 200, headers: { 'content-type': ociIndex } }
  const vault = { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'none', VAULT_MAX_RETRIES: '0' }
  const unverified = /^The signatures of .* could not be verified$/
  const unsigned = /could not be signed$/

  const failing: Readonly<Record<string, Failing>> = {
    'with a wrong password': {
      inputs: { 'sign-password': 'another one' },
      error: /^`sign-key` cannot be used$/,
      log: 'that `sign-password` is the password of this key',
    },
    'in a dry run with a wrong password': {
      inputs: { 'sign-password': 'another one', 'dry-run': 'true' },
      error: /^`sign-key` cannot be used$/,
      log: 'Why this would not work:',
    },
    'if the key management service does not answer': {
      inputs: { 'sign-key': 'hashivault://release', 'sign-password': '' },
      error: /^`sign-key` cannot be used$/,
      log: 'Check the URI, and that the job has credentials',
    },
    'if the registry loses the signatures': { faults: [{ ...list, body: empty }], error: unverified },
    'if the registry changes a signature': {
      faults: [{ method: 'GET', match: '/blobs/', status: 200, body: '{"changed": true}' }],
      error: unverified,
    },
    'if the registry changes the image before it is signed': {
      faults: [{ ...list, match: '/manifests/sha256:', body: empty }],
      afterCopy: true,
      error: unsigned,
    },
    'if every connection for signatures is cut': {
      faults: [{ method: 'PUT', match: '/manifests/sha256-', cut: true }],
      error: unsigned,
    },
    'in any repository if one refuses the signatures': {
      faults: [{ method: 'PUT', match: '-second/manifests/sha256-', status: 403, body: '{}' }],
      error: /-second@sha256:\S+ could not be signed$/,
    },
  }

  describe('no tag is updated', () => {
    let results: ReadonlyMap<string, { readonly to: string; readonly failed: StepResult }>

    beforeAll(async () => {
      const path = (name: string) => name.slice(name.indexOf('/') + 1)
      const plain = freshImage(farm)
      expect((await job.startCopy({ from: `${image}:1.2.3`, to: plain, referrers: 'false' }).result).errors).toEqual([])
      const isRead = new RegExp(`${path(plain)}/manifests/sha256:`)
      const requests = (await farm.registry.requests()).filter((one) => one.method === 'GET' && isRead.test(one.path))
      const played = await mapConcurrently(Object.entries(failing), async ([name, given]) => {
        const { inputs, faults = [], afterCopy } = given
        const to = freshImage(farm)
        for (const { match, ...fault } of faults) {
          const skip = afterCopy ? { skip: requests.length } : {}
          await farm.registry.fault({ ...fault, ...skip, match: `${path(to)}${match}` })
        }
        const second = name.startsWith('in any repository') ? `\n${to}-second` : ''
        const other = signingJob({ env: vault })
        const from = { from: `${image}:1.2.3`, to: `${to}${second}`, referrers: 'false' }
        return [name, { to, failed: await other.startCopy({ ...from, ...keyInputs(), ...inputs }).result }] as const
      })
      await farm.registry.clearFaults()
      results = new Map(played)
    })

    test.each(Object.entries(failing))('%s', async (name, { error, log = '' }) => {
      const { to, failed } = results.get(name)!
      expect([failed.code, failed.errors]).toEqual([1, [expect.stringMatching(error)]])
      expect(failed.log).toContain(log)
      for (const path of [to, `${to}-second`])
        expect((await storedTags(farm, path)).filter((tag) => !tag.startsWith('sha256-'))).toEqual([])
      expectNoSecret(job, failed)
    })

    test('without cosign', async () => {
      const other = setup.job()
      const failed = await other.main(oneNodeInputs(farm, { image: freshImage(farm), ...keyInputs() }))
      expect(failed.errors).toEqual(['`sign`: This runner has no cosign'])
      await other.post()
    })
  })
})

/** A copy that must fail before it updates a tag. */
interface Failing {
  readonly inputs?: Readonly<Record<string, string>>
  /** `match` follows the path of the repository. */
  readonly faults?: readonly (Fault & { readonly match: string })[]
  /** The faults begin after the requests of a copy that signs nothing. */
  readonly afterCopy?: true
  readonly error: RegExp
  readonly log?: string
}

/** Copies the image of a pull request to GHCR, which has no referrers API, and runs the cleanup action there. */
async function expectDeletedFromGhcr(image: string, { runId }: Job): Promise<void> {
  const fake = createFake()
  const repository = 'acme/app'
  const pkg = createPackage(fake.state, { owner: 'acme', name: 'app', repository })
  fake.state.tokens.set('secret', { kind: 'actions', repository, packages: 'write', actions: 'read' })
  fillHistory(fake.state, pkg, 1)
  const before = [...pkg.active.keys()]
  const times = { createdAt: Date.now() - 3_600_000, updatedAt: Date.now() - 1000 }
  declareRun(fake.state, { repository, id: Number(runId), status: 'completed', conclusion: 'success', ...times })
  const ghcr = await startGhcr(fake)
  const job = signingJob({ env: { GITHUB_API_URL: ghcr.api } })
  const login = { username: 'ci-user', password: 'secret' }
  const copied = await job.startCopy({ from: `${image}:pr-${runId}`, to: `${ghcr.registry}/acme/app`, ...login }).result
  expect(copied.errors).toEqual([])
  // An index with two manifests, a signature of each, and a list with each signature.
  expect(pkg.active.size - before.length).toBe(9)
  const api = { 'packages-api': 'github', 'github-token': 'secret', 'older-than': '0 days' }
  const cleaned = await job.cleanup({ image: `${ghcr.registry}/acme/app`, ...api, ...login })
  expect([cleaned.errors, cleaned.warnings]).toEqual([[], []])
  expect([...pkg.active.keys()].sort()).toEqual(before.sort())
  await ghcr.close()
}

test('an ephemeral image is deleted with its signatures', async () => {
  const { image, job, main } = proposed
  expect([main.code, main.log]).toEqual([0, main.log])
  const tag = `pr-${job.runId}`
  await expectSigned(image, tag)
  const digests = await digestsOf(image, tag)
  const lists = await Promise.all(digests.map((digest) => storedIndex(farm, image, digest.replace(':', '-'))))
  const signatures = lists.flatMap((list) => list?.manifests ?? []).map(({ digest }) => digest)
  expect(signatures).toHaveLength(3)
  await expectDeletedFromGhcr(image, job)
  const post = await job.post()
  expect([post.code, post.warnings]).toEqual([0, []])
  const left = await Promise.all([...digests, ...signatures].map((digest) => storedIndex(farm, image, digest)))
  expect(left.filter(Boolean)).toEqual([])
  expect(withoutCaches(await storedTags(farm, image))).toEqual([])
})

test('a merge signs what it assembles', async () => {
  const { image, job, main } = merged
  expect(main.errors).toEqual([])
  await expectSigned(image, '2.0.0')
  expect(main.summary).toContain('cosign verify --key cosign.pub')
  expectNoSecret(job, main)
})

describe('keyless, with a Sigstore of one’s own', () => {
  const workflow = 'https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main'
  const reusable = 'https://github.com/org/multiarch-build/.github/workflows/image.yml@refs/tags/v1'
  let image: string
  let main: StepResult
  const verifyKeyless = (references: string | readonly string[], identity = workflow, ...more: readonly string[]) => {
    const expected = ['--certificate-identity', identity, '--certificate-oidc-issuer', sigstore.issuer, ...more]
    return run(['verify', '--trusted-root', 'root.json', ...expected, '--output=text', ...[references].flat()]).code
  }

  beforeAll(() => {
    ;({ image, main } = keyless)
  })
  afterAll(async () => sigstore.stop())

  test('an independent cosign verifies the identity of the workflow, for every manifest', async () => {
    expect([main.code, main.log]).toEqual([0, main.log])
    const references = (await digestsOf(image, '1.2.3')).map((digest) => `${image}@${digest}`)
    expect(references).toHaveLength(3)
    expect(verifyKeyless(references)).toBe(0)
    expect(verifyKeyless(`${image}:1.2.3`, workflow.replace('release', 'other'))).not.toBe(0)
    const options = `--certificate-identity ${workflow} --certificate-oidc-issuer ${sigstore.issuer}`
    expect(main.summary).toContain(`cosign verify ${options} --trusted-root trusted-root.json ${image}@`)
  })

  test('no token is in an argument or in the log', () => {
    const tokens = main.masks.filter((text) => text.split('.').length === 3)
    expect(tokens.length).toBeGreaterThan(0)
    for (const secret of tokens) expect([calls().join('\n'), main.log, main.summary].join()).not.toContain(secret)
  })

  const copyWith = async (kind: Parameters<Sigstore['jobEnv']>[0]) => {
    const to = freshImage(farm)
    const job = signingJob({ env: sigstore.jobEnv(kind) })
    const inputs = { from: `${image}:1.2.3`, to, referrers: 'false', ...keylessInputs() }
    const result = await job.startCopy(inputs).result
    expect(readdirSync(job.temp)).toEqual([])
    return { to, result, tags: (await storedTags(farm, to)).filter((tag) => !tag.startsWith('sha256-')) }
  }

  test('a copy with a valid token', async () => {
    const { to, result, tags } = await copyWith('valid')
    expect([result.errors, tags, verifyKeyless(`${to}:1.2.3`)]).toEqual([[], ['1.2.3'], 0])
  })

  test('a copy with an expired token', async () => {
    const { result, tags } = await copyWith('expired')
    expect([result.errors, tags]).toEqual([[expect.stringMatching(/could not be signed$/)], []])
  })

  test('a reusable workflow of another repository, which anyone may call: its caller is verified too', async () => {
    const { to, result, tags } = await copyWith('reusable')
    expect([result.errors, tags]).toEqual([[], ['1.2.3']])
    const [, options = ''] = /```\ncosign verify ([^\n]+) --trusted-root trusted-root.json /.exec(result.summary) ?? []
    expect(options).toContain(`--certificate-identity ${reusable} `)
    const caller = (name: string) => ['--certificate-github-workflow-repository', name]
    expect(options.endsWith(caller('acme/app').join(' '))).toBe(true)
    expect(verifyKeyless(`${to}:1.2.3`, reusable, ...caller('acme/app'))).toBe(0)
    expect(verifyKeyless(`${to}:1.2.3`, reusable, ...caller('evil/app'))).not.toBe(0)
  })

  test('without the permission it is an input error', async () => {
    const job = signingJob()
    const failed = await job.main(oneNodeInputs(farm, { image: freshImage(farm), ...keylessInputs() }))
    expect(failed.errors.join()).toContain('`permissions: id-token: write`')
    await job.post()
  })
})

test('nothing of any job is left', async () => {
  for (const { job } of [merged, keyless]) {
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
  }
  for (const { job } of [both, merged, keyless, proposed]) expect(await leftovers(farm, job)).toEqual([])
})
