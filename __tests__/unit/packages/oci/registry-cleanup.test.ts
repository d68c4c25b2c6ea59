import { expect, test } from '@jest/globals'
import { createPackageRepository } from '../../../../src/packages/repository.ts'
import { createRunStatusCache } from '../../../../src/forge/run-status.ts'
import { cleanUpRepository } from '../../../../src/cleanup/registry-cleanup.ts'
import { createRegistryClient } from '../../../../src/registry/client.ts'
import { fakeClock, user } from '../../registry/server.ts'
import { behaviours, repository, withBehaviour, type Fake } from './behaviour.ts'
import { makeImage } from './images.ts'

const run = '17000000001'

async function cleanUpIn({ host, api }: Fake, dryRun = false) {
  const registry = createRegistryClient({ registry: host, credentials: user, clock: fakeClock() })
  const packages = createPackageRepository({
    backend: api,
    registry,
    repository,
    name: `${host}/${repository}`,
    clock: { now: () => 0, sleep: () => Promise.resolve() },
    deadline: Infinity,
  })
  const runs = createRunStatusCache(
    () => Promise.resolve({ completed: true, createdAt: -1e12, endedAt: -1e12 }),
    () => ({ now: 0, olderThan: 1 }),
  )
  return await cleanUpRepository(packages, { tags: ['pr-*'], untagged: true, dryRun }, runs)
}

const helpless = ['Docker Hub', 'deletion switched off', 'no right to delete', 'Zot']

test.each(Object.entries(behaviours).filter(([name]) => !helpless.includes(name)))(
  '%s: leftovers of a finished run are deleted with all their children',
  async (_, behaviour) => {
    await withBehaviour(behaviour, async (fake) => {
      const [release, dead, promoted] = [makeImage('release'), makeImage(`${run}-1-x`), makeImage(`${run}-1-y`)]
      await fake.hands.push(release, ['v1'])
      await fake.hands.push(dead, [`pr-${run}`])
      await fake.hands.push(promoted, [`pr-${run}-full`, 'v2'])
      const planned = await cleanUpIn(fake, true)
      expect(await fake.hands.tags()).toEqual([`pr-${run}`, `pr-${run}-full`, 'v1', 'v2'])
      const done = await cleanUpIn(fake)
      const digests = [dead.index, ...dead.children].map(({ digest }) => digest)
      for (const { deleted } of [planned, done])
        expect(
          deleted
            .map(({ digest }) => digest)
            .filter((digest) => digest !== '')
            .sort(),
        ).toEqual([...digests].sort())
      expect(await fake.hands.tags()).toEqual(['v1', 'v2'])
      expect([...(await fake.hands.missing('v1')), ...(await fake.hands.missing('v2'))]).toEqual([])
      for (const digest of digests) expect(fake.manifests.has(digest)).toBe(false)
    })
  },
)

test('the images of other tools stay where an index without a tag would not be seen to need them', async () => {
  await withBehaviour(behaviours['distribution 3'], async (fake) => {
    const image = makeImage()
    await fake.hands.push(image, [`pr-${run}`])
    await cleanUpIn(fake)
    expect(await fake.hands.tags()).toEqual([])
    for (const { digest } of image.children) expect(fake.manifests.has(digest)).toBe(true)
  })
})

test('a registry that answers 405 to every DELETE: one warning with the reason, and no attempt for each', async () => {
  await withBehaviour(behaviours['deletion switched off'], async (fake) => {
    await fake.hands.push(makeImage(`${run}-1-x`), [`pr-${run}`])
    const { deleted, kept } = await cleanUpIn(fake)
    expect([deleted, kept]).toEqual([
      [],
      [{ subject: '', reason: expect.stringMatching(/^Nothing was deleted: .*REGISTRY_STORAGE_DELETE_ENABLED=true/) }],
    ])
    expect(fake.seen.filter((line) => line.startsWith('DELETE'))).toHaveLength(2)
  })
})
