import { beforeAll, describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, StepResult } from './runner.ts'
import {
  buildkitdInputs,
  freshImage,
  leftovers,
  oneBuildkitdInputs,
  mapConcurrently,
  startBuildkitds,
  storedIndex,
  storedTags,
  type Farm,
} from './harness.ts'
import { useFarm } from './setup.ts'

const mark = 'io.github.multiarch-build.run'

interface Played {
  readonly job: Job
  readonly image: string
  readonly main: StepResult
  readonly post: StepResult
  /** The content of the repository between main and post. */
  readonly tags: readonly string[]
  readonly digests: Digests
  /** The ownership annotation of each digest at that time. */
  readonly marks: ReadonlyMap<string, string | undefined>
}

/** All parts of a finished image, by kind. */
interface Digests {
  readonly index: string
  readonly images: readonly string[]
  readonly attestations: readonly string[]
  /** The index that each platform pushed, before they were assembled. */
  readonly intermediate: readonly string[]
}

const setup = useFarm()
let farm: Farm

beforeAll(async () => {
  farm = setup.farm
  await startBuildkitds(farm)
})

interface Scene {
  readonly event?: string
  readonly ref?: string
  readonly image?: string
  readonly inputs?: Readonly<Record<string, string>>
  readonly bothNodes?: boolean
  readonly between?: (image: string, main: StepResult) => Promise<unknown>
}

const pullRequest: Scene = { event: 'pull_request', ref: 'refs/pull/7/merge' }

async function play(scene: Scene): Promise<Played> {
  const { event, ref, image = freshImage(farm), inputs = {} } = scene
  const job = setup.job({
    ...(event !== undefined && { event }),
    ...(ref !== undefined && { ref }),
    files: { Dockerfile: `FROM ${farm.images.base}\nRUN echo same > /same\n` },
  })
  const main = await job.main((scene.bothNodes ? buildkitdInputs : oneBuildkitdInputs)(farm, { image, ...inputs }))
  expect([main.code, main.log]).toEqual([0, main.log])
  const tags = await storedTags(farm, image)
  const digests = await digestsOf(image, main)
  const marks = new Map(
    await Promise.all(all(digests).map(async (digest) => [digest, await markOf(image, digest)] as const)),
  )
  await scene.between?.(image, main)
  return { job, image, main, post: await job.post(), tags, digests, marks }
}

async function digestsOf(image: string, main: StepResult): Promise<Digests> {
  const index = main.outputs['digest'] ?? ''
  const children = (await storedIndex(farm, image, index))?.manifests ?? []
  const { platforms } = JSON.parse(main.outputs['metadata'] ?? '{}') as {
    platforms: Record<string, { 'containerimage.digest': string }>
  }
  return {
    index,
    images: children.filter(({ platform }) => platform.os !== 'unknown').map(({ digest }) => digest),
    attestations: children.filter(({ platform }) => platform.os === 'unknown').map(({ digest }) => digest),
    intermediate: Object.values(platforms).map((metadata) => metadata['containerimage.digest']),
  }
}

const all = ({ index, images, attestations, intermediate }: Digests) => [
  index,
  ...images,
  ...attestations,
  ...intermediate,
]
const withoutCaches = (tags: readonly string[]) => tags.filter((tag) => !tag.startsWith('buildcache-'))

async function markOf(image: string, digest: string): Promise<string | undefined> {
  const found = await storedIndex(farm, image, digest)
  expect(found?.digest).toBe(digest)
  return found?.annotations[mark]
}

