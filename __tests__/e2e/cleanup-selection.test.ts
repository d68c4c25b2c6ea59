import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { keptBuilder, oneNodeInputs } from './harness.ts'
import { openDistribution, openGhcr, openGitea, type PackageHost } from './package-hosts.ts'
import type { JobOptions, StepResult } from './runner.ts'
import { useFarm } from './setup.ts'
import { newRun, splitBuilds } from './split-jobs.ts'

const setup = useFarm({ keepsBuilders: true })
// Several builds, on a machine that may be slow.
jest.setTimeout(1_200_000)

const ownershipAnnotation = 'io.github.multiarch-build.run'
const pullRequestKey = 'io.github.multiarch-build.pull-request'
const withoutCaches = (tags: readonly string[]) => tags.filter((tag) => !tag.startsWith('buildcache-')).sort()
const pullRequest = (number: number): JobOptions => ({
  event: 'pull_request',
  ref: `refs/pull/${number}/merge`,
  number,
})

interface Line {
  readonly subject: string
  readonly reason: string
}

const lines = ({ outputs }: StepResult, name: 'deleted' | 'kept') => JSON.parse(outputs[name] ?? '') as Line[]

const hosts = { 'distribution 3': openDistribution, GHCR: openGhcr, Gitea: openGitea }

