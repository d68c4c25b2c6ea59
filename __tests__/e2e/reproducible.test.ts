import { beforeAll, describe, expect, test } from '@jest/globals'
import type { StepResult } from './runner.ts'
import {
  appFiles,
  buildkitdInputs,
  emptyBuildkitds,
  freshImage,
  imageConfig,
  oneBuildkitdInputs,
  startBuildkitds,
  storedTags,
  type Farm,
} from './harness.ts'
import { useFarm } from './setup.ts'

// The same sources: released, released again without cache, released with provenance and another tag, and built for a
// pull request.
const epoch = '1700000000'
const sameTexts = 'org.opencontainers.image.version=v1\norg.opencontainers.image.created=2023-11-14T22:13:20.000Z'
const setup = useFarm()
let farm: Farm
let image: string
let first: StepResult
let second: StepResult
let third: StepResult
let proposed: StepResult

beforeAll(async () => {
  farm = setup.farm
  await startBuildkitds(farm)
  image = freshImage(farm)
  const dated = { SOURCE_DATE_EPOCH: epoch }
  const same = appFiles(farm, ['RUN mkdir /made && touch /made/now'])
  const release = async (env: Readonly<Record<string, string>>, more: Readonly<Record<string, string>>) => {
    const job = setup.job({ files: same, env })
    // As on a node that has built nothing before.
    await emptyBuildkitds(farm)
    const main = await job.main(buildkitdInputs(farm, { image, ...more }))
    await job.post()
    return main
  }
  first = await release(dated, { tags: 'v1', provenance: 'false' })
  second = await release(dated, { tags: 'v1', provenance: 'false', 'no-cache': 'true', cache: 'off' })
  third = await release(
    {},
    {
      tags: 'v2',
      'build-args': `SOURCE_DATE_EPOCH=${epoch}`,
      labels: sameTexts,
      annotations: sameTexts,
      'no-cache': 'true',
    },
  )
  const job = setup.job({ event: 'pull_request', ref: 'refs/pull/7/merge', files: same, env: dated })
  await emptyBuildkitds(farm)
  proposed = await job.main(oneBuildkitdInputs(farm, { image, variants: 'slim:', cleanup: 'never' }))
  await job.post()
})

describe('the same sources', () => {
  test('give the same digests of index and images, although every step ran again', async () => {
    for (const { code, log } of [first, second, third]) expect(code === 0 ? '' : log).toBe('')
    expect(second.log).not.toContain('CACHED')
    expect(await imageConfig(farm, image, 'v1', 'linux/arm64')).toMatchObject({ created: '2023-11-14T22:13:20Z' })
    expect(first.outputs['digest']).toMatch(/^sha256:/)
    expect(second.outputs['digest']).toBe(first.outputs['digest'])
    expect(second.outputs['digests']).toBe(first.outputs['digests'])
  })

  test('with provenance, which contains time and place of the build, give the same images in another index', () => {
    expect(third.outputs['digests']).toBe(first.outputs['digests'])
    expect(third.outputs['digest']).not.toBe(first.outputs['digest'])
  })

  test('a new variant uses the cache without a variant, and a pull request writes a cache of its own', async () => {
    expect(proposed.code === 0 ? '' : proposed.log).toBe('')
    expect(proposed.log).toMatch(/RUN echo "dependencies.* CACHED/)
    expect((await storedTags(farm, image)).filter((tag) => tag.startsWith('buildcache'))).toEqual([
      'buildcache-linux-amd64',
      'buildcache-linux-amd64-stats',
      'buildcache-linux-arm64',
      'buildcache-slim-linux-amd64-pr',
      'buildcache-slim-linux-amd64-pr-stats',
    ])
  })
})
