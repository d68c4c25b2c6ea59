import { beforeAll, describe, expect, test } from '@jest/globals'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { schemaErrors } from '../unit/fixtures/results-schema.ts'
import type { Job, StepResult } from './runner.ts'
import { appFiles, farmInputs, freshImage, leftovers, storedIndex, storedTags, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

const setup = useFarm()

describe('one step builds on two SSH nodes and pushes one image', () => {
  let farm: Farm
  let job: Job
  let image: string
  let main: StepResult
  let connections: number[]
  let post: StepResult

  beforeAll(async () => {
    farm = setup.farm
    image = freshImage(farm)
    await Promise.all(Object.values(farm.nodes).map((node) => node.resetCounters()))
    job = setup.job({ ref: 'refs/tags/v1.2.3', files: appFiles(farm) })
    main = await job.main(farmInputs(farm, { image }))
    connections = await Promise.all([farm.nodes.amd, farm.nodes.arm].map((node) => node.sshConnections()))
    post = await job.post()
  })

  test('succeeds, in main and post', () => {
    expect([main.code, main.log]).toEqual([0, main.log])
    expect([post.code, post.log]).toEqual([0, post.log])
    expect(main.errors).toEqual([])
  })

  test('`results` has what was measured per platform, as docs/results.schema.json describes it', () => {
    const { results = '' } = main.outputs
    expect(schemaErrors(results)).toEqual([])
    const [{ targets }] = JSON.parse(results) as [{ targets: Record<string, unknown>[] }]
    expect(targets).toMatchObject(
      ['amd64', 'arm64'].map((name) => ({
        platform: `linux/${name}`,
        fallback: null,
        attempts: 1,
        seconds: Object.fromEntries(
          ['queue', 'boot', 'context', 'build', 'export', 'push', 'cacheExport'].map((phase) => [
            phase,
            expect.any(Number),
          ]),
        ),
        steps: { total: 4, cached: 0 },
        bytes: { context: expect.any(Number), pulled: expect.any(Number) },
      })),
    )
  })

  test('updates all tags of the event to one index', async () => {
    const digests = await Promise.all(
      ['1.2.3', '1.2', 'latest'].map(async (tag) => (await storedIndex(farm, image, tag))?.digest),
    )
    expect(new Set(digests)).toEqual(new Set([main.outputs['digest']]))
    expect(main.outputs['tags']?.split('\n')).toEqual([`${image}:1.2.3`, `${image}:1.2`, `${image}:latest`])
    expect(main.outputs['image']).toBe(`${image}@${main.outputs['digest'] ?? ''}`)
  })

  test('the index has exactly the requested platforms, with provenance', async () => {
    const index = await storedIndex(farm, image, 'latest')
    const platforms = index?.manifests.map(({ platform }) => `${platform.os}/${platform.architecture}`)
    expect(platforms).toEqual(['linux/amd64', 'unknown/unknown', 'linux/arm64', 'unknown/unknown'])
    expect(JSON.parse(main.outputs['digests'] ?? '')).toEqual({
      'linux/amd64': index?.manifests[0]?.digest,
      'linux/arm64': index?.manifests[2]?.digest,
    })
  })

  test('writes one cache per platform, and the times of the run', async () => {
    expect(await storedTags(farm, image)).toEqual([
      '1.2',
      '1.2.3',
      'buildcache-linux-amd64',
      'buildcache-linux-amd64-stats',
      'buildcache-linux-arm64',
      'latest',
    ])
  })

  test('opens one SSH connection per node, including post', () => expect(connections).toEqual([1, 1]))

  test('reports the build in log and summary', () => {
    expect(main.log).toMatch(/linux\/arm64 │ \[\d\/5\] RUN echo/)
    expect(main.log).toContain('dependencies for aarch64 with none')
    expect(main.log).toContain('dependencies for x86_64 with none')
    expect(main.summary).toContain(`${image}@sha256:`)
    expect(main.summary).toMatch(/\| linux\/arm64 \|.*\| 0 of 4 \|/)
    expect(main.warnings.join()).toMatch(/builds linux\/arm64 under emulation, as configured/)
  })

  test('leaves nothing behind, and the release stays', async () => {
    expect(await leftovers(farm, job)).toEqual([])
    expect((await storedIndex(farm, image, 'latest'))?.digest).toBe(main.outputs['digest'])
  })

  test('the next release, on nodes without a cache, hits every unchanged step on both platforms', async () => {
    const next = setup.job({ ref: 'refs/tags/v1.2.4', files: appFiles(farm) })
    writeFileSync(join(next.workspace, 'app.txt'), 'release 2\n')
    const second = await next.main(farmInputs(farm, { image }))
    await next.post()
    expect([second.code, second.log]).toEqual([0, second.log])
    expect(second.summary).toMatch(/\| linux\/amd64 \|.*\| 2 of 4 \|/)
    expect(second.summary).toMatch(/\| linux\/arm64 \|.*\| 2 of 4 \|/)
    expect(second.outputs['digest']).not.toBe(main.outputs['digest'])
    expect(await leftovers(farm, next)).toEqual([])
  })
})
