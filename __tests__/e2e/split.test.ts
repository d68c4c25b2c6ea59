import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Job, JobOptions, StepResult } from './runner.ts'
import {
  attachFarm,
  farmInputs,
  farmJob,
  freshImage,
  imageConfig,
  leftovers,
  storedIndex,
  storedTags,
  type Farm,
  type StoredIndex,
} from './harness.ts'

let farm: Farm
const jobs: Job[] = []
beforeAll(async () => {
  farm = await attachFarm()
})
afterAll(() => jobs.forEach((job) => job.end()))

const both = 'linux/amd64,linux/arm64'
const mark = 'io.github.multiarch-build.run'
const withoutCaches = (tags: readonly string[]) => tags.filter((tag) => !tag.startsWith('buildcache-'))
let runs = 0
const newRun = () => String(Date.now() * 1000 + runs++)

interface Split {
  readonly image: string
  readonly runId?: string
  readonly options?: JobOptions
  readonly inputs?: Readonly<Record<string, string>>
  readonly platforms?: readonly string[]
}

function jobOf(runId: string, options: JobOptions = {}): Job {
  const job = farmJob(farm, { ...options, runId })
  jobs.push(job)
  return job
}

/** One job per platform, each with its post step. */
async function buildParts({ image, runId = newRun(), options, inputs, platforms }: Split): Promise<StepResult[]> {
  const nodes = { 'linux/amd64': farm.nodes.amd, 'linux/arm64': farm.nodes.arm }
  const built = await Promise.all(
    (platforms ?? Object.keys(nodes)).map(async (platform) => {
      const job = jobOf(runId, options)
      const endpoint = nodes[platform as keyof typeof nodes].endpoint
      const part = { image, partial: 'true', nodes: `${platform} = ${endpoint}`, ...inputs }
      const main = await job.main(farmInputs(farm, part))
      const post = await job.post()
      expect([post.code, post.warnings]).toEqual([0, []])
      return { job, main }
    }),
  )
  // The nodes are shared, so this is checked once every job has ended.
  for (const { job } of built) expect(await leftovers(farm, job)).toEqual([])
  return built.map(({ main }) => main)
}

const mergeInputs = (image: string, more: Readonly<Record<string, string>> = {}) => ({
  image,
  platforms: both,
  ...more,
})

/** What a reader of the image sees: platforms, annotations, attestations, labels. */
async function describeImage(image: string, tag: string): Promise<unknown> {
  const index = await storedIndex(farm, image, tag)
  const labels = await Promise.all(
    both.split(',').map(async (platform) => {
      const { config } = (await imageConfig(farm, image, tag, platform)) as { config: { Labels: unknown } }
      return config.Labels
    }),
  )
  return {
    labels,
    annotations: index?.annotations,
    manifests: await Promise.all((index?.manifests ?? []).map((child) => describeChild(image, child))),
  }
}

async function describeChild(image: string, child: StoredIndex['manifests'][number]): Promise<unknown> {
  const { annotations, layers } = (await storedIndex(farm, image, child.digest)) as StoredIndex & {
    readonly layers: readonly { readonly mediaType: string; readonly annotations?: unknown }[]
  }
  const types = Object.keys(child.annotations ?? {})
  return { platform: child.platform, types, annotations, layers: layers.map(({ mediaType }) => mediaType) }
}

