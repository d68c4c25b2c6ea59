import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import { azure, s3Keys, startAzurite, startGhaCache, startS3, type Store } from './stores.ts'
import { app, attachFarm, farmInputs, farmJob, freshImage, leftovers, severalAtATime, type Farm } from './world.ts'

// BuildKit's back ends, each a real service that the nodes reach. Every run has fresh daemons, so what is found comes from there.
let farm: Farm
let stores: { readonly gha: Store; readonly s3: Store; readonly azblob: Store }
const jobs: Job[] = []
const done = new Map<string, { readonly job: Job; readonly main: StepResult; readonly post: StepResult }>()

/** The service reads whose it is out of the token, and leaves the signature to the forge. */
const claims = { ac: JSON.stringify([{ Scope: 'refs/heads/main', Permission: 3 }]), marker: 'runtime-token-of-the-farm', nbf: Math.floor(Date.now() / 1000) - 60, exp: Math.floor(Date.now() / 1000) + 3600 }
const tokenOf = (payload: object) => ['{"alg":"none"}', JSON.stringify(payload), 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.')
const token = tokenOf(claims)
const secrets = [s3Keys.secret, azure.key, token]

const s3 = (secret = s3Keys.secret) => `type=s3,region=us-east-1,bucket=caches,endpoint_url=${stores.s3.url},use_path_style=true,access_key_id=${s3Keys.access},secret_access_key=${secret}`
const kinds = {
  gha: () => 'type=gha',
  s3: () => s3(),
  azblob: () => `type=azblob,account_url=${stores.azblob.url},account_name=${azure.account},container=caches,secret_access_key=${azure.key}`,
  local: () => 'type=local,dest=cache',
} as const

interface Build {
  readonly name: string
  readonly cache: string
  readonly release: number
  readonly event?: string
  /** Whose workspace it works in, for a cache that is kept there. */
  readonly in?: string
  readonly ghaUrl?: string
  readonly token?: string
}

async function build({ name, cache, release, event, ghaUrl, ...more }: Build): Promise<void> {
  const before = more.in === undefined ? undefined : done.get(more.in)?.job
  const job = farmJob(farm, {
    files: { ...app(farm), 'app.txt': `release ${release}\n` },
    env: { ACTIONS_CACHE_URL: ghaUrl ?? stores.gha.url, ACTIONS_RUNTIME_TOKEN: more.token ?? token, ...(before && { GITHUB_WORKSPACE: before.workspace }) },
    ...(event !== undefined && { event, ref: 'refs/pull/7/merge' }),
  })
  jobs.push(job)
  // What the runner checked out for the second run, where the first one's directory is still there.
  if (before) writeFileSync(join(before.workspace, 'app.txt'), `release ${release}\n`)
  const main = await job.main(farmInputs(farm, { image: freshImage(farm), variant: 'slim', cache }))
  done.set(name, { job, main, post: await job.post() })
}

beforeAll(async () => {
  farm = await attachFarm()
  const [gha, bucket, azblob] = await Promise.all([startGhaCache(farm), startS3(farm), startAzurite(farm)])
  stores = { gha, s3: bucket, azblob }
  const names = Object.keys(kinds) as (keyof typeof kinds)[]
  await severalAtATime(names, async (name) => await build({ name: `${name} 1`, cache: kinds[name](), release: 1 }), 3)
  const others: readonly Build[] = [
    ...names.map((name) => ({ name: `${name} 2`, cache: kinds[name](), release: 2, ...(name === 'local' && { in: 'local 1' }) })),
    { name: 's3 proposal', cache: kinds.s3(), release: 3, event: 'pull_request' },
    { name: 's3 refused', cache: s3('another-secret-of-s3'), release: 4 },
    // A token that tells nobody how long it lasts: BuildKit does not even begin with it.
    { name: 'gha unfit', cache: kinds.gha(), release: 4, token: tokenOf({ ac: claims.ac }) },
    { name: 'gha gone', cache: kinds.gha(), release: 4, ghaUrl: 'http://127.0.0.1:9/' },
  ]
  await severalAtATime(others, build, 3)
}, 300_000)
afterAll(async () => {
  jobs.forEach((job) => job.end())
  await Promise.all(Object.values(stores).map((store) => store.end()))
})

const hits = ({ summary }: StepResult) => [...summary.matchAll(/^\| (linux\/\S+) .*\| (\d+) of (\d+) \|/gm)].map(([, platform, cached]) => `${platform ?? ''} ${cached ?? ''}`).sort()
const run = (name: string) => done.get(name)!

describe.each(Object.keys(kinds))('cache: type=%s', (name) => {
  test('the first run fills it', () => {
    const { main, post } = run(`${name} 1`)
    expect([main.code, main.warnings.filter((text) => text.includes('cache')), post.code]).toEqual([0, [], 0])
    expect(hits(main)).toEqual(['linux/amd64 0', 'linux/arm64 0'])
  })

  test('the second finds on both platforms all that did not change', () => {
    const { main } = run(`${name} 2`)
    expect([main.code, hits(main)]).toEqual([0, ['linux/amd64 2', 'linux/arm64 2']])
  })
})

describe('names, one a variant and platform', () => {
  test('s3', () => {
    expect(stores.s3.files().filter((file) => file.includes('manifests/')).map((file) => file.replace(/^.*manifests\//, '')).sort()).toEqual(['buildkit-slim-linux-amd64', 'buildkit-slim-linux-amd64-pr', 'buildkit-slim-linux-arm64', 'buildkit-slim-linux-arm64-pr'])
  })

  test('local, each in a directory of its own', () => {
    const { workspace } = run('local 1').job
    expect(readdirSync(join(workspace, 'cache')).sort()).toEqual(['slim-linux-amd64', 'slim-linux-arm64'])
    for (const platform of ['amd64', 'arm64']) expect(JSON.parse(readFileSync(join(workspace, `cache/slim-linux-${platform}/index.json`), 'utf8'))).toMatchObject({ manifests: [expect.anything()] })
  })
})

test('a pull request reads what was accepted', () => {
  const { main } = run('s3 proposal')
  expect([main.code, hits(main)]).toEqual([0, ['linux/amd64 2', 'linux/arm64 2']])
})

test.each(['s3 refused', 'gha gone'])('a service that keeps nothing fails no build: %s', (name) => {
  const { main } = run(name)
  expect(main.code === 0 ? '' : main.log).toBe('')
  expect(main.warnings.filter((text) => /^The cache of linux\/(?:amd64|arm64) slim could not be kept: ./.test(text))).toHaveLength(2)
})

test('nor does one that BuildKit cannot even try', () => {
  const { main } = run('gha unfit')
  expect(main.code === 0 ? '' : main.log).toBe('')
  expect(main.warnings.filter((text) => /^The cache of linux\/(?:amd64|arm64) slim cannot be written: it is built without\./.test(text))).toHaveLength(2)
})

test('no key to them is anywhere, and nothing is left', async () => {
  for (const { job, main, post } of done.values()) {
    const told = [main.raw.replace(/^::add-mask::.*$/gm, ''), post.raw.replace(/^::add-mask::.*$/gm, ''), main.summary, JSON.stringify([main.outputs, main.state, main.exported])].join('\n')
    for (const secret of secrets) expect(told.includes(secret)).toBe(false)
    expect(await leftovers(farm, job)).toEqual([])
  }
})
