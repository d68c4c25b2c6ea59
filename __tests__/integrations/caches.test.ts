import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, StepResult } from '../e2e/runner.ts'
import { azure, s3Keys, startAzurite, startGhaCache, startS3, type Store } from './stores.ts'
import {
  appFiles,
  farmInputs,
  freshImage,
  leftovers,
  processesMentioning,
  mapConcurrently,
  storedIndex,
  tryRead,
  type Farm,
} from '../e2e/harness.ts'
import { useFarm } from '../e2e/setup.ts'

interface Done {
  readonly job: Job
  readonly image: string
  readonly main: StepResult
  readonly post: StepResult
  /** Files on the runner that contained a key between main and post. */
  readonly between: readonly string[]
}

// BuildKit's cache backends, each a real service that the nodes reach. Every run has new daemons, so every cache hit
// comes from the backend.
const setup = useFarm()
let farm: Farm
let stores: { readonly gha: Store; readonly s3: Store; readonly azblob: Store }
/** Runs share the caches of their image. */
let images: Readonly<Record<keyof typeof kinds, string>>
const done = new Map<string, Done>()
const argvs = new Set<string>()
let looks = 0

/** The service reads the repository from the token and does not verify its signature. */
const claims = {
  ac: JSON.stringify([{ Scope: 'refs/heads/main', Permission: 3 }]),
  marker: 'runtime-token-of-the-farm',
  nbf: Math.floor(Date.now() / 1000) - 60,
  exp: Math.floor(Date.now() / 1000) + 3600,
}
const tokenOf = (payload: object) =>
  ['{"alg":"none"}', JSON.stringify(payload), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')
const token = tokenOf(claims)
const secrets = [s3Keys.secret, azure.key, token]

const s3Place = () => `endpoint_url=${stores.s3.url},use_path_style=true`
const s3 = (secret = s3Keys.secret) =>
  `type=s3,region=us-east-1,bucket=caches,${s3Place()},access_key_id=${s3Keys.access},secret_access_key=${secret}`
const azureKey = `account_name=${azure.account},secret_access_key=${azure.key}`
const kinds = {
  gha: () => 'type=gha',
  s3: () => s3(),
  azblob: () => `type=azblob,account_url=${stores.azblob.url},container=caches,${azureKey}`,
  local: () => 'type=local,dest=cache',
} as const

interface Build {
  readonly name: string
  readonly cache: string
  readonly release: number
  readonly variant?: string
  readonly event?: string
  readonly env?: Readonly<Record<string, string>>
  /** The job whose workspace holds the cache. */
  readonly in?: string
  /** By default one of its own. */
  readonly image?: string
}

async function build({ name, cache, release, event, env, variant = 'slim', ...more }: Build): Promise<void> {
  const before = more.in === undefined ? undefined : done.get(more.in)?.job
  const job = setup.job({
    files: { ...appFiles(farm), 'app.txt': `release ${release}\n` },
    env: {
      ACTIONS_CACHE_URL: stores.gha.url,
      ACTIONS_RUNTIME_TOKEN: token,
      ...(before && { GITHUB_WORKSPACE: before.workspace }),
      ...env,
    },
    ...(event !== undefined && { event, ref: 'refs/pull/7/merge' }),
  })
  // The checkout of the second run in the workspace of the first.
  if (before) writeFileSync(join(before.workspace, 'app.txt'), `release ${release}\n`)
  const { image = freshImage(farm) } = more
  const main = await job.main(farmInputs(farm, { image, variant, cache }))
  const between = [job.temp, job.home]
    .flatMap((dir) => filesBelow(dir))
    .filter((path) => secrets.some((secret) => tryRead(path).includes(secret)))
  done.set(name, { job, image, main, between, post: await job.post() })
}

function filesBelow(dir: string): string[] {
  return (readdirSync(dir, { recursive: true }) as string[])
    .map((name) => join(dir, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
}

/** The secret part of the URL at which a runner serves its cache. */
const servicePath = () => new URL(stores.gha.url).pathname.split('/')[1] ?? ''

beforeAll(async () => {
  farm = setup.farm
  const [gha, bucket, azblob] = await Promise.all([startGhaCache(farm), startS3(farm), startAzurite(farm)])
  stores = { gha, s3: bucket, azblob }
  const watching = setInterval(() => {
    looks++
    processesMentioning(...secrets).forEach((line) => argvs.add(line))
  }, 100)
  images = { gha: freshImage(farm), s3: freshImage(farm), azblob: freshImage(farm), local: freshImage(farm) }
  const first = (name: keyof typeof kinds): Build => ({
    name: `${name} 1`,
    cache: kinds[name](),
    release: 1,
    image: images[name],
  })
  const second = (name: keyof typeof kinds): Build => ({ ...first(name), name: `${name} 2`, release: 2 })
  // The name without a variant.
  await mapConcurrently([first('gha'), first('s3'), { ...first('azblob'), variant: '' }, first('local')], build, 3)
  const others: Build[] = [
    second('gha'),
    // Everything but the address comes from variables of the job, as an earlier step exports them.
    {
      ...second('s3'),
      cache: `type=s3,${s3Place()}`,
      env: {
        AWS_BUCKET: 'caches',
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: s3Keys.access,
        AWS_SECRET_ACCESS_KEY: s3Keys.secret,
      },
    },
    {
      ...second('azblob'),
      cache: `type=azblob,${azureKey}`,
      env: { BUILDKIT_AZURE_STORAGE_ACCOUNT_URL: azblob.url, BUILDKIT_AZURE_STORAGE_CONTAINER: 'caches' },
    },
    { ...second('local'), in: 'local 1' },
    { name: 'gha proposal', cache: kinds.gha(), release: 3, event: 'pull_request', image: images.gha },
    { name: 's3 proposal', cache: kinds.s3(), release: 3, event: 'pull_request', image: images.s3 },
    { name: 's3 refused', cache: s3('another-secret-of-s3'), release: 4 },
    {
      name: 'azblob refused',
      cache: kinds.azblob().replace(azure.key, Buffer.from('another-secret-of-azure').toString('base64')),
      release: 4,
    },
    // A token without an expiry: BuildKit does not use it.
    { name: 'gha unfit', cache: kinds.gha(), release: 4, env: { ACTIONS_RUNTIME_TOKEN: tokenOf({ ac: claims.ac }) } },
    {
      name: 'gha gone',
      cache: kinds.gha(),
      release: 4,
      env: { ACTIONS_CACHE_URL: `http://127.0.0.1:9/${servicePath()}/` },
    },
  ]
  await mapConcurrently(others, build, 3)
  clearInterval(watching)
}, 1_200_000)
afterAll(async () => {
  await Promise.all(Object.values(stores).map((store) => store.end()))
})

const hits = ({ summary }: StepResult) =>
  [...summary.matchAll(/^\| (linux\/\S+) .*\| (\d+) of (\d+) \|/gm)]
    .map(([, platform, cached]) => `${platform ?? ''} ${cached ?? ''}`)
    .sort()
const run = (name: string) => done.get(name)!

describe.each(Object.keys(kinds))('cache: type=%s', (name) => {
  test('the first run fills it', () => {
    const { main, post } = run(`${name} 1`)
    expect([main.code, main.warnings.filter((text) => text.includes('cache')), post.code]).toEqual([0, [], 0])
    expect(hits(main)).toEqual(['linux/amd64 0', 'linux/arm64 0'])
  })

  test('the second run hits every unchanged step on both platforms', () => {
    const { main } = run(`${name} 2`)
    expect([main.code, main.warnings.filter((text) => text.includes('cache')), hits(main)]).toEqual([
      0,
      [],
      ['linux/amd64 2', 'linux/arm64 2'],
    ])
  })
})

/** Of the image, without its registry. */
const pathOf = (kind: keyof typeof kinds) => images[kind].replace(/^[^/]+\//, '')

describe('names, one per image, variant and platform', () => {
  const platforms = ['amd64', 'arm64']
  const manifests = async (store: Store) =>
    (await store.names())
      .filter((name) => name.startsWith('manifests/'))
      .map((name) => name.slice('manifests/'.length))
      .sort()

  test('gha', async () => {
    const scopes = (await stores.gha.names()).flatMap((key) => /^index-(.+)-1-[0-9a-f]{8}$/.exec(key)?.[1] ?? [])
    expect(scopes.sort()).toEqual(
      platforms.flatMap((platform) => [
        `buildkit/${pathOf('gha')}/cache-slim-linux-${platform}`,
        `buildkit/${pathOf('gha')}/cache-slim-linux-${platform}-pr`,
      ]),
    )
  })

  test('s3', async () => {
    expect(await manifests(stores.s3)).toEqual(
      platforms.flatMap((platform) => [
        `buildkit-acme-app/${pathOf('s3')}/cache-slim-linux-${platform}`,
        `buildkit-acme-app/${pathOf('s3')}/cache-slim-linux-${platform}-pr`,
      ]),
    )
  })

  test('azblob: a new variant reads the earlier cache without a variant', async () => {
    expect(await manifests(stores.azblob)).toEqual([
      ...platforms.map((platform) => `buildkit-acme-app/${pathOf('azblob')}/cache-linux-${platform}`),
      ...platforms.map((platform) => `buildkit-acme-app/${pathOf('azblob')}/cache-slim-linux-${platform}`),
    ])
  })

  test('local: each in a directory of its own, readable for other users of the job', () => {
    const cache = join(run('local 1').job.workspace, 'cache')
    // BuildKit's client creates every directory it is asked to read.
    expect(
      readdirSync(cache)
        .filter((name) => existsSync(join(cache, name, 'index.json')))
        .sort(),
    ).toEqual(['slim-linux-amd64', 'slim-linux-arm64'])
    for (const platform of platforms) {
      const index = join(cache, `slim-linux-${platform}/index.json`)
      expect(JSON.parse(readFileSync(index, 'utf8'))).toMatchObject({ manifests: [expect.anything()] })
      expect([join(index, '..'), index].map((path) => statSync(path).mode & 0o044)).toEqual([0o044, 0o044])
    }
  })
})

test.each(['gha', 's3'])('a pull request reads the cache of the default branch: %s', (name) => {
  const { main } = run(`${name} proposal`)
  expect([main.code, hits(main)]).toEqual([0, ['linux/amd64 2', 'linux/arm64 2']])
})

test.each(['s3 refused', 'gha gone'])('a cache service that stores nothing does not fail the build: %s', (name) => {
  const { main } = run(name)
  expect(main.code === 0 ? '' : main.log).toBe('')
  expect(
    main.warnings.filter((text) => /^Cache export failed for linux\/(?:amd64|arm64) slim: ./.test(text)),
  ).toHaveLength(2)
})

test.each(['gha unfit', 'azblob refused'])('nor does one that BuildKit cannot use: %s', (name) => {
  const { main } = run(name)
  expect(main.code === 0 ? '' : main.log).toBe('')
  expect(
    main.warnings.filter((text) =>
      /^The cache of linux\/(?:amd64|arm64) slim cannot be written: building without writing the cache\./.test(text),
    ),
  ).toHaveLength(2)
})

describe('cache credentials do not leak', () => {
  test('into log, summary, outputs, state, or files after the build', async () => {
    for (const { job, main, post, between } of done.values()) {
      const text = [
        main.raw.replace(/^::add-mask::.*$/gm, ''),
        post.raw.replace(/^::add-mask::.*$/gm, ''),
        main.summary,
        JSON.stringify([main.outputs, main.state, main.exported]),
      ].join('\n')
      for (const secret of secrets) expect(text.includes(secret)).toBe(false)
      expect([...between, ...(await leftovers(farm, job))]).toEqual([])
    }
  })

  test('into the arguments of a process', () => {
    expect(looks).toBeGreaterThan(20)
    expect([...argvs]).toEqual([])
  })

  test('into the image and its attestations', async () => {
    for (const { image, main } of ['gha 1', 's3 1', 'azblob 1'].map(run)) {
      const repository = image.slice(farm.registry.host.length + 1)
      const index = await storedIndex(farm, image, main.outputs['digest'] ?? '')
      expect(index?.manifests.filter(({ platform }) => platform.os === 'unknown')).toHaveLength(2)
      for (const { digest } of index?.manifests ?? []) {
        const { config, layers } = (await farm.registry.manifest(repository, digest))?.json as {
          config: { digest: string }
          layers: { digest: string }[]
        }
        const texts = await Promise.all(
          [config, ...layers].map(async (blob) =>
            Buffer.from(await farm.registry.blob(repository, blob.digest)).toString('latin1'),
          ),
        )
        for (const secret of [...secrets, s3Keys.access])
          expect(texts.some((text) => text.includes(secret))).toBe(false)
      }
    }
  })

  test('nor does the secret URL at which a runner serves its cache', () => {
    const { main } = run('gha gone')
    expect([
      main.raw.replace(/^::add-mask::.*$/gm, '').includes(servicePath()),
      main.log.includes(servicePath()),
    ]).toEqual([true, false])
  })
})
