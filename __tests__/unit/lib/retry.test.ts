import { parseRetryAfter, retry } from '../../../src/lib/retry.ts'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RegistryError } from '../../../src/registry/error.ts'
import { registryRetryPolicy as policy } from '../../../src/registry/http-client.ts'
import { fakeClock } from '../registry/server.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const failure = (details: { transient?: boolean; retryAfter?: number } = {}) =>
  new RegistryError('r: failed (503)', { kind: 'server', host: 'r', transient: true, ...details })

async function run(error: Error, times = Infinity) {
  const fake = fakeClock()
  let calls = 0
  const logged: string[] = []
  const outcome = await retry(() => (++calls <= times ? Promise.reject(error) : Promise.resolve('done')), {
    policy,
    clock: fake,
    log: (text) => logged.push(text),
  }).catch((thrown: unknown) => thrown)
  return { outcome, calls, logged, slept: fake.slept }
}

test('waits twice as long each time, and logs it', async () => {
  const { outcome, slept, logged } = await run(failure(), 3)
  expect(outcome).toBe('done')
  expect(slept).toEqual([300, 600, 1200])
  expect(logged[0]).toBe('r: failed (503); trying again in 0.3 s')
})

test('gives up after six attempts, with the last error', async () => {
  const error = failure()
  const { outcome, calls } = await run(error)
  expect(outcome).toBe(error)
  expect(calls).toBe(6)
})

test('waits as long as `Retry-After` requires, within its limit and the deadline', async () => {
  expect((await run(failure({ retryAfter: 7000 }), 1)).slept).toEqual([7000])
  expect((await run(failure({ retryAfter: 3_600_000 }))).slept).toEqual([60_000, 60_000, 60_000])
  expect((await run(failure({ retryAfter: 0 }), 1)).slept).toEqual([300])
})

test('does not repeat what will not change', async () => {
  expect((await run(failure({ transient: false }))).calls).toBe(1)
  expect((await run(new TypeError('a bug'))).calls).toBe(1)
})

test('an abort ends the waiting', async () => {
  const control = new AbortController()
  const work = retry(() => Promise.reject(failure({ retryAfter: 50_000 })), {
    policy,
    signal: control.signal,
    log: () => control.abort(),
  })
  await expect(work).rejects.toMatchObject({ name: 'AbortError' })
})

test.each([
  [null, undefined],
  ['', undefined],
  ['soon', undefined],
  ['-1', undefined],
  ['0', 0],
  ['12', 12_000],
  ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
  ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
])('Retry-After %j', (value, expected) => {
  expect(parseRetryAfter(value, now)).toBe(expected)
})

test('Retry-After is never negative and never throws', () => {
  fc.assert(fc.property(fc.string(), (value) => (parseRetryAfter(value, now) ?? 0) >= 0))
})
