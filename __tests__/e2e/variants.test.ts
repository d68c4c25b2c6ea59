import { beforeAll, describe, expect, test } from '@jest/globals'
import type { RequestLog } from '../farm/farm.ts'
import type { Job, StepResult } from './runner.ts'
import {
  buildkitdInputs,
  freshImage,
  imageConfig,
  leftovers,
  oneBuildkitdInputs,
  startBuildkitds,
  storedIndex,
  storedTags,
  type Farm,
} from './harness.ts'
import { useFarm } from './setup.ts'

interface Played {
  readonly job: Job
  readonly image: string
  readonly main: StepResult
  readonly post: StepResult
}

const setup = useFarm()
let farm: Farm
let both: Played
let dry: Played
let bare: Played
let guarded: Played
let requests: RequestLog[]

async function play(
  inputs: (image: string) => Readonly<Record<string, string>>,
  image = freshImage(farm),
  base = farm.images.base,
): Promise<Played> {
  const job = setup.job({
    files: {
      Dockerfile: [
        `FROM ${base}`,
        'ARG EXTRAS=none',
        'ARG COLOUR=grey',
        `RUN echo "${image} with $EXTRAS" > /extras`,
        'LABEL extras=$EXTRAS colour=$COLOUR',
        '',
      ].join('\n'),
    },
  })
  const main = await job.main(inputs(image))
  return { job, image, main, post: await job.post() }
}

beforeAll(async () => {
  farm = setup.farm
  await startBuildkitds(farm)
  const { host, username, password } = farm.privateRegistry
  const variants = [
    'slim: {build-args: EXTRAS=}',
    'full:',
    '  build-args: EXTRAS=all',
    '  tag-suffix: ""',
    '  platforms: linux/amd64',
  ].join('\n')
  ;[both, dry, bare, guarded] = await Promise.all([
    play((image) => buildkitdInputs(farm, { image, tags: 'v1\nlatest', 'build-args': 'COLOUR=blue', variants })),
    play((image) => oneBuildkitdInputs(farm, { image, push: 'false' })),
    play((image) => oneBuildkitdInputs(farm, { tags: `${image}:one\n${image}-too/deep:two`, cache: 'off' })),
    play(
      (image) => oneBuildkitdInputs(farm, { image, username, password }),
      `${host}/acme/guarded`,
      farm.images.privateBase,
    ),
  ])
  requests = await farm.registry.requests()
})

const played = () => ({ both, dry, bare, guarded })
test.each(['both', 'dry', 'bare', 'guarded'] as const)('%s succeeds and leaves nothing behind', async (name) => {
  const { main, post, job } = played()[name]
  expect([main.code, main.errors, main.log]).toEqual([0, [], main.log])
  expect([post.code, post.warnings, post.log]).toEqual([0, [], post.log])
  expect(await leftovers(farm, job)).toEqual([])
})

