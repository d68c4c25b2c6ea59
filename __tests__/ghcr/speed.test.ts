import { expect, test } from '@jest/globals'
import { brokenTags } from './audit.ts'
import { restCalls } from './calls.ts'
import { manualClock } from './clock.ts'
import { fillHistory, pushRelease } from './histories.ts'
import { createPackage } from './state.ts'
import { createFake, hostile } from './fake.ts'

const at = { scope: 'orgs', owner: 'acme', name: 'api' } as const

/** One history as the property tests run them: some pushes, some calls, the audit after each. */
async function history(seed: number): Promise<number> {
  const fake = createFake({ seed, clock: manualClock(), rules: { ...hostile, checkAnswers: false } })
  const pkg = createPackage(fake.state, { owner: 'acme', name: 'api' })
  const rest = restCalls(fake)
  let broken = 0
  for (let n = 0; n < 5; n++) {
    pushRelease(fake.state, pkg, { tag: `pr-${n % 3}`, content: String(Math.floor(fake.random() * 4)) })
    const { body } = await rest.listVersions(at, { perPage: 100 })
    const [any] = (body as { id: number }[] | undefined) ?? []
    if (any) await rest.deleteVersion(at, any.id)
    broken += brokenTags(fake.state).length
  }
  return broken
}

test('a thousand histories break something, and repeat', async () => {
  let broken = 0
  for (let seed = 0; seed < 1000; seed++) broken += await history(seed)
  expect(broken).toBeGreaterThan(0)
  expect(await history(7)).toBe(await history(7))
})

test('one reading of all pages of ten thousand versions misses some', async () => {
  const fake = createFake({ rules: { ...hostile, deepPages: { from: Infinity, chance: 0 } } })
  const pkg = createPackage(fake.state, { owner: 'acme', name: 'api' })
  fillHistory(fake.state, pkg, 1430)
  const seen = new Set<number>()
  for (let page = 1; page <= 101; page++) {
    const { body } = await restCalls(fake).listVersions(at, { perPage: 100, page })
    for (const { id } of body as { id: number }[]) seen.add(id)
  }
  expect(pkg.active.size).toBe(10_010)
  // Lists of several ages in orders of their own: one reading of all pages misses some.
  expect(seen.size).toBeLessThan(10_010)
})
