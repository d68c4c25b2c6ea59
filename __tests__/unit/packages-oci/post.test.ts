import { expect, test } from '@jest/globals'
import { removeOwn, type Outcome } from '../../../src/packages/own.ts'
import { openPlace } from '../../../src/packages/place.ts'
import type { PackageApi } from '../../../src/packages/api.ts'
import { openRegistry } from '../../../src/registry/client.ts'
import { withForge } from '../packages-forgejo/forge.ts'
import { fakePacing, user } from '../registry/server.ts'
import { behaviours, repository, withBehaviour, type Behaviour } from './behaviour.ts'
import { makeImage, type TestImage } from './images.ts'

const nonce = '4711-1-x'

/** The post step's part in it, for an image of this run. */
async function post(host: string, path: string, api: PackageApi, { index, intermediates }: TestImage): Promise<Outcome[]> {
  const registry = openRegistry({ registry: host, credentials: user, pacing: fakePacing() })
  const clock = { now: Date.now, sleep: () => Promise.resolve() }
  const place = openPlace({ api, registry, repository: path, name: `${host}/${path}`, clock, until: Date.now() + 60_000 })
  return await removeOwn(place, { tags: [{ tag: 'pr-4711', digest: index.digest }], manifests: intermediates.map(({ digest }) => digest), nonce })
}

const helpless = ['Docker Hub', 'deletion switched off', 'no right to delete']
const deleted = [{ subject: 'pr-4711', deleted: true }]

test.each(Object.entries(behaviours).filter(([name]) => !helpless.includes(name)))('%s: nothing of the run is left, and everything else', async (_, behaviour: Behaviour) => {
  await withBehaviour(behaviour, async (world) => {
    await world.hands.push(makeImage('release'), ['v1'])
    const before = [...world.manifests.keys()].sort()
    const image = makeImage(nonce)
    await world.hands.push(image, ['pr-4711'])
    expect(await post(world.host, repository, world.api, image)).toEqual(deleted)
    expect([...world.manifests.keys()].sort()).toEqual(before)
    expect(await world.hands.tags()).toEqual(['v1'])
  })
})

test.each(Object.entries(behaviours).filter(([name]) => !helpless.includes(name)))('%s: what was given another tag keeps everything but ours', async (_, behaviour: Behaviour) => {
  await withBehaviour(behaviour, async (world) => {
    const image = makeImage(nonce)
    await world.hands.push(image, ['pr-4711', 'v1'])
    expect(await post(world.host, repository, world.api, image)).toContainEqual(deleted[0])
    expect(await world.hands.tags()).toEqual(['v1'])
    expect(await world.hands.missing('v1')).toEqual([])
  })
})

test('Forgejo: nothing of the run is left, and everything else', async () => {
  await withForge(async (forge) => {
    const [release, image] = [makeImage('release'), makeImage(nonce)]
    await forge.hands('app').push(release, ['v1'])
    const before = forge.rows.map(({ version }) => version).sort()
    await forge.hands('app').push(image, ['pr-4711'])
    expect(await post(forge.host, 'acme/app', forge.open('app'), image)).toEqual(deleted)
    expect(forge.rows.map(({ version }) => version).sort()).toEqual(before)
  })
})
