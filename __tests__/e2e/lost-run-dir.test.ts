import { beforeAll, describe, expect, test } from '@jest/globals'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { farmInputs, freshImage, leftovers, storedTags, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'
import type { Job } from './runner.ts'

const setup = useFarm()
let farm: Farm

beforeAll(() => {
  farm = setup.farm
})

function pullRequest(files?: Readonly<Record<string, string>>): Job {
  return setup.job({ event: 'pull_request', ref: 'refs/pull/7/merge', ...(files && { files }) })
}

/** As a runner does that empties its temporary directory between two steps. */
function emptyTemp({ temp }: Job): void {
  for (const name of readdirSync(temp)) rmSync(join(temp, name), { recursive: true })
}

const withoutCaches = (tags: readonly string[]) => tags.filter((tag) => !tag.startsWith('buildcache-'))
const builders = (found: readonly string[]) => found.filter((line) => /^(?:container|volume) /.test(line))

describe('post after the temporary directory was emptied', () => {
  test('removes builders on the nodes and the tag of the run, by their names', async () => {
    const image = freshImage(farm)
    const job = pullRequest()
    const main = await job.main(farmInputs(farm, { image, use: 'true' }))
    expect([main.code, main.log]).toEqual([0, main.log])
    expect(builders(await leftovers(farm, job))).toHaveLength(4)
    expect(withoutCaches(await storedTags(farm, image))).toEqual([`pr-${job.runId}`])
    emptyTemp(job)
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, [expect.stringMatching(/^The journal of this run .* is lost/)]])
    expect(post.log).toContain(`Deleted ${image}:pr-${job.runId}.`)
    expect(await leftovers(farm, job)).toEqual([])
    expect(withoutCaches(await storedTags(farm, image))).toEqual([])
  })

  test('ends what a killed main left running, and leaves other steps of the run alone', async () => {
    const image = freshImage(farm)
    const job = pullRequest({ Dockerfile: `FROM ${farm.images.base}\nRUN echo begins && sleep 600\n` })
    const running = job.start(farmInputs(farm, { image }))
    await running.waitForOutput(/begins\n/)
    running.process.kill('SIGKILL')
    await running.result
    const other = setup.job({ runId: job.runId })
    const kept = await other.main(farmInputs(farm, { image: freshImage(farm), use: 'true' }))
    expect([kept.code, kept.log]).toEqual([0, kept.log])
    emptyTemp(job)
    expect((await job.post()).code).toBe(0)
    const [key] = (kept.state['dir'] ?? '').split('/').slice(-1)
    const rest = builders(await leftovers(farm, job))
    expect([rest.length, rest.filter((line) => !line.includes(`buildx_buildkit_${key ?? ''}-`))]).toEqual([4, []])
    await other.post()
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('deletes no tag with `cleanup: never`', async () => {
    const image = freshImage(farm)
    const job = pullRequest()
    const main = await job.main(farmInputs(farm, { image, cleanup: 'never' }))
    expect(main.code).toBe(0)
    emptyTemp(job)
    expect((await job.post()).code).toBe(0)
    expect(withoutCaches(await storedTags(farm, image))).toEqual([`pr-${job.runId}`])
  })
})
