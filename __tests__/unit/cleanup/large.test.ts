import { expect, test } from '@jest/globals'
import { createRunStatusCache, createRunStatusFetcher } from '../../../src/forge/run-status.ts'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { brokenTags } from '../../ghcr/audit.ts'
import { count, forgetCalls } from '../../ghcr/call-log.ts'
import { days } from '../../ghcr/clock.ts'
import { fillHistory } from '../../ghcr/histories.ts'
import { root } from '../../ghcr/permissions.ts'
import { declareRun, endRun } from '../../ghcr/runs.ts'
import { patiently, packageRepositoryIn, requestIn } from '../../prove/package-repository.ts'
import { allOf, pushOwn, scene, type Scene } from './scene.ts'

async function run(here: Scene) {
  const ask = createRunStatusFetcher(patiently(requestIn(here.fake, root), here.clock), 'acme/shop')
  return await cleanUpRepository(
    packageRepositoryIn(here),
    { tags: ['pr-*', 'build-*'], untagged: true, dryRun: false },
    createRunStatusCache(ask, () => ({ now: here.clock.now(), olderThan: 3 * days })),
  )
}

/** A package of many releases, among them what so many dead runs left. */
function old(releases: number, runs: number): { readonly here: Scene; readonly left: string[] } {
  const here = scene({ checkAnswers: false })
  fillHistory(here.fake.state, here.pkg, releases)
  const left = Array.from({ length: runs }, (_, at) => {
    const id = 17_000_000_001 + at
    declareRun(here.fake.state, { repository: 'acme/shop', id })
    const { pushed } = pushOwn(here, String(id), { content: `run ${at}` })
    endRun(here.fake.state, 'acme/shop', id, 'cancelled')
    return allOf(pushed)
  }).flat()
  here.clock.advance(4 * days)
  return { here, left }
}

test('a cleanup of 5,000 versions makes one call for each page and at most three for each deletion', async () => {
  const { here, left } = old(714, 8)
  forgetCalls(here.fake.log)
  const result = await run(here)
  expect(left.filter((digest) => here.pkg.active.has(digest))).toEqual([])
  expect(result.deleted).toHaveLength(left.length)
  expect(count(here.fake.log, 'rest')).toBeLessThanOrEqual(result.pages() + 3 * left.length)
  expect(brokenTags(here.fake.state)).toEqual([])
})

test('a storm of 429 only slows a cleanup', async () => {
  const { here, left } = old(20, 3)
  let calls = 0
  here.fake.faults.push({
    side: 'rest',
    answer: 429,
    retryAfter: 9,
    times: Infinity,
    matches: () => ++calls % 3 !== 0,
  })
  const began = here.clock.now()
  const result = await run(here)
  expect(left.filter((digest) => here.pkg.active.has(digest))).toEqual([])
  expect(result.audit?.broken).toEqual([])
  expect(here.clock.now() - began).toBeGreaterThan(300_000)
})
