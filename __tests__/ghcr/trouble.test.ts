import { describe, expect, test } from '@jest/globals'
import { count } from './call-log.ts'
import { registryCalls, restCalls } from './calls.ts'
import { hours, manualClock, seconds } from './clock.ts'
import { pushManifest } from './histories.ts'
import type { Token } from './permissions.ts'
import type { LimitRules } from './rate-limit.ts'
import { createPackage } from './state.ts'
import type { Package } from './state.ts'
import { calm, createWorld } from './world.ts'
import type { World } from './world.ts'

const at = { scope: 'orgs', owner: 'acme', name: 'api' } as const
const token: Token = { kind: 'actions', repository: 'acme/shop', packages: 'write' }

const worldWith = (
  limits: Partial<LimitRules> = {},
): { world: World; pkg: Package; clock: ReturnType<typeof manualClock> } => {
  const clock = manualClock()
  const world = createWorld({ clock, rules: { ...calm, limits: { ...calm.limits, ...limits } } })
  const pkg = createPackage(world.state, { owner: 'acme', name: 'api', repository: 'acme/shop' })
  pushManifest(world.state, pkg, { content: 'keep' }, 'keep')
  return { world, pkg, clock }
}

describe('limits', () => {
  test('a deletion costs five points', async () => {
    const { world, pkg } = worldWith({ points: 11 })
    const doomed = ['a', 'b', 'c'].map((content) => pushManifest(world.state, pkg, { content }).id)
    const rest = restCalls(world, token)
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
    const { world, clock } = worldWith({ points: 1, retryAfter: 10, status: 429 })
    const rest = restCalls(world, token)
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

  test("the hour's limit is told in headers, and is the repository's", async () => {
    const { world, clock } = worldWith({ perHour: { actions: 2, classic: 5000 } })
    const rest = restCalls(world, token)
    expect((await rest.getPackage(at)).headers).toMatchObject({
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '1',
      'x-ratelimit-used': '1',
      'x-ratelimit-resource': 'core',
      'x-ratelimit-reset': String((clock.now() + hours) / seconds),
    })
    await restCalls(world, { ...token }).getPackage(at)
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
    const { world } = worldWith()
    world.faults.push({ endpoint: 'get package', answer: 503, skip: 1, times: 2 })
    const rest = restCalls(world)
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
    const { world, pkg } = worldWith()
    const { id } = pushManifest(world.state, pkg, { content: 'a' })
    world.faults.push({ endpoint: 'delete version', answer: 500, when })
    const rest = restCalls(world)
    expect((await rest.deleteVersion(at, id)).status).toBe(500)
    expect((await rest.deleteVersion(at, id)).status).toBe(next)
  })

  test('break connections', async () => {
    const { world } = worldWith()
    world.faults.push({ side: 'registry', answer: 'reset' }, { side: 'rest', answer: 'timeout' })
    await expect(registryCalls(world).headManifest('acme/api', 'keep')).rejects.toMatchObject({ code: 'ECONNRESET' })
    await expect(restCalls(world).getPackage(at)).rejects.toMatchObject({ code: 'ETIMEDOUT' })
  })

  test('of the gateway come in HTML', async () => {
    const { world } = worldWith()
    world.faults.push({ answer: 502 })
    expect(await restCalls(world).getPackage(at)).toMatchObject({
      status: 502,
      headers: { 'content-type': expect.stringContaining('text/html') },
      body: expect.stringContaining('Unicorn'),
    })
  })

  test('tell how long to wait', async () => {
    const { world } = worldWith()
    world.faults.push({ answer: 429, retryAfter: 7 }, { answer: 429, retryAfter: 8 })
    expect((await restCalls(world).getPackage(at)).headers['retry-after']).toBe('7')
    expect((await registryCalls(world).headManifest('acme/api', 'keep')).headers['retry-after']).toBe('8')
  })
})

describe('hooks', () => {
  test('let others act between two calls', async () => {
    const { world, pkg } = worldWith()
    const { id, digest } = pushManifest(world.state, pkg, { content: 'a' })
    const acts = ['keep', 'mine'].values()
    world.beforeEach = (call) => {
      if (call.endpoint === 'delete version') pushManifest(world.state, pkg, { content: 'a' }, acts.next().value)
    }
    expect(await restCalls(world).deleteVersion(at, id)).toMatchObject({ status: 400 })
    expect(pkg.tags.get('keep')).toBe(digest)
  })

  test('can crash whoever calls, at any call', async () => {
    const { world, pkg } = worldWith()
    const { id } = pushManifest(world.state, pkg, { content: 'a' })
    let left = 1
    world.beforeEach = () => {
      if (left-- === 0) throw new Error('killed')
    }
    const rest = restCalls(world)
    await rest.getVersion(at, id)
    await expect(rest.deleteVersion(at, id)).rejects.toThrow('killed')
    expect(pkg.versions.get(id)?.past.at(-1)?.deletedAt).toBeUndefined()
  })
})

test('every call is counted', async () => {
  const { world } = worldWith()
  const rest = restCalls(world)
  await rest.listVersions(at)
  await rest.listVersions(at, { page: 2 })
  await registryCalls(world).getManifest('acme/api', 'keep')
  expect([
    count(world.log, 'list versions'),
    count(world.log, 'rest'),
    count(world.log, 'get manifest'),
    count(world.log, 'delete version'),
  ]).toEqual([2, 2, 1, 0])
  expect(world.log.calls.map(({ method, path, status }) => `${method} ${path} ${status ?? ''}`)).toContain(
    'GET /orgs/acme/packages/container/api/versions 200',
  )
})
