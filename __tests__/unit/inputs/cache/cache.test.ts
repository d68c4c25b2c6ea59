import { describe, expect, test } from '@jest/globals'
import { join } from 'node:path'
import { readInputs } from '../../../../src/inputs/inputs.ts'
import { serviceVersion } from '../../../../src/inputs/cache/cache-service.ts'
import { cacheOf } from '../../../../src/inputs/cache/cache.ts'
import { cacheTag } from '../../../../src/inputs/cache/specs.ts'
import { parseAttributes } from '../../../../src/lib/csv.ts'
import { jobWith, type Given } from '../../fixtures/job.ts'

const image = 'type=registry,ref=ghcr.io/acme/app'
const written = 'mode=max,compression=zstd,image-manifest=true,oci-mediatypes=true,ignore-error=true'
const runner = {
  ACTIONS_RUNTIME_TOKEN: 't',
  ACTIONS_RESULTS_URL: 'https://results-receiver.actions.githubusercontent.com/',
  ACTIONS_CACHE_SERVICE_V2: 'True',
}
/** Forgejo's and Gitea's: the second address is for artifacts alone. */
const forgejo = {
  FORGEJO_ACTIONS: 'true',
  ACTIONS_RUNTIME_TOKEN: 't',
  ACTIONS_CACHE_URL: 'http://runner:4000/',
  ACTIONS_RESULTS_URL: 'https://forge.example.com',
}
const proposal: Given = { event: { trust: 'pr' } }

/** What the variant `slim` on arm64 reads and writes. */
async function slim(given: Given): Promise<unknown> {
  const { cache, variants } = await readInputs(...jobWith({ variants: 'slim: {platforms: linux/arm64}', ...given }))
  const found = cacheOf(cache, variants[0]!, variants[0]!.platforms[0]!)
  expect(found?.ofProposals).toBe(given.event === proposal.event ? found?.from[0] : undefined)
  return found && { from: found.from, to: found.to }
}

