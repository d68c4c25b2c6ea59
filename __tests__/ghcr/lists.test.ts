import { describe, expect, test } from '@jest/globals'
import { restCalls } from './calls.ts'
import { manualClock } from './clock.ts'
import { deleteVersion } from './delete.ts'
import { pushManifest } from './histories.ts'
import type { ListRules } from './lists.ts'
import { createPackage, settle } from './state.ts'
import type { Package } from './state.ts'
import { calm, createFake } from './fake.ts'
import type { Answer, Rules, Fake } from './fake.ts'

const at = { scope: 'orgs', owner: 'acme', name: 'api' } as const

const fakeWith = (
  lists: Partial<ListRules> = {},
  rules: Partial<Rules> = {},
): { fake: Fake; pkg: Package; clock: ReturnType<typeof manualClock> } => {
  const clock = manualClock()
  const fake = createFake({ clock, rules: { ...calm, ...rules, lists: { ...calm.lists, ...lists } } })
  return { fake, clock, pkg: createPackage(fake.state, { owner: 'acme', name: 'api' }) }
}

interface Listed {
  id: number
  deleted_at?: string
  metadata: { container: { tags: string[] } }
}
const listed = ({ body }: Answer): Listed[] => body as Listed[]
const ids = (answer: Answer): number[] => listed(answer).map(({ id }) => id)

describe('a stale list', () => {
  test('is some changes behind, until they are settled', async () => {
    const { fake, pkg } = fakeWith({ lag: 2, lagBy: 'most' })
    const { state } = fake
    const [a, b, c] = ['a', 'b', 'c'].map((content) => pushManifest(state, pkg, { content }, content))
    const rest = restCalls(fake)
    expect(ids(await rest.listVersions(at))).toEqual([a!.id])
    deleteVersion(state, pkg, a!.id)
    expect(ids(await rest.listVersions(at))).toEqual([b!.id, a!.id])
    expect(ids(await rest.listVersions(at, { state: 'deleted' }))).toEqual([])
    settle(state)
    expect(ids(await rest.listVersions(at))).toEqual([c!.id, b!.id])
    expect(ids(await rest.listVersions(at, { state: 'deleted' }))).toEqual([a!.id])
  })

  test('shows tags where they were', async () => {
    const { fake, pkg } = fakeWith({ lag: 1, lagBy: 'most' })
    pushManifest(fake.state, pkg, { content: 'a' }, 'latest')
    pushManifest(fake.state, pkg, { content: 'b' })
    pushManifest(fake.state, pkg, { content: 'b' }, 'latest')
    expect(listed(await restCalls(fake).listVersions(at)).map(({ metadata }) => metadata.container.tags)).toEqual([
      [],
      ['latest'],
    ])
  })

  test('is behind by chance, the same under the same seed', async () => {
    const lengths = async (): Promise<number[]> => {
      const { fake, pkg } = fakeWith({ lag: 5 })
      for (let n = 0; n < 8; n++) pushManifest(fake.state, pkg, { content: String(n) })
      const rest = restCalls(fake)
      const seen: number[] = []
      for (let n = 0; n < 30; n++) seen.push(ids(await rest.listVersions(at)).length)
      return seen
    }
    const seen = await lengths()
    expect(new Set(seen)).toEqual(new Set([3, 4, 5, 6, 7, 8]))
    expect(await lengths()).toEqual(seen)
  })

  test('returns creation times from which the age follows', async () => {
    const { fake, pkg, clock } = fakeWith({ lag: 9, lagBy: 'most', lagMs: 5000 })
    pushManifest(fake.state, pkg, { content: 'a' })
    clock.advance(4000)
    pushManifest(fake.state, pkg, { content: 'b' })
    const rest = restCalls(fake)
    expect(ids(await rest.listVersions(at))).toHaveLength(0)
    clock.advance(1000)
    expect(ids(await rest.listVersions(at))).toHaveLength(1)
    clock.advance(4000)
    expect(ids(await rest.listVersions(at))).toHaveLength(2)
  })

  test.each([
    [true, 404],
    [false, 200],
  ])('and GET by id, fresh: %s', async (freshGet, status) => {
    const { fake, pkg } = fakeWith({ lag: 3, lagBy: 'most', freshGet })
    const { id } = pushManifest(fake.state, pkg, { content: 'a' })
    for (const content of ['b', 'c', 'd']) pushManifest(fake.state, pkg, { content })
    deleteVersion(fake.state, pkg, id)
    const rest = restCalls(fake)
    expect((await rest.getVersion(at, id)).status).toBe(status)
    expect((await rest.deleteVersion(at, id)).status).toBe(404)
  })
})

