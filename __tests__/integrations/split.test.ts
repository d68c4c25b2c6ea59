import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { farmInputs, leftovers, mapConcurrently } from '../e2e/harness.ts'
import { openDistribution, openGhcr, type PackageHost } from '../e2e/package-hosts.ts'
import { openGitea } from './optional-hosts.ts'
import type { StepResult } from '../e2e/runner.ts'
import { bothPlatforms, newRun, splitBuilds } from '../e2e/split-jobs.ts'
import { useFarm } from '../e2e/setup.ts'

const setup = useFarm()

const mark = 'io.github.multiarch-build.run'
type Inputs = Readonly<Record<string, string>>
const isCache = (tag: string) => tag.startsWith('buildcache-')
const withoutCaches = (tags: readonly string[]) => tags.filter((tag) => !isCache(tag))
const pullRequest = { event: 'pull_request', ref: 'refs/pull/7/merge' }
const inputs = { tags: '1.2.3\nlatest', labels: 'team=core', annotations: 'manifest:org.example.a=b' }
const indexAnnotation = 'index:org.example.index=yes'

const openHost = { 'distribution 3': openDistribution, GHCR: openGhcr, Gitea: openGitea }
type HostName = keyof typeof openHost
const names = Object.keys(openHost) as HostName[]

/** What jobs did on a registry. */
interface Played {
  readonly host: PackageHost
  readonly split: ReturnType<typeof splitBuilds>
  readonly release: Merged
  readonly proposed: Merged
}

interface Merged {
  readonly runId: string
  readonly image: string
  readonly parts: readonly StepResult[]
  /** The tags before the merge. */
  readonly afterBuild: readonly string[]
  /** Repositories with the first part and the caches alone, as if the other job had failed. */
  readonly halves: readonly [string, string]
  readonly main: StepResult
  /** The tags, and the annotations of the temporary one, before the post step. */
  readonly afterMerge: { readonly tags: readonly string[]; readonly annotations: Inputs }
  readonly post: StepResult
}

const played = new Map<HostName, Played>()
function playedOn(name: HostName): Played {
  const found = played.get(name)
  if (!found) throw new Error(`nothing was built on ${name}`)
  return found
}

/** Builds and merges a release by two jobs, and a pull request by one job with two nodes. */
async function play(name: HostName): Promise<void> {
  const host = await openHost[name](setup.farm)
  const split = splitBuilds(setup, host)
  const given = { ...inputs, sbom: 'false' }
  const tagged = { tags: inputs.tags, annotations: indexAnnotation }
  const release = await buildAndMerge({ host, split }, { inputs: given }, tagged)
  const proposed = await buildAndMerge({ host, split }, { options: pullRequest, platforms: [bothPlatforms] })
  played.set(name, { host, split, release, proposed })
}

async function buildAndMerge(
  { host, split }: Pick<Played, 'host' | 'split'>,
  build: Omit<Parameters<Played['split']['buildParts']>[0], 'image'>,
  merge: Inputs = {},
): Promise<Merged> {
  const [image, runId] = [host.freshImage(), newRun()]
  const halves = [host.freshImage(), host.freshImage()] as const
  const parts = await split.buildParts({ ...build, image, runId })
  const tags = await host.tags(image)
  // With the caches, since GitHub keeps the last tagged version of a package.
  const copied = tags.filter((tag) => isCache(tag) || tag.endsWith('linux-amd64'))
  for (const half of halves) for (const tag of copied) await host.copyTag(image, tag, half)
  const afterBuild = withoutCaches(tags)
  const { job, main } = await split.merge(runId, split.mergeInputs(image, merge), build.options)
  const { annotations = {} } = (await host.read(image, `pr-${runId}`)) ?? {}
  const afterMerge = { tags: await host.tags(image), annotations }
  return { image, runId, parts, afterBuild, halves, main, afterMerge, post: await job.post() }
}

/** What one job publishes that builds both platforms. */
let reference: { readonly main: StepResult; readonly described: unknown }

async function buildReference(): Promise<void> {
  const { host, split } = playedOn('distribution 3')
  const image = host.freshImage()
  const job = split.jobOf(newRun())
  const annotations = `${inputs.annotations}\n${indexAnnotation}`
  const main = await job.main(farmInputs(setup.farm, { ...host.inputs, ...inputs, annotations, image, sbom: 'false' }))
  await job.post()
  reference = { main, described: await split.describeImage(image, '1.2.3') }
}

beforeAll(async () => {
  await mapConcurrently(names, play, 2)
  await buildReference()
}, 1_200_000)
afterAll(async () => await Promise.all([...played.values()].map(({ host }) => host.stop())))