describe.each(Object.keys(hosts) as (keyof typeof hosts)[])('on %s', (name) => {
  let host: PackageHost
  let split: ReturnType<typeof splitBuilds>
  beforeAll(async () => {
    host = await hosts[name](setup.farm)
    split = splitBuilds(setup, host)
  })
  afterAll(async () => await host.stop())

  /** Builds and leaves the image, as a run does that is killed before its post step. */
  async function build(image: string, options: JobOptions, more: Readonly<Record<string, string>> = {}) {
    const runId = newRun()
    const job = split.jobOf(runId, options)
    const main = await job.main(
      oneNodeInputs(setup.farm, { ...host.inputs, ...keptBuilder, image, cleanup: 'never', ...more }),
    )
    expect([main.code, main.log]).toEqual([0, main.log])
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    return { runId, main }
  }

  const appOf = (number: number) => ({
    Dockerfile: `FROM ${setup.farm.images.base}\nRUN echo ${number} > /number\n`,
  })

  /** What no tag needs, although it has a version as an image has. */
  async function namedUntagged(image: string): Promise<readonly string[]> {
    const found = await Promise.all((await split.untagged(image)).map((digest) => host.read(image, digest)))
    return found.flatMap((manifest) => manifest?.annotations?.['org.opencontainers.image.version'] ?? [])
  }

  async function expectWhole(image: string, tags: readonly string[]): Promise<void> {
    for (const tag of tags)
      for (const { digest } of (await host.read(image, tag))?.manifests ?? [])
        expect([tag, (await host.read(image, digest))?.digest]).toEqual([tag, digest])
  }

  /** The ownership annotations of what no tag needs, and was built for the pull request. */
  async function ownersOfUntagged(image: string, number: number): Promise<readonly (string | undefined)[]> {
    const found = await Promise.all((await split.untagged(image)).map((digest) => host.read(image, digest)))
    return found.flatMap(({ annotations } = { digest: '' }) =>
      annotations?.[pullRequestKey]?.endsWith(`-${number}`) ? [annotations[ownershipAnnotation]] : [],
    )
  }

  /** The dry run reports the same as the cleanup, and deletes nothing. */
  async function cleanUp(image: string, inputs: Readonly<Record<string, string>>): Promise<StepResult> {
    const job = split.jobOf(newRun(), pullRequest(7))
    const all = { ...host.inputs, image, ...inputs }
    const before = await host.tags(image)
    const planned = await job.cleanup({ ...all, 'dry-run': 'true' })
    expect([planned.code, await host.tags(image)]).toEqual([0, before])
    const done = await job.cleanup(all)
    expect([done.code, done.errors, done.warnings]).toEqual([0, [], []])
    const sorted = (result: StepResult) =>
      lines(result, 'deleted')
        .map(({ subject, reason }) => `${subject.replace(/ ?sha256:\w+$/, '')}: ${reason}`)
        .sort()
    expect(sorted(planned)).toEqual(sorted(done))
    return done
  }

  test('`pr-number` deletes what finished runs built for that pull request, and nothing else', async () => {
    const image = host.freshImage()
    // The name of the tag is that of a run of pull request 7, but the image is one of a release.
    const named = newRun()
    const [first, second, other, active] = await Promise.all([
      build(image, pullRequest(7)),
      build(image, pullRequest(7)),
      build(image, pullRequest(77)),
      build(image, pullRequest(7)),
      build(image, {}, { tags: `pr-${named}` }),
    ])
    for (const { runId } of [first, second, other]) host.finish(runId)
    host.finish(named)
    const [index] = await Promise.all([host.read(image, `pr-${first.runId}`)])
    const platforms = await Promise.all((index?.manifests ?? []).map(({ digest }) => host.read(image, digest)))
    const numbers = [index, ...platforms].map((manifest) => manifest?.annotations?.[pullRequestKey])
    expect(numbers.sort()).toEqual([...Array<unknown>(2).fill(expect.stringMatching(/^[0-9a-f]{8}-7$/)), undefined])
    const result = await cleanUp(image, { 'pr-number': '7', tags: 'pr-*\nbuild-*' })
    const stay = [other.runId, active.runId, named].map((run) => `pr-${run}`)
    expect(withoutCaches(await host.tags(image))).toEqual(stay.sort())
    for (const one of [first, second])
      expect(lines(result, 'deleted').map(({ reason }) => reason)).toContain(
        `run ${one.runId} of pull request 7 has finished`,
      )
    expect(lines(result, 'kept')).toEqual([
      { image, subject: `pr-${active.runId}`, reason: expect.stringMatching(/still running|not found/) },
    ])
    await expectWhole(image, stay)
    // Nothing of it is left without a tag, except what belongs to the run that goes on.
    for (const owner of await ownersOfUntagged(image, 7)) expect(owner).toMatch(new RegExp(`^${active.runId}-`))
  })

  test('`pr-number` deletes the parts of a split build that was never merged', async () => {
    const image = host.freshImage()
    const [ours, theirs] = [newRun(), newRun()]
    await Promise.all([
      split.buildParts({ image, runId: ours, options: pullRequest(7), platforms: ['linux/amd64'] }),
      split.buildParts({ image, runId: theirs, options: pullRequest(8), platforms: ['linux/amd64'] }),
    ])
    for (const run of [ours, theirs]) host.finish(run)
    await cleanUp(image, { 'pr-number': '7' })
    expect(withoutCaches(await host.tags(image))).toEqual([`build-0123456-${theirs}-linux-amd64`])
  })

  test('`keep-n-tagged` keeps the newest images of a pattern, and whatever another tag needs', async () => {
    const image = host.freshImage()
    const builds = []
    for (const number of [1, 2, 3, 4])
      builds.push(await build(image, { files: appOf(number) }, { tags: `nightly-${number}`, cleanup: 'auto' }))
    await build(image, { files: appOf(5) }, { tags: 'latest', cleanup: 'auto' })
    const given = { tags: 'nightly-*', 'keep-n-tagged': '2', 'older-than': '0 s', 'exclude-tags': 'nightly-2' }
    const result = await cleanUp(image, given)
    expect(withoutCaches(await host.tags(image))).toEqual(['latest', 'nightly-2', 'nightly-3', 'nightly-4'])
    expect(lines(result, 'deleted').map(({ reason }) => reason)).toContain('not one of the 2 newest of `nightly-*`')
    expect(lines(result, 'kept').map(({ subject, reason }) => `${subject}: ${reason}`)).toEqual(
      expect.arrayContaining([
        'nightly-2: it matches `exclude-tags`.',
        'nightly-3: one of the 2 newest of `nightly-*`.',
        'nightly-4: one of the 2 newest of `nightly-*`.',
      ]),
    )
    expect(await host.read(image, builds[0]?.main.outputs['digest'] ?? '')).toBeUndefined()
    await expectWhole(image, ['latest', 'nightly-2', 'nightly-3', 'nightly-4'])
    // The image says itself which tag it has, so it goes with its tag, where the API lists it.
    if (name !== 'distribution 3') expect(await namedUntagged(image)).toEqual([])
  })

  /** `created` in the configuration of the image. */
  async function createdOf(image: string, tag: string): Promise<string> {
    const index = await host.read(image, tag)
    const platform = index?.manifests?.find((entry) => entry.platform?.os === 'linux')
    const manifest = platform ? await host.read(image, platform.digest) : index
    const config = (await host.readBlob(image, manifest?.config?.digest ?? '')) as { readonly created?: string }
    return config.created ?? ''
  }

  test('`keep-n-tagged` never deletes the image that was published last', async () => {
    const image = host.freshImage()
    // The last build takes all of its steps from the first one, and the time of its configuration too.
    for (const [at, number] of [1, 2, 1].entries())
      await build(image, { files: appOf(number) }, { tags: `nightly-${at + 1}`, cleanup: 'auto' })
    expect(await createdOf(image, 'nightly-3')).toBe(await createdOf(image, 'nightly-1'))
    await cleanUp(image, { tags: 'nightly-*', 'keep-n-tagged': '1', 'older-than': '0 s' })
    expect(withoutCaches(await host.tags(image))).toEqual(['nightly-3'])
    await expectWhole(image, ['nightly-3'])
  })

  test('`older-than` keeps an image that has just been published, whatever its configuration says', async () => {
    const image = host.freshImage()
    const reproducible: JobOptions = { files: appOf(1), env: { SOURCE_DATE_EPOCH: '1700000000' } }
    await build(image, reproducible, { tags: 'nightly-1', cleanup: 'auto' })
    // Without provenance, both builds give the same image.
    const texts = 'org.opencontainers.image.version=again-1'
    const same = { cleanup: 'auto', provenance: 'false', labels: texts, annotations: texts }
    for (const tag of ['again-1', 'again-2']) await build(image, reproducible, { tags: tag, ...same })
    expect((await host.read(image, 'again-2'))?.digest).toBe((await host.read(image, 'again-1'))?.digest)
    expect(await createdOf(image, 'nightly-1')).toBe('2023-11-14T22:13:20Z')
    const tags = 'nightly-*\nagain-*'
    const result = await cleanUp(image, { tags, 'keep-n-tagged': '0', 'older-than': '1 hour' })
    expect(withoutCaches(await host.tags(image))).toEqual(['again-1', 'again-2', 'nightly-1'])
    expect(lines(result, 'kept').map(({ subject, reason }) => `${subject}: ${reason}`)).toContain(
      'nightly-1: the image is younger than `older-than`.',
    )
    await cleanUp(image, { tags, 'keep-n-tagged': '0', 'older-than': '0 s' })
    // Gitea reports when each tag was pushed; elsewhere nothing tells for an image that may have been pushed again.
    expect(withoutCaches(await host.tags(image))).toEqual(name === 'Gitea' ? [] : ['again-1', 'again-2'])
  })

  test('`exclude-tags` keeps an image with all of its tags', async () => {
    const image = host.freshImage()
    const [kept, deleted] = await Promise.all([build(image, pullRequest(7)), build(image, pullRequest(7))])
    for (const { runId } of [kept, deleted]) host.finish(runId)
    const result = await cleanUp(image, { 'older-than': '0 s', 'exclude-tags': `pr-${kept.runId}*` })
    expect(withoutCaches(await host.tags(image))).toEqual([`pr-${kept.runId}`])
    expect(lines(result, 'kept')).toContainEqual({
      image,
      subject: `pr-${kept.runId}`,
      reason: 'it matches `exclude-tags`.',
    })
  })
})