describe('the order of a list', () => {
  const orders = async (order: ListRules['order']): Promise<[before: number[], again: number[], after: number[]]> => {
    const { fake, pkg } = fakeWith({ order })
    for (let n = 0; n < 12; n++) pushManifest(fake.state, pkg, { content: String(n) })
    const rest = restCalls(fake)
    const before = ids(await rest.listVersions(at))
    const again = ids(await rest.listVersions(at))
    const { id } = pushManifest(fake.state, pkg, { content: 'new' })
    return [before, again, ids(await rest.listVersions(at)).filter((other) => other !== id)]
  }
  const sorted = (list: number[]): number[] => [...list].sort((a, b) => a - b)

  test('is sorted by id if the rule is set', async () => {
    const [newest] = await orders('newest')
    const [oldest] = await orders('oldest')
    expect(oldest).toEqual(sorted(oldest))
    expect(newest).toEqual(sorted(oldest).reverse())
  })

  test('may be any, and stay', async () => {
    const [before, again, after] = await orders('shuffled')
    expect(before).not.toEqual(sorted(before))
    expect([again, after]).toEqual([before, before])
  })

  test('may change with every change', async () => {
    const [before, again, after] = await orders('reshuffled')
    expect(again).toEqual(before)
    expect(after).not.toEqual(before)
    expect(sorted(after)).toEqual(sorted(before))
  })

  test('reshuffled while a page is turned hides a version', async () => {
    const { fake, pkg } = fakeWith({ order: 'reshuffled' })
    for (let n = 0; n < 40; n++) pushManifest(fake.state, pkg, { content: String(n) })
    const rest = restCalls(fake)
    const first = ids(await rest.listVersions(at, { perPage: 20 }))
    pushManifest(fake.state, pkg, { content: 'late' })
    const second = ids(await rest.listVersions(at, { perPage: 20, page: 2 }))
    expect(new Set([...first, ...second]).size).toBeLessThan(40)
  })
})

describe('pages', () => {
  test('are linked, and have at most the requested size', async () => {
    const { fake, pkg } = fakeWith()
    for (let n = 0; n < 5; n++) pushManifest(fake.state, pkg, { content: String(n) })
    const { headers, body } = await restCalls(fake).listVersions(at, { perPage: 2, page: 2 })
    const base = 'https://api.github.com/orgs/acme/packages/container/api/versions?state=active&per_page=2&page='
    expect(body).toHaveLength(2)
    expect(headers['link']).toBe(
      `<${base}1>; rel="prev", <${base}3>; rel="next", <${base}3>; rel="last", <${base}1>; rel="first"`,
    )
    const last = await restCalls(fake).listVersions(at, { perPage: 2, page: 3 })
    expect(last.headers['link']).not.toContain('next')
    expect((await restCalls(fake).listVersions(at, { perPage: 2, page: 4 })).body).toEqual([])
  })

  test('fail deep down, sometimes', async () => {
    const { fake, pkg } = fakeWith({}, { deepPages: { from: 3, chance: 0.5 } })
    for (let n = 0; n < 9; n++) pushManifest(fake.state, pkg, { content: String(n) })
    const rest = restCalls(fake)
    const statuses = async (page: number): Promise<Set<number>> =>
      new Set(
        await Promise.all(
          Array.from({ length: 20 }, async () => (await rest.listVersions(at, { perPage: 1, page })).status),
        ),
      )
    expect(await statuses(2)).toEqual(new Set([200]))
    expect(await statuses(3)).toEqual(new Set([200, 500]))
  })
})