describe('a split build', () => {
  const inputs = { tags: '1.2.3\nlatest', labels: 'team=core', annotations: 'manifest:org.example.a=b' }
  let image = ''
  let parts: StepResult[] = []
  let afterBuild: readonly string[] = []
  let merge: StepResult
  let post: StepResult

  beforeAll(async () => {
    image = freshImage(farm)
    const runId = newRun()
    parts = await buildParts({ image, runId, inputs: { ...inputs, sbom: 'false' } })
    afterBuild = withoutCaches(await storedTags(farm, image))
    const job = jobOf(runId)
    merge = await job.merge(mergeInputs(image, { tags: inputs.tags, annotations: 'index:org.example.index=yes' }))
    post = await job.post()
    expect(await leftovers(farm, job)).toEqual([])
  })

  test('pushes nothing but parts before the merge', () => {
    expect(parts.map(({ code }) => code)).toEqual([0, 0])
    expect(afterBuild).toHaveLength(2)
    for (const tag of afterBuild) expect(tag).toMatch(/^build-0123456-\d+-linux-(amd64|arm64)$/)
  })

  test('publishes what one job would have published', async () => {
    expect([merge.code, merge.log, merge.warnings]).toEqual([0, merge.log, []])
    const reference = freshImage(farm)
    const job = jobOf(newRun())
    const annotations = `${inputs.annotations}\nindex:org.example.index=yes`
    const main = await job.main(farmInputs(farm, { ...inputs, annotations, image: reference, sbom: 'false' }))
    await job.post()
    expect(main.code).toBe(0)
    expect(await describeImage(image, '1.2.3')).toEqual(await describeImage(reference, '1.2.3'))
    const keys = Object.keys(merge.outputs).sort()
    expect(Object.keys(main.outputs)).toEqual(expect.arrayContaining(keys))
    expect(Object.keys(JSON.parse(merge.outputs['digests'] ?? '{}') as object)).toEqual(both.split(','))
    const digests = new Set([merge.outputs['digest']])
    for (const tag of ['1.2.3', 'latest']) digests.add((await storedIndex(farm, image, tag))?.digest)
    expect(digests.size).toBe(1)
    expect(merge.summary).toContain(`\`${image}:1.2.3\``)
  })

  test('leaves no build tag and no index of a part', async () => {
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(withoutCaches(await storedTags(farm, image))).toEqual(['1.2.3', 'latest'])
    const partDigests = parts.map(({ outputs }) => outputs['digest'] ?? '')
    for (const digest of partDigests) {
      expect(digest).toMatch(/^sha256:/)
      expect(await storedIndex(farm, image, digest)).toBeUndefined()
    }
  })

  test('annotates the parts, and not the image', async () => {
    const index = await storedIndex(farm, image, '1.2.3')
    expect(index?.annotations[mark]).toBeUndefined()
    for (const { digest } of index?.manifests ?? [])
      expect((await storedIndex(farm, image, digest))?.annotations[mark]).toBeUndefined()
  })
})

describe('a split build of a pull request', () => {
  test('has a temporary tag, which goes with everything below it', async () => {
    const image = freshImage(farm)
    const runId = newRun()
    const options = { event: 'pull_request', ref: 'refs/pull/7/merge' }
    await buildParts({ image, runId, options })
    const job = jobOf(runId, options)
    const merge = await job.merge(mergeInputs(image))
    expect([merge.code, merge.log]).toEqual([0, merge.log])
    expect(withoutCaches(await storedTags(farm, image))).toContain(`pr-${runId}`)
    const index = await storedIndex(farm, image, `pr-${runId}`)
    expect(index?.annotations[mark]).toMatch(new RegExp(`^${runId}-1-`))
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    expect(withoutCaches(await storedTags(farm, image))).toEqual([])
    for (const digest of [index?.digest, ...(index?.manifests ?? []).map((child) => child.digest)])
      expect(await storedIndex(farm, image, digest ?? '')).toBeUndefined()
  })
})

describe('a merge that cannot publish', () => {
  test('names the missing part with its job, keeps the others, and a later attempt completes it', async () => {
    const image = freshImage(farm)
    const runId = newRun()
    await buildParts({ image, runId, platforms: ['linux/amd64'] })
    const failing = jobOf(runId)
    const merge = await failing.merge(mergeInputs(image, { tags: '1.0' }))
    expect(merge.errors).toEqual([`Missing in ${image}: linux/arm64`])
    expect(merge.log).toContain('the job with `platforms: linux/arm64` pushes it')
    expect((await failing.post()).warnings).toEqual([])
    const retried = { env: { GITHUB_RUN_ATTEMPT: '2' } }
    await buildParts({ image, runId, platforms: ['linux/arm64'], options: retried })
    const second = jobOf(runId, retried)
    const completed = await second.merge(mergeInputs(image, { tags: '1.0' }))
    expect([completed.code, completed.log]).toEqual([0, completed.log])
    expect((await second.post()).warnings).toEqual([])
    expect(withoutCaches(await storedTags(farm, image))).toEqual(['1.0'])
  })

  test('ends successfully at the level `fork`, where jobs push no parts', async () => {
    const image = freshImage(farm)
    const runId = newRun()
    const options = { env: { GITHUB_EVENT_NAME: 'issue_comment' } }
    const parts = await buildParts({ image, runId, options })
    const merge = await jobOf(runId, options).merge(mergeInputs(image))
    expect([...parts, merge].map(({ code }) => code)).toEqual([0, 0, 0])
    expect(merge.log).toContain('nothing was pushed')
    expect(await storedTags(farm, image)).toEqual([])
  })
})
