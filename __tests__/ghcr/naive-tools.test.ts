import { describe, expect, test } from '@jest/globals'
import { brokenTags, live, missingFrom } from './audit.ts'
import { registryCalls, restCalls } from './calls.ts'
import { days, manualClock } from './clock.ts'
import { pushManifest, pushRelease } from './histories.ts'
import { createPackage } from './state.ts'
import type { Package } from './state.ts'
import { calm, createFake } from './fake.ts'
import type { Answer, Fake } from './fake.ts'

/** Tools as people use them today, and what they break: the server must catch each of these faults. */
const at = { scope: 'orgs', owner: 'acme', name: 'api' } as const

interface Listed {
  id: number
  created_at: string
  metadata: { container: { tags: string[] } }
}
const listed = ({ body }: Answer): Listed[] => body as Listed[]

const used = (): { fake: Fake; pkg: Package; clock: ReturnType<typeof manualClock> } => {
  const clock = manualClock()
  const fake = createFake({ clock })
  const pkg = createPackage(fake.state, { owner: 'acme', name: 'api' })
  for (const tag of ['v1', 'v2']) pushRelease(fake.state, pkg, { tag, content: tag })
  return { fake, pkg, clock }
}

describe('a tool breaks images here that', () => {
  test('deletes every untagged version', async () => {
    const { fake, pkg } = used()
    const rest = restCalls(fake)
    for (const { id, metadata } of listed(await rest.listVersions(at, { perPage: 100 }))) {
      if (metadata.container.tags.length === 0) expect((await rest.deleteVersion(at, id)).status).toBe(204)
    }
    expect([...pkg.tags.keys()]).toEqual(['v1', 'v2'])
    expect([live(pkg, 'v1'), live(pkg, 'v2')]).toEqual([false, false])
    expect(missingFrom(pkg, 'v1')).toHaveLength(4)
    // The tag itself still answers: nobody notices before a pull.
    expect((await registryCalls(fake).getManifest('acme/api', 'v1')).status).toBe(200)
  })

  test('deletes the version of a tag, though another tag shares the digest', async () => {
    const { fake, pkg } = used()
    const { index } = pushRelease(fake.state, pkg, { tag: 'pr-17', content: 'v2' })
    expect((await restCalls(fake).deleteVersion(at, index.id)).status).toBe(204)
    expect([...pkg.tags.keys()]).toEqual(['v1'])
  })

  test('deletes the children of its own index, though a release shares them', async () => {
    const { fake, pkg } = used()
    const mine = pushRelease(fake.state, pkg, { tag: 'pr-17', content: 'v2', platforms: ['linux/amd64'] })
    for (const { id } of [mine.index, ...mine.images]) await restCalls(fake).deleteVersion(at, id)
    expect(brokenTags(fake.state).map(({ tag }) => tag)).toEqual(['v2'])
  })

  test('uses created_at as the age', async () => {
    const { fake, pkg, clock } = used()
    clock.advance(90 * days)
    pushRelease(fake.state, pkg, { tag: 'just-pushed', content: 'v1' })
    pushRelease(fake.state, pkg, { tag: 'new', content: 'new' })
    const rest = restCalls(fake)
    const old = listed(await rest.listVersions(at, { perPage: 100 })).filter(
      ({ created_at, metadata }) =>
        clock.now() - Date.parse(created_at) > 30 * days && metadata.container.tags.length > 0,
    )
    for (const { id } of old) await rest.deleteVersion(at, id)
    expect([...pkg.tags.keys()]).toEqual(['new'])
  })

  test('trusts a single list', async () => {
    const { fake, pkg } = used()
    const { digest } = pushManifest(fake.state, pkg, { content: 'left over' })
    fake.rules = { ...calm, lists: { ...calm.lists, lag: 1, lagBy: 'most' } }
    pushManifest(fake.state, pkg, { content: 'left over' }, 'production')
    const rest = restCalls(fake)
    const stale = (await rest.listVersions(at, { perPage: 100 })).body as (Listed & { name: string })[]
    const found = stale.find(({ name, metadata }) => name === digest && metadata.container.tags.length === 0)
    expect((await rest.deleteVersion(at, found!.id)).status).toBe(204)
    expect(pkg.tags.has('production')).toBe(false)
  })
})

test('a careful tool does not: index first, then what nothing else needs', async () => {
  const { fake, pkg } = used()
  const mine = pushRelease(fake.state, pkg, { tag: 'pr-17', content: 'mine', nonce: { run: '17' } })
  for (const { id } of [mine.index, ...mine.images, ...mine.attestations, ...mine.perPlatform]) {
    expect((await restCalls(fake).deleteVersion(at, id)).status).toBe(204)
  }
  // Attestations here say the subject's digest, so a nonce in the image makes them its own.
  expect(brokenTags(fake.state)).toEqual([])
  expect(pkg.active.size).toBe(14)
})
