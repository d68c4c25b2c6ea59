import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { deleteVersion, restoreVersion } from './delete.ts'
import { pushManifest, pushRelease } from './histories.ts'
import { digestOf, mediaTypes } from './manifest.ts'
import { startGhcr } from './server.ts'
import type { Ghcr } from './server.ts'
import { createPackage, findPackage, present } from './state.ts'
import { calm, createFake } from './fake.ts'
import type { Fake } from './fake.ts'

let fake: Fake
let ghcr: Ghcr
beforeEach(async () => {
  fake = createFake()
  fake.state.tokens.set('ghs_job', { kind: 'actions', repository: 'acme/shop', packages: 'write' })
  ghcr = await startGhcr(fake)
})
afterEach(() => ghcr.close())

const basic = `Basic ${Buffer.from('x:ghs_job').toString('base64')}`
const url = (path: string): string => `http://${ghcr.registry}${path}`

async function bearer(scope: string, authorization?: string): Promise<{ status: number; token: string | undefined }> {
  const answer = await fetch(
    url(`/token?service=ghcr.io&scope=${scope}`),
    authorization === undefined ? {} : { headers: { authorization } },
  )
  return { status: answer.status, token: ((await answer.json()) as { token?: string }).token }
}

async function ask(
  method: string,
  path: string,
  {
    body,
    headers = {},
    scope = 'repository:acme/api:pull,push',
    redirect = 'follow',
  }: {
    body?: string | Uint8Array
    headers?: Record<string, string>
    scope?: string
    redirect?: 'follow' | 'manual'
  } = {},
): Promise<Response> {
  const { token } = await bearer(scope, basic)
  const init: RequestInit = {
    method,
    redirect,
    headers: { accept: Object.values(mediaTypes).join(','), authorization: `Bearer ${token ?? ''}`, ...headers },
  }
  return await fetch(url(path), body === undefined ? init : { ...init, body: Buffer.from(body) })
}

const errors = async (answer: Response): Promise<{ code: string; message: string }> =>
  ((await answer.json()) as { errors: [{ code: string; message: string }] }).errors[0]

describe('the bearer', () => {
  test('is required, with the scope that the request needs', async () => {
    const ping = await fetch(url('/v2/'))
    expect(ping.status).toBe(401)
    expect(ping.headers.get('www-authenticate')).toBe(
      `Bearer realm="${url('/token')}",service="ghcr.io",scope="repository:user/image:pull"`,
    )
    const push = await fetch(url('/v2/acme/api/blobs/uploads/'), { method: 'POST' })
    expect(push.headers.get('www-authenticate')).toContain('scope="repository:acme/api:pull,push"')
    expect((await ask('GET', '/v2/')).status).toBe(200)
  })

  test('is given for what the token may do', async () => {
    createPackage(fake.state, { owner: 'acme', name: 'open', visibility: 'public' })
    createPackage(fake.state, { owner: 'acme', name: 'closed' })
    const status = async (scope: string, authorization?: string): Promise<number> =>
      (await bearer(scope, authorization)).status
    expect(await status('repository:acme/open:pull')).toBe(200)
    expect(await status('repository:acme/closed:pull')).toBe(403)
    expect(await status('repository:acme/closed:pull', basic)).toBe(403)
    expect(await status('repository:acme/open:pull', `Basic ${Buffer.from('x:wrong').toString('base64')}`)).toBe(403)
    expect((await fetch(url('/token'), { method: 'POST' })).status).toBe(405)
    const denied = await ask('PUT', '/v2/acme/open/manifests/x', {
      body: '{}',
      scope: 'repository:acme/open:pull,push',
    })
    expect([denied.status, await errors(denied)]).toEqual([
      403,
      { code: 'DENIED', message: 'permission_denied: write_package' },
    ])
  })

  test('may be the token itself in base64', async () => {
    createPackage(fake.state, { owner: 'acme', name: 'api', repository: 'acme/shop' })
    const answer = await fetch(url('/v2/acme/api/tags/list'), {
      headers: { authorization: `Bearer ${Buffer.from('ghs_job').toString('base64')}` },
    })
    expect(await answer.json()).toEqual({ name: 'acme/api', tags: [] })
  })
})