describe.each(names)('on %s', (name) => {
  describe('two jobs and a merge', () => {
    test('push nothing but parts before the merge', () => {
      const { afterBuild } = playedOn(name).release
      expect(afterBuild).toHaveLength(2)
      for (const tag of afterBuild) expect(tag).toMatch(/^build-0123456-\d+-linux-(amd64|arm64)$/)
    })

    test('publish what one job would have published', async () => {
      const { host, split, release } = playedOn(name)
      const { image, main: merged } = release
      expect([merged.code, merged.log, merged.warnings]).toEqual([0, merged.log, []])
      expect([reference.main.code, reference.main.log]).toEqual([0, reference.main.log])
      const described = JSON.stringify(await split.describeImage(image, '1.2.3'))
      const server = host.env['GITHUB_SERVER_URL'] ?? 'https://github.com'
      expect(JSON.parse(described.replaceAll(server, 'https://github.com'))).toEqual(reference.described)
      const keys = Object.keys(merged.outputs).sort()
      expect(Object.keys(reference.main.outputs)).toEqual(expect.arrayContaining(keys))
      expect(Object.keys(JSON.parse(merged.outputs['digests'] ?? '{}') as object)).toEqual(bothPlatforms.split(','))
      const digests = new Set([merged.outputs['digest']])
      for (const tag of ['1.2.3', 'latest']) digests.add((await host.read(image, tag))?.digest)
      expect(digests.size).toBe(1)
      expect(merged.summary).toContain(`\`${image}:1.2.3\``)
    })

    test('update each tag once', async () => {
      const { host, release } = playedOn(name)
      for (const tag of ['1.2.3', 'latest']) expect([tag, await host.updates(release.image, tag)]).toEqual([tag, 1])
    })

    test('leave no build tag, and no manifest without a tag', async () => {
      const { host, split, release } = playedOn(name)
      const { image, post, parts } = release
      expect([post.code, post.warnings]).toEqual([0, []])
      expect(withoutCaches(await host.tags(image)).sort()).toEqual(['1.2.3', 'latest'])
      expect(await split.untagged(image)).toEqual([])
      for (const { outputs } of parts) {
        expect(outputs['digest']).toMatch(/^sha256:/)
        expect(await host.read(image, outputs['digest'] ?? '')).toBeUndefined()
      }
    })

    test('annotate the parts, and not the image', async () => {
      const { host, release } = playedOn(name)
      const index = await host.read(release.image, '1.2.3')
      expect(index?.annotations?.[mark]).toBeUndefined()
      for (const { digest } of index?.manifests ?? [])
        expect((await host.read(release.image, digest))?.annotations?.[mark]).toBeUndefined()
    })
  })

  test('a pull request has a temporary tag, which is deleted with everything below it', async () => {
    const { host, split, proposed } = playedOn(name)
    const { image, runId, main, post, afterMerge } = proposed
    expect([main.code, main.log]).toEqual([0, main.log])
    expect(afterMerge.tags).toContain(`pr-${runId}`)
    expect(afterMerge.annotations[mark]).toMatch(new RegExp(`^${runId}-1-`))
    expect([post.code, post.warnings]).toEqual([0, []])
    expect([withoutCaches(await host.tags(image)), await split.untagged(image)]).toEqual([[], []])
  })

  describe('parts that are never merged, since a job failed', () => {
    /** @returns what has no tag afterwards */
    async function cleanUp({ halves, runId }: Merged, at: 0 | 1 = 0, more: Inputs = {}) {
      const half = halves[at]
      const { host, split } = playedOn(name)
      host.finish(runId)
      const job = split.jobOf(newRun())
      const result = await job.cleanup({ ...host.inputs, image: half, 'older-than': '0 s', ...more })
      expect([result.code, result.errors, result.warnings]).toEqual([0, [], []])
      expect(withoutCaches(await host.tags(half))).toEqual([])
      const rest = await Promise.all((await split.untagged(half)).map((digest) => host.read(half, digest)))
      return rest.flatMap((manifest) => manifest ?? [])
    }

    test('are collected by the cleanup, with all of a pull request', async () => {
      expect(await cleanUp(playedOn(name).proposed)).toEqual([])
    })

    test('are collected by the cleanup; the image of a release stays, since nothing proves it temporary', async () => {
      const rest = await cleanUp(playedOn(name).release)
      for (const { annotations, manifests } of rest)
        expect([annotations?.[mark], manifests]).toEqual([undefined, undefined])
      expect(rest.length).toBeLessThanOrEqual(2)
    })

    test('are collected by the cleanup, with the image of a release if `unmarked` is `delete` on GitHub', async () => {
      const rest = await cleanUp(playedOn(name).release, 1, { unmarked: 'delete' })
      if (name === 'GHCR') expect(rest).toEqual([])
    })
  })
})

test('no job leaves anything on nodes and runner', async () => {
  for (const job of setup.jobs) expect(await leftovers(setup.farm, job)).toEqual([])
})
