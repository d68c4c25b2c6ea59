import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { appFiles, farmInputs, leftovers } from './harness.ts'
import { openDistribution, openGhcr, openGitea, type PackageHost } from './package-hosts.ts'
import type { Job, JobOptions, StepResult } from './runner.ts'
import { bothPlatforms, newRun, splitBuilds } from './split-jobs.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()

const mark = 'io.github.multiarch-build.run'
type Inputs = Readonly<Record<string, string>>
const withoutCaches = (tags: readonly string[]) => tags.filter((tag) => !tag.startsWith('buildcache-'))
const pullRequest = { event: 'pull_request', ref: 'refs/pull/7/merge' }

const hosts = { 'distribution 3': openDistribution, GHCR: openGhcr, Gitea: openGitea }

describe.each(Object.keys(hosts) as (keyof typeof hosts)[])('on %s', (name) => {
  let host: PackageHost
  let split: ReturnType<typeof splitBuilds>
  beforeAll(async () => {
    host = await hosts[name](setup.farm)
    split = splitBuilds(setup, host)
  }, 1_200_000)
  afterAll(async () => await host.stop())

  describe('two jobs and a merge', () => {
    const inputs = { tags: '1.2.3\nlatest', labels: 'team=core', annotations: 'manifest:org.example.a=b' }
    let image = ''
    let parts: StepResult[] = []
    let afterBuild: readonly string[] = []
    let merged: StepResult
    let post: StepResult

    beforeAll(async () => {
      image = host.freshImage()
      const runId = newRun()
      parts = await split.buildParts({ image, runId, inputs: { ...inputs, sbom: 'false' } })
      afterBuild = withoutCaches(await host.tags(image))
      const given = split.mergeInputs(image, { tags: inputs.tags, annotations: 'index:org.example.index=yes' })
      const { job, main } = await split.merge(runId, given)
      merged = main
      post = await job.post()
      expect(await leftovers(setup.farm, job)).toEqual([])
    })

    test('push nothing but parts before the merge', () => {
      expect(afterBuild).toHaveLength(2)
      for (const tag of afterBuild) expect(tag).toMatch(/^build-0123456-\d+-linux-(amd64|arm64)$/)
    })

    test('publish what one job would have published', async () => {
      expect([merged.code, merged.log, merged.warnings]).toEqual([0, merged.log, []])
      const reference = host.freshImage()
      const job = split.jobOf(newRun())
      const annotations = `${inputs.annotations}\nindex:org.example.index=yes`
      const whole = { ...host.inputs, ...inputs, annotations, image: reference, sbom: 'false' }
      const main = await job.main(farmInputs(setup.farm, whole))
      await job.post()
      expect([main.code, main.log]).toEqual([0, main.log])
      expect(await split.describeImage(image, '1.2.3')).toEqual(await split.describeImage(reference, '1.2.3'))
      const keys = Object.keys(merged.outputs).sort()
      expect(Object.keys(main.outputs)).toEqual(expect.arrayContaining(keys))
      expect(Object.keys(JSON.parse(merged.outputs['digests'] ?? '{}') as object)).toEqual(bothPlatforms.split(','))
      const digests = new Set([merged.outputs['digest']])
      for (const tag of ['1.2.3', 'latest']) digests.add((await host.read(image, tag))?.digest)
      expect(digests.size).toBe(1)
      expect(merged.summary).toContain(`\`${image}:1.2.3\``)
    })

    test('update each tag once', async () => {
      for (const tag of ['1.2.3', 'latest']) expect([tag, await host.updates(image, tag)]).toEqual([tag, 1])
    })

    test('leave no build tag, and no manifest without a tag', async () => {
      expect([post.code, post.warnings]).toEqual([0, []])
      expect(withoutCaches(await host.tags(image)).sort()).toEqual(['1.2.3', 'latest'])
      expect(await split.untagged(image)).toEqual([])
      for (const { outputs } of parts) {
        expect(outputs['digest']).toMatch(/^sha256:/)
        expect(await host.read(image, outputs['digest'] ?? '')).toBeUndefined()
      }
    })

    test('annotate the parts, and not the image', async () => {
      const index = await host.read(image, '1.2.3')
      expect(index?.annotations?.[mark]).toBeUndefined()
      for (const { digest } of index?.manifests ?? [])
        expect((await host.read(image, digest))?.annotations?.[mark]).toBeUndefined()
    })
  })

  test('a pull request has a temporary tag, which is deleted with everything below it', async () => {
    const image = host.freshImage()
    const runId = newRun()
    await split.buildParts({ image, runId, options: pullRequest })
    const { job, main } = await split.merge(runId, split.mergeInputs(image), pullRequest)
    expect([main.code, main.log]).toEqual([0, main.log])
    expect(await host.tags(image)).toContain(`pr-${runId}`)
    expect((await host.read(image, `pr-${runId}`))?.annotations?.[mark]).toMatch(new RegExp(`^${runId}-1-`))
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    expect([withoutCaches(await host.tags(image)), await split.untagged(image)]).toEqual([[], []])
  })

  describe('parts that are never merged, since a job failed', () => {
    async function buildHalf(options: JobOptions): Promise<{ readonly image: string; readonly job: Job }> {
      const image = host.freshImage()
      const runId = newRun()
      const given = { ...options, files: appFiles(setup.farm, ['RUN test "$(uname -m)" != aarch64']) }
      await split.buildParts({ image, runId, options: given, failing: ['linux/arm64'] })
      expect(withoutCaches(await host.tags(image))).toEqual([`build-0123456-${runId}-linux-amd64`])
      host.finish(runId)
      return { image, job: split.jobOf(newRun()) }
    }

    /** @returns what has no tag afterwards */
    async function cleanUp({ image, job }: { readonly image: string; readonly job: Job }, more: Inputs = {}) {
      const result = await job.cleanup({ ...host.inputs, image, 'older-than': '0 s', ...more })
      expect([result.code, result.errors, result.warnings]).toEqual([0, [], []])
      expect(withoutCaches(await host.tags(image))).toEqual([])
      const rest = await Promise.all((await split.untagged(image)).map((digest) => host.read(image, digest)))
      return rest.flatMap((manifest) => manifest ?? [])
    }

    test('are collected by the cleanup, with all of a pull request', async () => {
      expect(await cleanUp(await buildHalf(pullRequest))).toEqual([])
    })

    test('are collected by the cleanup; the image of a release stays, since nothing proves it temporary', async () => {
      const rest = await cleanUp(await buildHalf({}))
      for (const { annotations, manifests } of rest)
        expect([annotations?.[mark], manifests]).toEqual([undefined, undefined])
      expect(rest.length).toBeLessThanOrEqual(2)
    })

    test('are collected by the cleanup, with the image of a release if `unmarked` is `delete` on GitHub', async () => {
      const rest = await cleanUp(await buildHalf({}), { unmarked: 'delete' })
      if (name === 'GHCR') expect(rest).toEqual([])
    })
  })
})

describe('a merge that cannot publish', () => {
  let host: PackageHost
  let split: ReturnType<typeof splitBuilds>
  beforeAll(async () => {
    host = await openDistribution(setup.farm)
    split = splitBuilds(setup, host)
  })
  afterAll(async () => await host.stop())

  test('names the missing part with its job, keeps the others, and a later attempt completes it', async () => {
    const image = host.freshImage()
    const runId = newRun()
    await split.buildParts({ image, runId, platforms: ['linux/amd64'] })
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
    const parts = await split.buildParts({ image, runId, options })
    const merge = await split.jobOf(runId, options).merge(split.mergeInputs(image))
    expect([...parts, merge].map(({ code }) => code)).toEqual([0, 0, 0])
    expect(merge.log).toContain('nothing was pushed')
    expect(await host.tags(image)).toEqual([])
  })
})
