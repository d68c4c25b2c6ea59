import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { fetchIn } from './fetch.ts'
import { pushRelease } from './histories.ts'
import { checkAnswer, UndescribedAnswer } from './openapi.ts'
import { declareRun } from './runs.ts'
import { startGhcr } from './server.ts'
import type { Ghcr } from './server.ts'
import { addOwner, createPackage } from './state.ts'
import { createFake } from './fake.ts'
import type { Fake } from './fake.ts'

const authorization = 'Bearer ghs_job'

describe("GitHub's REST API over HTTP", () => {
  let fake: Fake
  let ghcr: Ghcr
  let index = 0
  beforeEach(async () => {
    fake = createFake()
    fake.state.tokens.set('ghs_job', { kind: 'actions', repository: 'acme/shop', packages: 'write' })
    fake.state.tokens.set('ghp_mona', { kind: 'classic', login: 'mona', scopes: ['read:packages', 'delete:packages'] })
    addOwner(fake.state, 'mona', 'user')
    createPackage(fake.state, { owner: 'mona', name: 'toy' })
    const pkg = createPackage(fake.state, {
      owner: 'acme',
      name: 'shop/api',
      repository: 'acme/shop',
      visibility: 'public',
    })
    pushRelease(fake.state, pkg, { tag: 'v1', content: 'one' })
    index = pushRelease(fake.state, pkg, { tag: 'v2', content: 'two' }).index.id
    ghcr = await startGhcr(fake)
  })
  afterEach(() => ghcr.close())
  const ask = (path: string, init: RequestInit = {}, base = ghcr.api): Promise<Response> =>
    fetch(base + path, { headers: { authorization }, ...init })
  const path = '/orgs/acme/packages/container/shop%2Fapi'

  test.each(['api', 'enterpriseApi'] as const)('reads, deletes and restores below %s', async (base) => {
    const at = ghcr[base]
    const versions = await ask(`${path}/versions?per_page=5`, {}, at)
    expect(versions.headers.get('link')).toContain(`<${at}${path}/versions?state=active&per_page=5&page=2>; rel="next"`)
    expect(versions.headers.get('x-ratelimit-remaining')).toBe('999')
    expect(await versions.json()).toHaveLength(5)
    expect((await ask(path, {}, at)).status).toBe(200)
    expect((await ask(`${path}/versions/${index}`, { method: 'DELETE' }, at)).status).toBe(204)
    expect(await (await ask(`${path}/versions/${index}`, {}, at)).json()).toMatchObject({
      message: 'Package version not found.',
    })
    expect(await (await ask(`${path}/versions?state=deleted`, {}, at)).json()).toEqual([
      expect.objectContaining({ id: index, deleted_at: expect.any(String) }),
    ])
    expect((await ask(`${path}/versions/${index}/restore`, { method: 'POST' }, at)).status).toBe(204)
    expect(await (await ask(`${path}/versions/${index}`, {}, at)).json()).toMatchObject({
      id: index,
      name: expect.stringMatching(/^sha256:/),
      metadata: { package_type: 'container', container: { tags: ['v2'] } },
    })
    expect((await ask(path, { method: 'DELETE' }, at)).status).toBe(204)
    expect((await ask(path, {}, at)).status).toBe(404)
    expect((await ask(`${path}/restore`, { method: 'POST' }, at)).status).toBe(204)
  })

  test('returns runs', async () => {
    declareRun(fake.state, { repository: 'acme/shop', id: 99, status: 'completed', conclusion: 'success' })
    expect(await (await ask('/repos/acme/shop/actions/runs/99')).json()).toMatchObject({
      id: 99,
      status: 'completed',
      conclusion: 'success',
      run_attempt: 1,
    })
    expect((await ask('/repos/acme/shop/actions/runs/98')).status).toBe(404)
  })

  test('returns the user of the token', async () => {
    expect(await (await ask(path, { headers: {} })).json()).toMatchObject({ message: 'Requires authentication' })
    expect(await (await ask(path, { headers: { authorization: 'token wrong' } })).json()).toMatchObject({
      message: 'Bad credentials',
    })
    const mona = { headers: { authorization: 'token ghp_mona' } }
    for (const home of ['/user', '/users/mona'])
      expect(await (await ask(`${home}/packages/container/toy`, mona)).json()).toMatchObject({
        name: 'toy',
        owner: { login: 'mona', type: 'User' },
      })
  })

  test('requires an escaped slash in a name', async () => {
    expect(await (await ask('/orgs/acme/packages/container/shop/api/versions')).json()).toMatchObject({
      message: 'Not Found',
    })
  })

  test('resets and hangs on demand', async () => {
    fake.faults.push({ answer: 'reset' }, { answer: 'timeout' })
    await expect(ask(path)).rejects.toThrow()
    await expect(ask(path, { headers: { authorization }, signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
  })

  test('answers a fetch without a socket just so', async () => {
    const fetched = await fetchIn(fake)(`https://api.github.com${path}/versions?per_page=2`, {
      headers: { authorization },
    })
    const real = await ask(`${path}/versions?per_page=2`)
    expect(await fetched.text()).toBe((await real.text()).replaceAll(ghcr.api, 'https://api.github.com'))
  })
})

describe('the published description', () => {
  test('refuses what GitHub would not answer', () => {
    const get = 'GET /orgs/{org}/packages/{package_type}/{package_name}/versions/{package_version_id}'
    const version = {
      id: 1,
      name: 'sha256:',
      url: '',
      package_html_url: '',
      created_at: '2026-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
    }
    const check =
      (status: number, body: unknown, operation = get) =>
      () =>
        checkAnswer('github', operation, status, body)
    expect(check(200, version)).not.toThrow()
    expect(check(200, { ...version, id: '1' })).toThrow(UndescribedAnswer)
    expect(check(200, { ...version, created_at: 'yesterday' })).toThrow('date-time')
    expect(check(200, { ...version, tags: [] })).toThrow('additional properties')
    expect(check(200, { ...version, metadata: { package_type: 'container', container: {} } })).toThrow('tags')
    expect(check(201, version)).toThrow('never answers 201')
    expect(check(400, { message: 'x' })).not.toThrow()
    expect(check(400, { message: 1 })).toThrow(UndescribedAnswer)
    expect(check(200, {}, 'GET /packages')).toThrow('not in the description')
  })

  test('makes the server fail when it slips', async () => {
    const fake = createFake()
    fake.state.tokens.set('t', { kind: 'root' })
    Object.assign(createPackage(fake.state, { owner: 'acme', name: 'api' }), { visibility: 'secret' })
    const ghcr = await startGhcr(fake)
    await expect(
      fetch(`${ghcr.api}/orgs/acme/packages/container/api`, { headers: { authorization: 'token t' } }),
    ).rejects.toThrow()
    await expect(ghcr.close()).rejects.toThrow('must be equal to one of the allowed values')
  })
})
