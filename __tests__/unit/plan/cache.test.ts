import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../../src/inputs.ts'
import { cacheOf } from '../../../src/plan/cache.ts'
import { InputError } from '../../../src/plan/mistake.ts'
import { describeMistakes } from '../../../src/report/mistakes.ts'
import { world, type Given } from '../fixtures/world.ts'

const image = 'type=registry,ref=ghcr.io/acme/app'
const written = 'mode=max,compression=zstd,image-manifest=true,oci-mediatypes=true,ignore-error=true'
const runner = { ACTIONS_RUNTIME_TOKEN: 't' }
const proposal: Given = { event: { trust: 'pr' } }

/** What the variant `slim` on arm64 reads and writes. */
async function slim(given: Given): Promise<unknown> {
  const { cache, variants } = await readInputs(...world({ variants: 'slim: {platforms: linux/arm64}', ...given }))
  const { name, ...specs } = cacheOf(cache, variants[0]!, variants[0]!.platforms[0]!) ?? {}
  return name === undefined ? undefined : specs
}

describe('each target has its own', () => {
  test.each<[string, Given, unknown]>([
    ['registry', {}, { from: [`${image}:buildcache-slim-linux-arm64`, `${image}:buildcache-linux-arm64`, `${image}:buildcache`], to: `${image}:buildcache-slim-linux-arm64,${written}` }],
    ['registry, for a proposal', proposal, { from: [`${image}:buildcache-slim-linux-arm64-pr`, `${image}:buildcache-slim-linux-arm64`, `${image}:buildcache-linux-arm64`, `${image}:buildcache`], to: `${image}:buildcache-slim-linux-arm64-pr,${written}` }],
    ['registry, no variant', { variants: '', platforms: 'linux/arm64' }, { from: [`${image}:buildcache-linux-arm64`, `${image}:buildcache`], to: `${image}:buildcache-linux-arm64,${written}` }],
    ['another repository', { cache: 'type=registry,ref=quay.io/acme/cache' }, { from: ['type=registry,ref=quay.io/acme/cache:buildcache-slim-linux-arm64', 'type=registry,ref=quay.io/acme/cache'], to: 'type=registry,ref=quay.io/acme/cache:buildcache-slim-linux-arm64,mode=max,ignore-error=true' }],
    ['another tag', { cache: 'type=registry,ref=quay.io/acme/app:kept,mode=min,compression=gzip' }, { from: ['type=registry,ref=quay.io/acme/app:kept-slim-linux-arm64', 'type=registry,ref=quay.io/acme/app:kept'], to: 'type=registry,compression=gzip,ref=quay.io/acme/app:kept-slim-linux-arm64,mode=min,ignore-error=true' }],
    ['gha', { cache: 'type=gha', ...runner }, { from: ['type=gha,scope=buildkit-slim-linux-arm64', 'type=gha,scope=buildkit'], to: 'type=gha,scope=buildkit-slim-linux-arm64,mode=max,ignore-error=true' }],
    ['gha, for a proposal: the forge keeps them apart', { cache: 'type=gha,scope=x', ...runner, ...proposal }, { from: ['type=gha,scope=x-slim-linux-arm64', 'type=gha,scope=x'], to: 'type=gha,scope=x-slim-linux-arm64,mode=max,ignore-error=true' }],
    ['s3', { cache: 'type=s3,region=garage,bucket=b,name=n,endpoint_url=http://s3:3900,upload_parallelism=4' }, { from: ['type=s3,region=garage,bucket=b,endpoint_url=http://s3:3900,name=n-slim-linux-arm64', 'type=s3,region=garage,bucket=b,endpoint_url=http://s3:3900,name=n'], to: 'type=s3,region=garage,bucket=b,endpoint_url=http://s3:3900,upload_parallelism=4,name=n-slim-linux-arm64,mode=max,ignore-error=true' }],
    ['azblob, for a proposal', { cache: 'type=azblob,account_url=https://a', ...proposal }, { from: ['type=azblob,account_url=https://a,name=buildkit-slim-linux-arm64-pr', 'type=azblob,account_url=https://a,name=buildkit-slim-linux-arm64', 'type=azblob,account_url=https://a,name=buildkit'], to: 'type=azblob,account_url=https://a,name=buildkit-slim-linux-arm64-pr,mode=max,ignore-error=true' }],
    ['local', { cache: 'type=local,dest=kept' }, { from: ['type=local,src=/w/kept/slim-linux-arm64', 'type=local,src=/w/kept'], to: 'type=local,dest=/w/kept/slim-linux-arm64,mode=max,ignore-error=true' }],
    ['off', { cache: 'off' }, undefined],
    ['no image', { image: '', push: 'false' }, undefined],
  ])('%s', async (_, given, expected) => {
    expect(await slim(given)).toEqual(expected)
  })

  test('no two targets write one cache, whatever the back end', async () => {
    for (const cache of ['registry', 'type=gha', 'type=s3,region=r,bucket=b', 'type=azblob,account_url=https://a', 'type=local,dest=x', 'type=registry,ref=a.example.com/b']) {
      const { cache: policy, variants } = await readInputs(...world({ ...runner, cache, variants: 'a: {platforms: "linux/amd64,linux/arm64"}\nb: {platforms: "linux/amd64,linux/arm64"}' }))
      const all = variants.flatMap((variant) => variant.platforms.map((platform) => cacheOf(policy, variant, platform)?.to))
      expect(new Set(all).size).toBe(4)
    }
  })

  test('Forgejo’s cache service is the first version: said', async () => {
    const inputs = await readInputs(...world({ cache: 'type=gha', ...runner, FORGEJO_ACTIONS: 'true' }))
    expect(inputs.notes).toEqual([expect.stringContaining('first version of the cache service')])
    expect((await readInputs(...world({ cache: 'type=gha', ...runner }))).notes).toEqual([])
  })
})

test.each<[string, Given, string]>([
  ['a word', { cache: 'gha' }, 'cache: "gha" is not one of `registry`, `off`, or a specification such as `type=gha`'],
  ['a type', { cache: 'type=regitry,ref=a' }, 'cache: "type=regitry,ref=a" has an unknown type: registry, inline, local, gha, s3, azblob are known; did you mean `registry`?'],
  ['inline', { cache: 'type=inline' }, 'cache: "type=inline" keeps the cache in the image itself: write `cache: off` and `cache-to: type=inline`'],
  ['no ref', { cache: 'type=registry' }, 'cache: "type=registry" has no `ref`: write `type=registry,ref=ghcr.io/acme/app:cache`'],
  ['no service', { cache: 'type=gha' }, 'cache: "type=gha" needs the cache service of the forge, and this runner offers none: write `registry`, or let the runner offer one'],
  ['no bucket', { cache: 'type=s3,region=r' }, 'cache: "type=s3" has no `bucket`: write `type=s3,region=…,bucket=…`'],
  ['no directory', { cache: 'type=local,mode=max' }, 'cache: "type=local" names no directory: write `type=local,dest=…`'],
])('refused: %s', async (_, given, expected) => {
  const error: unknown = await readInputs(...world(given)).catch((thrown: unknown) => thrown)
  expect(error instanceof InputError && describeMistakes(error.mistakes)).toContain(expected)
})
