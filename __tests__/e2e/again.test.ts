import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Job, StepResult } from './runner.ts'
import { app, attachFarm, farmInputs, farmJob, freshImage, imageConfig, oneNode, storedTags, type Farm } from './world.ts'

// The same sources, three times: released, released again from nothing, and proposed.
const epoch = '1700000000'
let farm: Farm
let image: string
const jobs: Job[] = []
let first: StepResult
let second: StepResult
let proposed: StepResult

beforeAll(async () => {
  farm = await attachFarm()
  image = freshImage(farm)
  const dated = { SOURCE_DATE_EPOCH: epoch }
  const same = app(farm, ['RUN mkdir /made && touch /made/now'])
  const release = async (more: Readonly<Record<string, string>>) => {
    const job = farmJob(farm, { files: same, env: dated })
    jobs.push(job)
    const main = await job.main(farmInputs(farm, { image, provenance: 'false', labels: 'org.opencontainers.image.version=1', ...more }))
    await job.post()
    return main
  }
  first = await release({ tags: 'v1' })
  second = await release({ tags: 'v2', 'no-cache': 'true', cache: 'off' })
  const job = farmJob(farm, { event: 'pull_request', ref: 'refs/pull/7/merge', files: same, env: dated })
  jobs.push(job)
  proposed = await job.main(oneNode(farm, { image, variants: 'slim:', cleanup: 'never' }))
  await job.post()
})
afterAll(() => jobs.forEach((job) => job.end()))

describe('the same sources again', () => {
  test('give the same files and the same configuration, though every step ran anew', async () => {
    expect(first.code === 0 ? '' : first.log).toBe('')
    expect(second.code === 0 ? '' : second.log).toBe('')
    expect(second.log).not.toContain('CACHED')
    for (const platform of ['linux/amd64', 'linux/arm64']) {
      const config = await imageConfig(farm, image, 'v2', platform)
      expect(config).toMatchObject({ created: '2023-11-14T22:13:20Z' })
      expect(config).toEqual(await imageConfig(farm, image, 'v1', platform))
    }
  })

  test('a new variant takes its steps from the cache of before, and a proposal writes beside it', async () => {
    expect(proposed.code === 0 ? '' : proposed.log).toBe('')
    expect(proposed.log).toMatch(/RUN echo "dependencies.* CACHED/)
    expect((await storedTags(farm, image)).filter((tag) => tag.startsWith('buildcache'))).toEqual(['buildcache-linux-amd64', 'buildcache-linux-arm64', 'buildcache-slim-linux-amd64-pr'])
  })
})
