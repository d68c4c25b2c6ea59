import { describe, expect, test } from '@jest/globals'
import { count } from './call-log.ts'
import { registryCalls, restCalls } from './calls.ts'
import { hours, manualClock, seconds } from './clock.ts'
import { pushManifest } from './histories.ts'
import type { Token } from './permissions.ts'
import type { LimitRules } from './rate-limit.ts'
import { createPackage } from './state.ts'
import type { Package } from './state.ts'
import { calm, createFake } from './fake.ts'
import type { Fake } from './fake.ts'

const at = { scope: 'orgs', owner: 'acme', name: 'api' } as const
const token: Token = { kind: 'actions', repository: 'acme/shop', packages: 'write' }

const fakeWith = (
  limits: Partial<LimitRules> = {},
): { fake: Fake; pkg: Package; clock: ReturnType<typeof manualClock> } => {
  const clock = manualClock()
  const fake = createFake({ clock, rules: { ...calm, limits: { ...calm.limits, ...limits } } })
  const pkg = createPackage(fake.state, { owner: 'acme', name: 'api', repository: 'acme/shop' })
  pushManifest(fake.state, pkg, { content: 'keep' }, 'keep')
  return { fake, pkg, clock }
}

describe('limits', () => {
  test('a deletion costs five points', async () => {
    const { fake, pkg } = fakeWith({ points: 11 })
    const doomed = ['a', 'b', 'c'].map((content) => pushManifest(fake.state, pkg, { content }).id)
    const rest = restCalls(fake, token)
    const statuses = [
      await rest.getPackage(at),
      ...[
        await rest.deleteVersion(at, doomed[0]!),
        await rest.deleteVersion(at, doomed[1]!),
        await rest.deleteVersion(at, doomed[2]!),
      ],
    ].map(({ status }) => status)
    expect(statuses).toEqual([200, 204, 204, 403])
    expect(pkg.versions.get(doomed[2]!)?.past.at(-1)?.deletedAt).toBeUndefined()
  })

  test('to wait helps; not to wait begins it anew', async () => {
    const { fake, clock } = fakeWith({ points: 1, retryAfter: 10, status: 429 })
    const rest = restCalls(fake, token)
    await rest.getPackage(at)
    expect(await rest.getPackage(at)).toMatchObject({
      status: 429,
      headers: { 'retry-after': '10' },
      body: { message: expect.stringContaining('secondary rate limit') },
    })
    clock.advance(55 * seconds)
    expect((await rest.getPackage(at)).status).toBe(429)
    clock.advance(9 * seconds)
    expect(await rest.getPackage(at)).toMatchObject({ status: 429, headers: { 'retry-after': '10' } })
    clock.advance(10 * seconds)
    expect((await rest.getPackage(at)).status).toBe(200)
  })

  test('the limit per hour is in the headers and belongs to the repository', async () => {
    const { fake, clock } = fakeWith({ perHour: { actions: 2, classic: 5000 } })
    const rest = restCalls(fake, token)
    expect((await rest.getPackage(at)).headers).toMatchObject({
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '1',
      'x-ratelimit-used': '1',
      'x-ratelimit-resource': 'core',
      'x-ratelimit-reset': String((clock.now() + hours) / seconds),
    })
    await restCalls(fake, { ...token }).getPackage(at)
    expect(await rest.getPackage(at)).toMatchObject({
      status: 403,
      headers: { 'x-ratelimit-remaining': '0' },
      body: { message: expect.stringMatching(/^API rate limit exceeded/) },
    })
    clock.advance(hours)
    expect((await rest.getPackage(at)).status).toBe(200)
  })
})

describe('faults', () => {
  test('spoil the calls meant, and no others', async () => {
    const { fake } = fakeWith()
    fake.faults.push({ endpoint: 'get package', answer: 503, skip: 1, times: 2 })
    const rest = restCalls(fake)
    const seen: number[] = []
    for (let n = 0; n < 4; n++) {
      seen.push((await rest.getPackage(at)).status)
      expect((await rest.listVersions(at)).status).toBe(200)
    }
    expect(seen).toEqual([200, 503, 503, 200])
  })

  test.each([
    ['before', 204],
    ['after', 404],
  ] as const)('%s the work', async (when, next) => {
    const { fake, pkg } = fakeWith()
    const { id } = pushManifest(fake.state, pkg, { content: 'a' })
    fake.faults.push({ endpoint: 'delete version', answer: 500, when })
    const rest = restCalls(fake)
    expect((await rest.deleteVersion(at, id)).status).toBe(500)
    expect((await rest.deleteVersion(at, id)).status).toBe(next)
  })

  test('break connections', async () => {
    const { fake } = fakeWith()
    fake.faults.push({ side: 'registry', answer: 'reset' }, { side: 'rest', answer: 'timeout' })
    await expect(registryCalls(fake).headManifest('acme/api', 'keep')).rejects.toMatchObject({ code: 'ECONNRESET' })
    await expect(restCalls(fake).getPackage(at)).rejects.toMatchObject({ code: 'ETIMEDOUT' })
  })

  test('of the gateway come in HTML', async () => {
    const { fake } = fakeWith()
    fake.faults.push({ answer: 502 })
    expect(await restCalls(fake).getPackage(at)).toMatchObject({
      status: 502,
      headers: { 'content-type': expect.stringContaining('text/html') },
      body: expect.stringContaining('Unicorn'),
    })
  })

  test('state how long to wait', async () => {
    const { fake } = fakeWith()
    fake.faults.push({ answer: 429, retryAfter: 7 }, { answer: 429, retryAfter: 8 })
    expect((await restCalls(fake).getPackage(at)).headers['retry-after']).toBe('7')
    expect((await registryCalls(fake).headManifest('acme/api', 'keep')).headers['retry-after']).toBe('8')
  })
})

describe('hooks', () => {
  test('let others act between two calls', async () => {
    const { fake, pkg } = fakeWith()
    const { id, digest } = pushManifest(fake.state, pkg, { content: 'a' })
    const acts = ['keep', 'mine'].values()
    fake.beforeEach = (call) => {
      if (call.endpoint === 'delete version') pushManifest(fake.state, pkg, { content: 'a' }, acts.next().value)
    }
    expect(await restCalls(fake).deleteVersion(at, id)).toMatchObject({ status: 400 })
    expect(pkg.tags.get('keep')).toBe(digest)
  })

  test('can abort the caller at any call', async () => {
    const { fake, pkg } = fakeWith()
    const { id } = pushManifest(fake.state, pkg, { content: 'a' })
    let left = 1
    fake.beforeEach = () => {
      if (left-- === 0) throw new Error('killed')
    }
    const rest = restCalls(fake)
    await rest.getVersion(at, id)
    await expect(rest.deleteVersion(at, id)).rejects.toThrow('killed')
    expect(pkg.versions.get(id)?.past.at(-1)?.deletedAt).toBeUndefined()
  })
})

test('every call is counted', async () => {
  const { fake } = fakeWith()
  const rest = restCalls(fake)
  await rest.listVersions(at)
  await rest.listVersions(at, { page: 2 })
  await registryCalls(fake).getManifest('acme/api', 'keep')
  expect([
    count(fake.log, 'list versions'),
    count(fake.log, 'rest'),
    count(fake.log, 'get manifest'),
    count(fake.log, 'delete version'),
  ]).toEqual([2, 2, 1, 0])
  expect(fake.log.calls.map(({ method, path, status }) => `${method} ${path} ${status ?? ''}`)).toContain(
    'GET /orgs/acme/packages/container/api/versions 200',
  )
})
