import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { buildLater } from './later-steps.ts'
import type { StepResult } from './runner.ts'
import { expectFailingStage, expectTimeout, releaseTwice } from './tested-releases.ts'
import { appFiles, farmInputs, freshImage, leftovers, oneNodeInputs, storedIndex, type Farm } from './harness.ts'
import { useFarm } from './setup.ts'

// The BuildKit inside the engines: the action starts no container, and the engine keeps the cache. The farm's engines
// have only the network of their machine.
const setup = useFarm()
let farm: Farm
let image: string
const mains: StepResult[] = []
const later: (readonly boolean[])[] = []
let left: readonly string[] | undefined

const platforms = ['linux/amd64', 'linux/arm64'] as const
const driver = { driver: 'docker', 'driver-opts': '', network: 'host' }
const args = ['--network', 'host', '--allow', 'network.host']

async function build(tags: string, release: number, cache: string): Promise<void> {
  const job = setup.job({ files: { ...appFiles(farm), 'app.txt': `release ${release}\n` } })
  const inputs = { ...driver, image, tags, cache, use: String(tags === 'v3') }
  const main = await job.main(farmInputs(farm, inputs))
  mains.push(main)
  if (tags === 'v3') later.push(await buildLater(farm, job, main, { platforms, args }))
  await job.post()
  left = [...(left ?? []), ...(await leftovers(farm, job))]
}

beforeAll(async () => {
  farm = setup.farm
  image = freshImage(farm)
  await build('v1', 1, 'registry')
  // Only the registry still has the cache.
  for (const node of [farm.nodes.amd, farm.nodes.arm]) await node.exec('docker builder prune -af')
  await build('v2', 2, 'registry')
  await build('v3', 2, 'off')
})
afterAll(async () => {
  for (const node of [farm.nodes.amd, farm.nodes.arm]) await node.exec('docker builder prune -af')
})

const hits = ({ summary }: StepResult) =>
  [...summary.matchAll(/\| (\d+) of (\d+) \|/g)].map(([, cached, all]) => `${cached ?? ''} of ${all ?? ''}`)

describe('driver: docker', () => {
  test('builds, pushes and assembles both platforms with attestations', async () => {
    for (const main of mains) expect(main.code === 0 ? '' : main.log).toBe('')
    const index = await storedIndex(farm, image, 'v3')
    expect(index?.manifests.map(({ platform }) => `${platform.os}/${platform.architecture}`).sort()).toEqual([
      'linux/amd64',
      'linux/arm64',
      'unknown/unknown',
      'unknown/unknown',
    ])
    expect(mains[0]?.outputs['driver']).toBe('remote')
  })

  test('later steps use it with `use: true`', () => expect(later).toEqual([[true, true]]))

  test('starts no container and leaves nothing behind', () => expect(left).toEqual([]))

  test('caches in the registry and in the engine', () => {
    expect(mains.map(hits)).toEqual([
      ['0 of 4', '0 of 4'],
      ['2 of 4', '2 of 4'],
      ['4 of 4', '4 of 4'],
    ])
  })

  test('tests images before their tag is updated, and leaves nothing behind', async () => {
    const job = setup.job()
    await releaseTwice(farm, job, platforms, farmInputs(farm, driver))
    await expectFailingStage(farm, job, oneNodeInputs(farm, driver))
    await expectTimeout(farm, { job, seconds: 612 }, oneNodeInputs(farm, driver))
    expect(await leftovers(farm, job)).toEqual([])
  })
})