describe('pull requests', () => {
  let first: Played
  let second: Played

  beforeAll(async () => {
    // The second uses the cache of the first, and so has the same layers.
    first = await play({ ...pullRequest, bothNodes: true })
    second = await play({ ...pullRequest, bothNodes: true, image: first.image, inputs: { cleanup: 'never' } })
  })

  test('get a tag with their run id, which post deletes', async () => {
    const tag = `pr-${first.job.runId}`
    expect(withoutCaches(first.tags)).toEqual([tag])
    expect([first.post.code, first.post.warnings]).toEqual([0, []])
    expect(first.post.log).toContain(`Deleted ${first.image}:${tag}.`)
    expect(await storedIndex(farm, first.image, tag)).toBeUndefined()
    expect(await leftovers(farm, first.job)).toEqual([])
  })

  test('keep the tag with `cleanup: never`', async () => {
    expect(withoutCaches(await storedTags(farm, second.image))).toEqual([`pr-${second.job.runId}`])
    expect([second.post.code, second.post.warnings]).toEqual([0, []])
    expect(second.post.log).not.toContain(`Deleted ${second.image}:`)
    expect(await leftovers(farm, second.job)).toEqual([])
  })

  test('and a later job deletes all of it, although nothing lists untagged manifests', async () => {
    const stored = async () => {
      const found = await Promise.all(all(second.digests).map((digest) => storedIndex(farm, second.image, digest)))
      return found.filter((one) => one !== undefined).length
    }
    // The indexes of BuildKit were deleted by the post step: nothing lists them.
    expect(await stored()).toBe(5)
    const cleanup = await second.job.cleanup({ image: second.image, 'run-id': second.job.runId })
    expect([cleanup.code, cleanup.log]).toEqual([0, cleanup.log])
    expect(await stored()).toBe(0)
  })

  test('annotate everything that belongs to one run only', () => {
    for (const { marks, digests, job } of [first, second]) {
      expect([digests.images.length, digests.attestations.length, digests.intermediate.length]).toEqual([2, 2, 2])
      for (const digest of [digests.index, ...digests.images, ...digests.intermediate])
        expect(marks.get(digest)).toMatch(new RegExp(`^${job.runId}-1-`))
    }
  })

  test('share no digest, although the second used the cache of the first', () => {
    expect(second.main.summary).toMatch(/\| linux\/arm64 \|.*\| 1 of 1 \|/)
    expect(all(first.digests).filter((digest) => all(second.digests).includes(digest))).toEqual([])
  })
})

describe('a pull request with one failing platform', () => {
  test('leaves nothing of the other platform in the registry', async () => {
    const image = freshImage(farm)
    const job = setup.job({
      event: 'pull_request',
      ref: 'refs/pull/7/merge',
      files: { Dockerfile: `FROM ${farm.images.base}\nRUN test "$(uname -m)" != aarch64\n` },
    })
    const main = await job.main(buildkitdInputs(farm, { image, cache: 'off', 'fail-fast': 'false' }))
    expect(main.errors).toEqual([expect.stringContaining('linux/arm64: [2/2] RUN')])
    const journal = readFileSync(join(main.state['dir'] ?? '', 'journal'), 'utf8')
    const pushed = journal.split('\n').flatMap((line) => /"kind":"manifest".*"digest":"([^"]*)"/.exec(line)?.[1] ?? [])
    expect(pushed).toHaveLength(1)
    const index = await storedIndex(farm, image, pushed[0] ?? '')
    expect(index?.manifests).toHaveLength(2)
    const post = await job.post()
    expect([post.code, post.warnings]).toEqual([0, []])
    for (const digest of [...pushed, ...(index?.manifests ?? []).map((child) => child.digest)])
      expect(await storedIndex(farm, image, digest)).toBeUndefined()
    expect(await leftovers(farm, job)).toEqual([])
  })
})

describe('releases', () => {
  let first: Played
  let second: Played
  let request: Played

  beforeAll(async () => {
    // Their content is identical for both versions.
    const inputs = { labels: 'org.opencontainers.image.version=', annotations: 'org.opencontainers.image.version=' }
    first = await play({ ref: 'refs/tags/v1.0.0', inputs })
    second = await play({ ref: 'refs/tags/v1.0.1', inputs, image: first.image })
    request = await play({ ...pullRequest, image: first.image })
  })

  test('are not annotated, except for the per-platform indexes, which nothing refers to', () => {
    for (const { marks, digests, job } of [first, second]) {
      for (const digest of [digests.index, ...digests.images, ...digests.attestations])
        expect(marks.get(digest)).toBeUndefined()
      for (const digest of digests.intermediate) expect(marks.get(digest)).toMatch(new RegExp(`^${job.runId}-1-`))
    }
  })

  test('of the same content share the image and nothing that a run may delete', () => {
    expect(second.main.summary).toMatch(/\| linux\/amd64 \|.*\| 1 of 1 \|/)
    expect(second.digests.images).toEqual(first.digests.images)
    expect(second.digests.intermediate).not.toEqual(first.digests.intermediate)
  })

  test('keep only what the index needs', async () => {
    for (const { image, digests, post } of [first, second]) {
      expect([post.code, post.warnings]).toEqual([0, []])
      for (const digest of digests.intermediate) expect(await storedIndex(farm, image, digest)).toBeUndefined()
    }
  })

  test('share no digest with a pull request that used their cache', async () => {
    expect(request.main.summary).toMatch(/\| linux\/amd64 \|.*\| 1 of 1 \|/)
    expect(
      all(request.digests).filter((digest) => [...all(first.digests), ...all(second.digests)].includes(digest)),
    ).toEqual([])
    expect(request.post.log).toContain(`Deleted ${request.image}:pr-${request.job.runId}.`)
    for (const { image, digests } of [first, second])
      for (const digest of [digests.index, ...digests.images, ...digests.attestations])
        expect((await storedIndex(farm, image, digest))?.digest).toBe(digest)
    expect(withoutCaches(await storedTags(farm, first.image))).toEqual(['1.0', '1.0.0', '1.0.1', 'latest'])
  })
})