describe('blobs', () => {
  const start = async (): Promise<string> =>
    (await ask('POST', '/v2/acme/api/blobs/uploads/')).headers.get('location') ?? ''

  test('come in one piece', async () => {
    const location = await start()
    const put = await ask('PUT', `${location}?digest=${digestOf('hello')}`, { body: 'hello' })
    expect([put.status, put.headers.get('docker-content-digest')]).toEqual([201, digestOf('hello')])
    const head = await ask('HEAD', `/v2/acme/api/blobs/${digestOf('hello')}`)
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '5'])
    const redirect = await ask('GET', `/v2/acme/api/blobs/${digestOf('hello')}`, { redirect: 'manual' })
    expect(redirect.status).toBe(307)
    expect(await (await ask('GET', `/v2/acme/api/blobs/${digestOf('hello')}`)).text()).toBe('hello')
    const part = await ask('GET', `/v2/acme/api/blobs/${digestOf('hello')}`, { headers: { range: 'bytes=1-2' } })
    expect([part.status, await part.text(), part.headers.get('content-range')]).toEqual([206, 'el', 'bytes 1-2/5'])
  })

  test('come in chunks, in order', async () => {
    const location = await start()
    const first = await ask('PATCH', location, { body: 'hel', headers: { 'content-range': '0-2' } })
    expect([first.status, first.headers.get('range')]).toEqual([202, '0-2'])
    expect((await ask('PATCH', location, { body: 'xx', headers: { 'content-range': '9-10' } })).status).toBe(416)
    expect((await ask('GET', location)).headers.get('range')).toBe('0-2')
    expect((await ask('PUT', `${location}?digest=${digestOf('hello')}`, { body: 'lo' })).status).toBe(201)
    expect((await ask('PUT', `${location}?digest=${digestOf('hello')}`)).status).toBe(404)
  })

  test('must match their digest', async () => {
    expect(
      await errors(await ask('PUT', `${await start()}?digest=${digestOf('other')}`, { body: 'hello' })),
    ).toMatchObject({ code: 'DIGEST_INVALID' })
    expect((await ask('HEAD', `/v2/acme/api/blobs/${digestOf('other')}`)).status).toBe(404)
    expect((await ask('DELETE', await start())).status).toBe(204)
  })

  test('are mounted from where they may be read', async () => {
    const { state } = fake
    pushManifest(state, createPackage(state, { owner: 'acme', name: 'base', repository: 'acme/shop' }), {
      content: 'x',
    })
    pushManifest(state, createPackage(state, { owner: 'acme', name: 'secret' }), { content: 'x' })
    const digest = [...findPackage(state, 'acme', 'base')!.blobs][0]!
    const mount = async (from: string): Promise<number> =>
      (
        await ask('POST', `/v2/acme/api/blobs/uploads/?mount=${digest}&from=acme/${from}`, {
          scope: `repository:acme/api:pull,push&scope=repository:acme/base:pull`,
        })
      ).status
    expect([await mount('secret'), await mount('base')]).toEqual([202, 201])
    expect(findPackage(state, 'acme', 'api')!.blobs.has(digest)).toBe(true)
  })
})