describe('each target has its own', () => {
  test.each<[string, Given, unknown]>([
    [
      'registry',
      {},
      {
        from: [`${image}:buildcache-slim-linux-arm64`, `${image}:buildcache-linux-arm64`, `${image}:buildcache`],
        to: `${image}:buildcache-slim-linux-arm64,${written}`,
      },
    ],
    [
      'registry, for a proposal',
      proposal,
      {
        from: [
          `${image}:buildcache-slim-linux-arm64-pr`,
          `${image}:buildcache-slim-linux-arm64`,
          `${image}:buildcache-linux-arm64`,
          `${image}:buildcache`,
        ],
        to: `${image}:buildcache-slim-linux-arm64-pr,${written}`,
      },
    ],
    [
      'registry, no variant',
      { variants: '', platforms: 'linux/arm64' },
      {
        from: [`${image}:buildcache-linux-arm64`, `${image}:buildcache`],
        to: `${image}:buildcache-linux-arm64,${written}`,
      },
    ],
    [
      'another repository',
      { cache: 'type=registry,ref=quay.io/acme/cache' },
      {
        from: [
          'type=registry,ref=quay.io/acme/cache:buildcache-slim-linux-arm64',
          'type=registry,ref=quay.io/acme/cache:buildcache-linux-arm64',
          'type=registry,ref=quay.io/acme/cache',
        ],
        to: 'type=registry,ref=quay.io/acme/cache:buildcache-slim-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      'another tag',
      { cache: 'type=registry,ref=quay.io/acme/app:kept,mode=min,compression=gzip' },
      {
        from: [
          'type=registry,ref=quay.io/acme/app:kept-slim-linux-arm64',
          'type=registry,ref=quay.io/acme/app:kept-linux-arm64',
          'type=registry,ref=quay.io/acme/app:kept',
        ],
        to: 'type=registry,compression=gzip,ref=quay.io/acme/app:kept-slim-linux-arm64,mode=min,ignore-error=true',
      },
    ],
    [
      'gha',
      { cache: 'type=gha', ...runner },
      {
        from: [
          'type=gha,scope=buildkit-slim-linux-arm64',
          'type=gha,scope=buildkit-linux-arm64',
          'type=gha,scope=buildkit',
        ],
        to: 'type=gha,scope=buildkit-slim-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      'gha, no variant',
      { cache: 'type=gha', ...runner, variants: '', platforms: 'linux/arm64' },
      {
        from: ['type=gha,scope=buildkit-linux-arm64', 'type=gha,scope=buildkit'],
        to: 'type=gha,scope=buildkit-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      'gha, of an image with another name than its Git repository',
      { cache: 'type=gha', ...runner, image: 'ghcr.io/acme/app/web' },
      {
        from: [
          'buildkit/acme/app/web/cache-slim-linux-arm64',
          'buildkit/acme/app/web/cache-linux-arm64',
          'buildkit-linux-arm64',
          'buildkit',
        ].map((name) => `type=gha,scope=${name}`),
        to: 'type=gha,scope=buildkit/acme/app/web/cache-slim-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      'gha, for a proposal',
      { cache: 'type=gha,scope=x', ...runner, ...proposal },
      {
        from: [
          'type=gha,scope=x-slim-linux-arm64-pr',
          'type=gha,scope=x-slim-linux-arm64',
          'type=gha,scope=x-linux-arm64',
          'type=gha,scope=x',
        ],
        to: 'type=gha,scope=x-slim-linux-arm64-pr,mode=max,ignore-error=true',
      },
    ],
    [
      's3',
      { cache: 'type=s3,region=garage,bucket=b,name=n,endpoint_url=http://s3:3900,upload_parallelism=4' },
      {
        from: ['n-slim-linux-arm64', 'n-linux-arm64', 'n'].map(
          (name) => `type=s3,region=garage,bucket=b,endpoint_url=http://s3:3900,name=${name}`,
        ),
        to:
          'type=s3,region=garage,bucket=b,endpoint_url=http://s3:3900,upload_parallelism=4,' +
          'name=n-slim-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      's3, under two names',
      { cache: 'type=s3,region=r,bucket=b,name=main;v1', variants: '', platforms: 'linux/arm64' },
      {
        from: ['main-linux-arm64;v1-linux-arm64', 'main;v1'].map((name) => `type=s3,region=r,bucket=b,name=${name}`),
        to: 'type=s3,region=r,bucket=b,name=main-linux-arm64;v1-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      "s3, whose location is in the job's environment only",
      { cache: 'type=s3,prefix=p/', AWS_BUCKET: 'b', AWS_REGION: 'r', variants: '', platforms: 'linux/arm64' },
      {
        from: ['buildkit-acme-app-linux-arm64', 'buildkit-acme-app'].map(
          (name) => `type=s3,prefix=p/,bucket=b,region=r,name=${name}`,
        ),
        to: 'type=s3,prefix=p/,bucket=b,region=r,name=buildkit-acme-app-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      's3, of an image with another name than its Git repository',
      {
        cache: 'type=s3,bucket=b,region=r',
        image: 'docker.io/acme/web\nghcr.io/acme/api',
        variants: '',
        platforms: 'linux/arm64',
      },
      {
        from: [
          'buildkit-acme-app/acme/api/cache-linux-arm64',
          'buildkit-acme-app-linux-arm64',
          'buildkit-acme-app',
        ].map((name) => `type=s3,bucket=b,region=r,name=${name}`),
        to: 'type=s3,bucket=b,region=r,name=buildkit-acme-app/acme/api/cache-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      's3, with attributes that override the environment',
      { cache: 'type=s3,bucket=mine,region=r', AWS_BUCKET: 'b', variants: '', platforms: 'linux/arm64' },
      {
        from: ['buildkit-acme-app-linux-arm64', 'buildkit-acme-app'].map(
          (name) => `type=s3,bucket=mine,region=r,name=${name}`,
        ),
        to: 'type=s3,bucket=mine,region=r,name=buildkit-acme-app-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      'azblob, for a proposal',
      { cache: 'type=azblob,account_url=https://a', ...proposal },
      {
        from: [
          'buildkit-acme-app-slim-linux-arm64-pr',
          'buildkit-acme-app-slim-linux-arm64',
          'buildkit-acme-app-linux-arm64',
          'buildkit-acme-app',
        ].map((name) => `type=azblob,account_url=https://a,name=${name}`),
        to: 'type=azblob,account_url=https://a,name=buildkit-acme-app-slim-linux-arm64-pr,mode=max,ignore-error=true',
      },
    ],
    [
      'azblob, from the job',
      {
        cache: 'type=azblob,name=n',
        BUILDKIT_AZURE_STORAGE_ACCOUNT_URL: 'https://a',
        BUILDKIT_AZURE_STORAGE_CONTAINER: 'c',
        variants: '',
        platforms: 'linux/arm64',
      },
      {
        from: ['n-linux-arm64', 'n'].map((name) => `type=azblob,account_url=https://a,container=c,name=${name}`),
        to: 'type=azblob,account_url=https://a,container=c,name=n-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      'local',
      { cache: 'type=local,dest=kept' },
      {
        from: [
          'type=local,src=/w/kept/slim-linux-arm64',
          'type=local,src=/w/kept/linux-arm64',
          'type=local,src=/w/kept',
        ],
        to: 'type=local,dest=/w/kept/slim-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      'local, for a proposal',
      { cache: 'type=local,src=kept', ...proposal },
      {
        from: ['slim-linux-arm64-pr', 'slim-linux-arm64', 'linux-arm64', ''].map(
          (name) => `type=local,src=${join('/w/kept', name)}`,
        ),
        to: 'type=local,dest=/w/kept/slim-linux-arm64-pr,mode=max,ignore-error=true',
      },
    ],
    [
      'capital letters in a reference, but not in its tag',
      { cache: 'type=registry,ref=ghcr.io/Acme/App:Kept', variants: '', platforms: 'linux/arm64' },
      {
        from: ['ghcr.io/acme/app:Kept-linux-arm64', 'ghcr.io/acme/app:Kept'].map((ref) => `type=registry,ref=${ref}`),
        to: 'type=registry,ref=ghcr.io/acme/app:Kept-linux-arm64,mode=max,ignore-error=true',
      },
    ],
    [
      'several images: the registry of the CI platform',
      { image: 'docker.io/acme/app\nghcr.io/acme/app', variants: '', platforms: 'linux/arm64' },
      {
        from: [`${image}:buildcache-linux-arm64`, `${image}:buildcache`],
        to: `${image}:buildcache-linux-arm64,${written}`,
      },
    ],
    [
      'legs of a matrix, which differ by the suffix of their tags',
      { flavor: 'prefix={{branch}}-\nsuffix=-py311', variants: '', platforms: 'linux/arm64' },
      {
        from: [`${image}:buildcache-py311-linux-arm64`, `${image}:buildcache-linux-arm64`, `${image}:buildcache`],
        to: `${image}:buildcache-py311-linux-arm64,${written}`,
      },
    ],
    ['off', { cache: 'off' }, undefined],
    ['no image', { image: '', push: 'false' }, undefined],
  ])('%s', async (_, given, expected) => {
    expect(await slim(given)).toEqual(expected)
  })

  const places = [
    'registry',
    'type=gha',
    'type=s3,region=r,bucket=b',
    'type=s3,region=r,bucket=b,name=x;y',
    'type=azblob,account_url=https://a',
    'type=local,dest=x',
    'type=registry,ref=a.example.com/b',
  ]
  const four = 'a: {platforms: "linux/amd64,linux/arm64"}\nb: {platforms: "linux/amd64,linux/arm64"}'

  test.each(places)('no two targets write one cache: %s', async (cache) => {
    const { cache: policy, variants } = await readInputs(...jobWith({ ...runner, cache, variants: four }))
    const all = variants.flatMap((variant) =>
      variant.platforms.flatMap((platform) => namesWritten(cacheOf(policy, variant, platform)?.to ?? '')),
    )
    expect([all.length % 4, new Set(all).size]).toEqual([0, all.length])
  })

  test.each(places)(
    'what was accepted reads nothing that a proposal writes, and the proposal all of it: %s',
    async (cache) => {
      const [own, proposals] = await Promise.all(
        [{}, proposal].map(async (more) => {
          const { cache: policy, variants } = await readInputs(
            ...jobWith({ ...runner, cache, variants: four, ...more }),
          )
          return variants.flatMap((variant) => variant.platforms.map((platform) => cacheOf(policy, variant, platform)!))
        }),
      )
      const read = new Set(own!.flatMap(({ from }) => from.flatMap(namesWritten)))
      expect(proposals!.flatMap(({ to }) => namesWritten(to)).filter((name) => read.has(name))).toEqual([])
      proposals!.forEach(({ from }, index) => expect(from).toEqual(expect.arrayContaining([...own![index]!.from])))
    },
  )
})

/** The names in a specification, each by itself. */
function namesWritten(spec: string): string[] {
  const name = /(?:^|,)(?:ref|scope|name|src|dest)=([^,]+)/.exec(spec)?.[1] ?? ''
  return name.split(';')
}

test.each([
  ['type=registry,ref=quay.io/acme/cache:a', 'quay.io acme/cache a'],
  ['type=registry,ref=acme/cache', 'docker.io acme/cache latest'],
  [`type=registry,ref=quay.io/acme/cache@sha256:${'0'.repeat(64)}`, ''],
  ['type=gha,scope=a', ''],
])('where to ask whether a cache exists: %s', (specification, expected) => {
  const { registry, path, tag } = cacheTag(specification) ?? {}
  expect([registry, path, tag].join(' ').trim()).toBe(expected)
})

describe('the cache service of a forge', () => {
  const notes = async (given: Given) => (await readInputs(...jobWith({ cache: 'type=gha', ...given }))).warnings

  test('a warning if the runner has only version 1, as Forgejo’s and Gitea’s', async () => {
    expect(await notes(forgejo)).toEqual([expect.stringContaining('only version 1 of the cache service')])
    expect(await notes({ ...forgejo, FORGEJO_ACTIONS: '', GITEA_ACTIONS: 'true' })).toEqual([
      expect.stringContaining('only version 1'),
    ])
  })

  test.each<[string, Given]>([
    ['GitHub’s own', runner],
    ['a runner that offers the second', { ...forgejo, ACTIONS_CACHE_SERVICE_V2: 'true' }],
    ['a service of the author’s own', { ...forgejo, cache: 'type=gha,url_v2=https://cache.example.com,token=t' }],
    ['another place', { ...forgejo, cache: 'registry' }],
  ])('no warning: %s', async (_, given) => {
    expect(await notes(given)).toEqual([])
  })

  // The rules of docker/buildx build/opt.go and moby/buildkit cache/remotecache/gha/gha.go.
  test.each<[string, string, Record<string, string>, 1 | 2 | undefined]>([
    ['GitHub', 'type=gha', runner, 2],
    ['GitHub, asked for the first', 'type=gha,version=1', { ...runner, ACTIONS_CACHE_URL: 'https://c' }, 1],
    [
      'GitHub, without the variable for the second version',
      'type=gha',
      { ACTIONS_RUNTIME_TOKEN: 't', ACTIONS_RESULTS_URL: runner.ACTIONS_RESULTS_URL },
      2,
    ],
    ['Forgejo', 'type=gha', forgejo, 1],
    ['Forgejo, whose runner keeps no cache', 'type=gha', { ...forgejo, ACTIONS_CACHE_URL: '' }, undefined],
    ['Forgejo, asked for the second', 'type=gha,version=2', forgejo, undefined],
    ['no token', 'type=gha', { ...forgejo, ACTIONS_RUNTIME_TOKEN: '' }, undefined],
    ['all in the specification', 'type=gha,url=http://c,token=t', {}, 1],
  ])('%s: %#', (_, spec, env, version) => {
    expect(serviceVersion(parseAttributes(spec) ?? [], env)).toBe(version)
  })
})
