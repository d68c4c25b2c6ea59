import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { appFiles, leftovers } from './harness.ts'
import { openDistribution, type PackageHost } from './package-hosts.ts'
import { bothPlatforms, newRun, splitBuilds } from './split-jobs.ts'
import { useFarm } from './setup.ts'

// Split builds on the registry of the farm; integrations/split.test.ts compares this registry with others.
const setup = useFarm()
let host: PackageHost
let split: ReturnType<typeof splitBuilds>

beforeAll(async () => {
  host = await openDistribution(setup.farm)
  split = splitBuilds(setup, host)
})
afterAll(async () => await host.stop())

const withoutCaches = (tags: readonly string[]) => tags.filter((tag) => !tag.startsWith('buildcache-'))

describe('a merge that cannot publish', () => {
  test('names the part of a job that failed, keeps the others, and a later attempt completes it', async () => {
    const image = host.freshImage()
    const runId = newRun()
    const files = appFiles(setup.farm, ['RUN test "$(uname -m)" != aarch64'])
    await split.buildParts({ image, runId, options: { files }, failing: ['linux/arm64'] })
    expect(withoutCaches(await host.tags(image))).toEqual([`build-0123456-${runId}-linux-amd64`])
    const failing = split.jobOf(runId)
    const merge = await failing.merge(split.mergeInputs(image, { tags: '1.0' }))
    expect(merge.errors).toEqual([`Missing in ${image}: linux/arm64`])
    expect(merge.log).toContain('the job with `platforms: linux/arm64` pushes it')
    expect((await failing.post()).warnings).toEqual([])
    const retried = { env: { GITHUB_RUN_ATTEMPT: '2' } }
    await split.buildParts({ image, runId, platforms: ['linux/arm64'], options: retried })
    const second = split.jobOf(runId, retried)
    const completed = await second.merge(split.mergeInputs(image, { tags: '1.0' }))
    expect([completed.code, completed.log]).toEqual([0, completed.log])
    expect((await second.post()).warnings).toEqual([])
    expect(withoutCaches(await host.tags(image))).toEqual(['1.0'])
  })

  test('ends successfully at the level `fork`, where jobs push no parts', async () => {
    const image = host.freshImage()
    const runId = newRun()
    const options = { env: { GITHUB_EVENT_NAME: 'issue_comment' } }
    const parts = await split.buildParts({ image, runId, options, platforms: [bothPlatforms] })
    const merge = await split.jobOf(runId, options).merge(split.mergeInputs(image))
    expect([...parts, merge].map(({ code }) => code)).toEqual([0, 0])
    expect(merge.log).toContain('its jobs pushed no parts')
    expect(await host.tags(image)).toEqual([])
  })
})

test('no job leaves anything on nodes and runner', async () => {
  for (const job of setup.jobs) expect(await leftovers(setup.farm, job)).toEqual([])
})