describe('manifests', () => {
  const manifest = (config: string): string =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.config, digest: config, size: 2 },
      layers: [],
    })
  const index = (...children: string[]): string =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: children.map((digest) => ({ mediaType: mediaTypes.ociManifest, digest, size: 1 })),
    })
  const put = (reference: string, body: string, type: string = mediaTypes.ociManifest): Promise<Response> =>
    ask('PUT', `/v2/acme/api/manifests/${reference}`, { body, headers: { 'content-type': type } })
  const config = async (): Promise<string> => {
    await ask('POST', `/v2/acme/api/blobs/uploads/?digest=${digestOf('{}')}`, { body: '{}' })
    return digestOf('{}')
  }

  test('are versions, and need what they name', async () => {
    const body = manifest(digestOf('{}'))
    expect(await errors(await put('v1', body))).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' })
    await config()
    expect(await errors(await put(digestOf('x'), body))).toMatchObject({ code: 'DIGEST_INVALID' })
    expect(await errors(await put('v1', body, mediaTypes.ociIndex))).toMatchObject({ code: 'MANIFEST_INVALID' })
    expect(await errors(await put('v1', index(digestOf(body)), mediaTypes.ociIndex))).toMatchObject({
      code: 'MANIFEST_BLOB_UNKNOWN',
    })
    const child = await put(digestOf(body), body)
    expect([child.status, child.headers.get('docker-content-digest'), child.headers.get('location')]).toEqual([
      201,
      digestOf(body),
      `/v2/acme/api/manifests/${digestOf(body)}`,
    ])
    expect((await put('v1', index(digestOf(body)), mediaTypes.ociIndex)).status).toBe(201)
    expect(
      [...findPackage(fake.state, 'acme', 'api')!.versions.values()].map((version) => present(version).tags),
    ).toEqual([[], ['v1']])
  })

  test('an index without its children is accepted if the rule is off', async () => {
    fake.rules = { ...calm, checkChildren: false }
    expect((await put('v1', index(digestOf('gone')), mediaTypes.ociIndex)).status).toBe(201)
  })

  test('are read by tag and digest, byte for byte, if the type is accepted by name', async () => {
    const body = manifest(await config())
    await put('v1', body)
    const got = await ask('GET', '/v2/acme/api/manifests/v1')
    expect([await got.text(), got.headers.get('content-type'), got.headers.get('docker-content-digest')]).toEqual([
      body,
      mediaTypes.ociManifest,
      digestOf(body),
    ])
    expect((await ask('HEAD', `/v2/acme/api/manifests/${digestOf(body)}`)).headers.get('content-length')).toBe(
      String(body.length),
    )
    const any = await ask('GET', '/v2/acme/api/manifests/v1', { headers: { accept: '*/*' } })
    expect([any.status, await errors(any)]).toEqual([
      404,
      { code: 'MANIFEST_UNKNOWN', message: 'OCI manifest found, but Accept header does not support OCI manifests' },
    ])
  })

  test('disappear at once when deleted, and return when restored', async () => {
    const { state } = fake
    const pkg = createPackage(state, { owner: 'acme', name: 'api', repository: 'acme/shop' })
    pushRelease(state, pkg, { tag: 'keep', content: 'keep' })
    const {
      index: { id, digest },
    } = pushRelease(state, pkg, { tag: 'v1', content: 'one' })
    const statuses = async (): Promise<number[]> => [
      (await ask('GET', `/v2/acme/api/manifests/${digest}`)).status,
      (await ask('HEAD', '/v2/acme/api/manifests/v1')).status,
    ]
    expect(await statuses()).toEqual([200, 200])
    deleteVersion(state, pkg, id)
    expect(await statuses()).toEqual([404, 404])
    restoreVersion(state, pkg, id)
    expect(await statuses()).toEqual([200, 200])
  })

  test('cannot be deleted here, nor looked up by their subject', async () => {
    const {
      index: { digest },
    } = pushRelease(fake.state, createPackage(fake.state, { owner: 'acme', name: 'api', repository: 'acme/shop' }), {
      tag: 'v1',
      content: 'one',
    })
    for (const reference of ['v1', digest]) {
      const answer = await ask('DELETE', `/v2/acme/api/manifests/${reference}`)
      expect([answer.status, await errors(answer)]).toEqual([
        405,
        { code: 'UNSUPPORTED', message: 'The operation is unsupported.' },
      ])
    }
    expect((await ask('GET', `/v2/acme/api/referrers/${digest}`)).status).toBe(404)
  })
})

test('tags come oldest first, a hundred at a time', async () => {
  const pkg = createPackage(fake.state, { owner: 'acme', name: 'api', repository: 'acme/shop' })
  const all = Array.from({ length: 169 }, (_, n) => `t${169 - n}`)
  for (const tag of all) pushManifest(fake.state, pkg, { content: tag }, tag)
  const page = await ask('GET', '/v2/acme/api/tags/list')
  expect(((await page.json()) as { tags: string[] }).tags).toEqual(all.slice(0, 100))
  const next = /<(.+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1] ?? ''
  const rest = await ask('GET', next)
  expect([((await rest.json()) as { tags: string[] }).tags, rest.headers.get('link')]).toEqual([all.slice(100), null])
  expect(((await (await ask('GET', '/v2/acme/api/tags/list?n=10000')).json()) as { tags: string[] }).tags).toHaveLength(
    169,
  )
})