describe('deletion in post', () => {
  let always: Played
  let moved: Played
  let refused: Played
  let gone: Played
  let unreachable: Played
  let undeletable: Played

  beforeAll(async () => {
    const pathOf = (image: string) => image.slice(image.indexOf('/') + 1)
    // BuildKit offers blobs of one image to another one: `?from=acme/app&mount=…`.
    const ownPath = (image: string) => `/${pathOf(image)}/`
    const put = async (image: string, tag: string) => {
      const other = JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [],
      })
      const answer = await fetch(`http://${farm.registry.host}/v2/${pathOf(image)}/manifests/${tag}`, {
        method: 'PUT',
        body: other,
        headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
      })
      expect(answer.status).toBe(201)
    }
    const tagOf = (main: StepResult) => main.outputs['tags']?.split(':').at(-1) ?? ''
    const scenes: Scene[] = [
      { inputs: { cleanup: 'always', tags: 'one\ntwo' } },
      { ...pullRequest, between: async (image, main) => await put(image, tagOf(main)) },
      {
        ...pullRequest,
        between: (image) =>
          farm.registry.fault({
            status: 405,
            method: 'DELETE',
            match: ownPath(image),
            body: '{"errors":[{"code":"UNSUPPORTED"}]}',
          }),
      },
      {
        ...pullRequest,
        between: (image, main) =>
          fetch(`http://${farm.registry.host}/v2/${pathOf(image)}/manifests/${tagOf(main)}`, { method: 'DELETE' }),
      },
      { ...pullRequest, between: (image) => farm.registry.fault({ status: 403, match: ownPath(image) }) },
      {
        ref: 'refs/tags/v3.0.0',
        between: (image) =>
          farm.registry.fault({
            status: 405,
            method: 'DELETE',
            match: ownPath(image),
            body: '{"errors":[{"code":"UNSUPPORTED"}]}',
          }),
      },
    ]
    const played = await mapConcurrently(scenes, play, 3)
    ;[always, moved, refused, gone, unreachable, undeletable] = played as [
      Played,
      Played,
      Played,
      Played,
      Played,
      Played,
    ]
    await farm.registry.clearFaults()
  })

  test('`cleanup: always` deletes every tag that the step pushed, and no cache', async () => {
    expect(withoutCaches(always.tags)).toEqual(['one', 'two'])
    expect([always.post.code, always.post.warnings]).toEqual([0, []])
    expect(await storedTags(farm, always.image)).toEqual(['buildcache-linux-amd64', 'buildcache-linux-amd64-stats'])
  })

  test('keeps a tag that now refers to another image', async () => {
    const tag = `pr-${moved.job.runId}`
    expect([moved.post.code, moved.post.warnings]).toEqual([
      0,
      [`Kept ${moved.image}:${tag}: the tag was moved to another image, so it is kept.`],
    ])
    expect((await storedIndex(farm, moved.image, tag))?.manifests).toEqual([])
  })

  test('warns with a remedy if the registry does not delete', async () => {
    const tag = `pr-${refused.job.runId}`
    expect(refused.post.warnings).toHaveLength(1)
    expect(refused.post.warnings[0]).toContain(`Kept ${refused.image}:${tag}: the registry does not delete`)
    expect(refused.post.warnings[0]).toMatch(/retention rule/)
    expect([refused.post.code, withoutCaches(await storedTags(farm, refused.image))]).toEqual([0, [tag]])
  })

  test('keeps a release there without a warning, which every release would repeat', () => {
    expect([undeletable.post.code, undeletable.post.warnings, undeletable.post.log]).toEqual([
      0,
      [],
      expect.not.stringContaining('Kept'),
    ])
  })

  test('warns if it cannot read the registry', () => {
    expect([unreachable.post.code, unreachable.post.warnings]).toEqual([
      0,
      [expect.stringMatching(/^Kept \S+:pr-\d+: .*403/)],
    ])
  })

  test('treats a missing tag as deleted', () => {
    expect([gone.post.code, gone.post.warnings]).toEqual([0, []])
  })

  test('cleans up the nodes with any answer of the registry', async () => {
    for (const { job } of [always, moved, refused, gone, unreachable, undeletable])
      expect(await leftovers(farm, job)).toEqual([])
  })
})