describe('two variants in one step', () => {
  test('each gets its tags, with its name or its `tag-suffix` as suffix', async () => {
    const tags = (await storedTags(farm, both.image)).filter((tag) => !tag.startsWith('buildcache-'))
    expect(tags).toEqual(['latest', 'latest-slim', 'v1', 'v1-slim'])
    expect(both.main.outputs['tags']?.split('\n')).toEqual(
      ['v1-slim', 'latest-slim', 'v1', 'latest'].map((tag) => `${both.image}:${tag}`),
    )
  })

  test('build arguments of a variant override those of the step', async () => {
    const [slim, full] = await Promise.all(
      ['v1-slim', 'v1'].map((tag) => imageConfig(farm, both.image, tag, 'linux/amd64')),
    )
    expect(slim).toMatchObject({ config: { Labels: { extras: '', colour: 'blue' } } })
    expect(full).toMatchObject({ config: { Labels: { extras: 'all', colour: 'blue' } } })
  })

  test('each has its own platforms, also in `results`', async () => {
    const results: unknown = JSON.parse(both.main.outputs['results'] ?? '')
    const [slim, full] = await Promise.all(['v1-slim', 'v1'].map((tag) => storedIndex(farm, both.image, tag)))
    const platforms = (index: typeof slim) =>
      Object.fromEntries(
        (index?.manifests ?? [])
          .filter(({ platform }) => platform.os === 'linux')
          .map(({ platform, digest }) => [`linux/${platform.architecture}`, digest]),
      )
    expect(Object.keys(platforms(slim))).toEqual(['linux/amd64', 'linux/arm64'])
    expect(Object.keys(platforms(full))).toEqual(['linux/amd64'])
    expect(results).toEqual([
      {
        variant: 'slim',
        image: `${both.image}@${slim?.digest ?? ''}`,
        digest: slim?.digest,
        tags: [`${both.image}:v1-slim`, `${both.image}:latest-slim`],
        platforms: platforms(slim),
        targets: expect.any(Array) as unknown,
        content: expect.any(Array) as unknown,
      },
      {
        variant: 'full',
        image: `${both.image}@${full?.digest ?? ''}`,
        digest: full?.digest,
        tags: [`${both.image}:v1`, `${both.image}:latest`],
        platforms: platforms(full),
        targets: expect.any(Array) as unknown,
        content: expect.any(Array) as unknown,
      },
    ])
    expect(both.main.outputs['digest']).toBe(slim?.digest)
  })

  test('each has a cache per platform', async () => {
    const caches = (await storedTags(farm, both.image)).filter((tag) => tag.startsWith('buildcache-'))
    expect(caches).toEqual([
      'buildcache-full-linux-amd64',
      'buildcache-slim-linux-amd64',
      'buildcache-slim-linux-amd64-stats',
      'buildcache-slim-linux-arm64',
    ])
  })
})

describe('push: false', () => {
  test('builds and writes nothing to the registry', async () => {
    const path = dry.image.slice(dry.image.indexOf('/') + 1)
    expect(dry.main.log).toMatch(/linux\/amd64 │ \[2\/2\] done/)
    expect(await farm.registry.repositories()).not.toContain(path)
    const writes = requests.filter(
      (request) => request.path.includes(`/${path}/`) && !['GET', 'HEAD'].includes(request.method),
    )
    expect(writes).toEqual([])
    expect(dry.main.summary).toContain('built, not pushed')
    expect([dry.main.outputs['digest'], dry.main.outputs['tags'], dry.main.outputs['results']]).toEqual(['', '', '[]'])
  })
})

describe('cache: off, and full references as tags', () => {
  test('each repository gets its own tag, and no cache is read or written', async () => {
    const deep = `${bare.image}-too/deep`
    expect([await storedTags(farm, bare.image), await storedTags(farm, deep)]).toEqual([['one'], ['two']])
    expect((await storedIndex(farm, deep, 'two'))?.digest).toBe((await storedIndex(farm, bare.image, 'one'))?.digest)
    expect(
      requests.filter(
        ({ path }) => path.includes(bare.image.slice(bare.image.indexOf('/') + 1)) && path.includes('buildcache'),
      ),
    ).toEqual([])
  })
})

describe('a private registry, with a user name and a password', () => {
  test('serves the base image and receives the image and its cache', async () => {
    const caches = ['buildcache-linux-amd64', 'buildcache-linux-amd64-stats']
    expect(await farm.privateRegistry.tags('acme/guarded')).toEqual([...caches, 'main'])
    expect((await farm.privateRegistry.manifest('acme/guarded', 'main'))?.digest).toBe(guarded.main.outputs['digest'])
  })

  test('the password appears nowhere', () => {
    const { password, username } = farm.privateRegistry
    const { main, post } = guarded
    expect(main.masks).toContain(password)
    const seen = [main.log, post.log, main.summary, JSON.stringify([main.outputs, main.state])].join('\n')
    for (const secret of [
      password,
      Buffer.from(password).toString('base64'),
      Buffer.from(`${username}:${password}`).toString('base64'),
    ])
      expect(seen).not.toContain(secret)
    // The runner removes only the line with the mask.
    expect(main.raw.split('\n').filter((line) => line.includes(password))).toEqual([`::add-mask::${password}`])
  })
})
