import { describe, expect, test } from '@jest/globals'
import { registryCalls, restCalls } from './calls.ts'
import { digestOf } from './manifest.ts'
import { pushManifest } from './histories.ts'
import type { Token } from './permissions.ts'
import { declareRun } from './runs.ts'
import { addOwner, createPackage, findPackage } from './state.ts'
import type { Role, Visibility } from './state.ts'
import { createFake } from './fake.ts'

const at = { scope: 'orgs', owner: 'acme', name: 'api' } as const
const job = (packages: 'none' | 'read' | 'write'): Token => ({ kind: 'actions', repository: 'acme/shop', packages })
const person = (...scopes: ('read:packages' | 'write:packages' | 'delete:packages' | 'repo')[]): Token => ({
  kind: 'classic',
  login: 'mona',
  scopes,
})
const integration = 'Resource not accessible by integration'

const attempt = async (
  token: Token,
  role: Role | undefined,
  visibility: Visibility = 'private',
): Promise<{ get: [number, unknown]; delete: [number, unknown] }> => {
  const fake = createFake()
  const pkg = createPackage(fake.state, {
    owner: 'acme',
    name: 'api',
    visibility,
    roles: role ? { 'acme/shop': role, mona: role } : {},
  })
  pushManifest(fake.state, pkg, { content: 'keep' }, 'keep')
  const { id } = pushManifest(fake.state, pkg, { content: 'a' })
  const rest = restCalls(fake, token)
  const message = (body: unknown): unknown => (body as { message?: string } | undefined)?.message
  const got = await rest.getVersion(at, id)
  const deleted = await rest.deleteVersion(at, id)
  return { get: [got.status, message(got.body)], delete: [deleted.status, message(deleted.body)] }
}

describe("a job's token", () => {
  test.each<['none' | 'read' | 'write', Role | undefined, [number, unknown], [number, unknown]]>([
    ['write', 'admin', [200, undefined], [204, undefined]],
    ['write', 'write', [200, undefined], [404, 'Package not found.']],
    ['write', 'read', [200, undefined], [404, 'Package not found.']],
    ['write', undefined, [404, 'Package not found.'], [404, 'Package not found.']],
    ['read', 'admin', [200, undefined], [403, integration]],
    ['none', 'admin', [403, integration], [403, integration]],
  ])('with packages: %s and the role %s', async (packages, role, get, del) => {
    expect(await attempt(job(packages), role)).toEqual({ get, delete: del })
  })

  test('sees what is public, and may not delete it', async () => {
    expect(await attempt(job('write'), undefined, 'public')).toEqual({
      get: [200, undefined],
      delete: [404, 'Package not found.'],
    })
  })

  test('cannot list packages, and has no user at /user', async () => {
    const fake = createFake()
    createPackage(fake.state, { owner: 'acme', name: 'api', repository: 'acme/shop' })
    const rest = restCalls(fake, job('write'))
    expect(await rest.listPackages(at)).toMatchObject({ status: 403, body: { message: integration } })
    expect(await rest.getPackage({ scope: 'user', name: 'api' })).toMatchObject({ status: 403 })
    expect(await restCalls(fake).listPackages(at)).toMatchObject({ status: 200, body: [{ name: 'api' }] })
  })

  test('that pushes a new package makes its repository the admin', async () => {
    const fake = createFake()
    expect(await registryCalls(fake, job('write')).putBlob('acme/new', digestOf('x'), Buffer.from('x'))).toMatchObject({
      status: 201,
    })
    expect(findPackage(fake.state, 'acme', 'new')?.roles.get('acme/shop')).toBe('admin')
    expect(await registryCalls(fake, job('read')).putBlob('acme/other', digestOf('x'), Buffer.from('x'))).toMatchObject(
      { status: 403, body: { errors: [{ code: 'DENIED' }] } },
    )
    expect(
      await registryCalls(fake, job('write')).putBlob('else/other', digestOf('x'), Buffer.from('x')),
    ).toMatchObject({ status: 403 })
  })
})

describe("a person's token", () => {
  test.each<[Token, Role, number, number]>([
    [person('read:packages', 'delete:packages'), 'admin', 200, 204],
    [person('read:packages', 'delete:packages'), 'write', 200, 404],
    [person('read:packages', 'write:packages'), 'admin', 200, 403],
    [person('repo'), 'admin', 403, 403],
  ])('%j with the role %s', async (token, role, get, del) => {
    const {
      get: [got],
      delete: [deleted],
    } = await attempt(token, role)
    expect([got, deleted]).toEqual([get, del])
  })
})

test('an owner is found by its kind only', async () => {
  const fake = createFake()
  addOwner(fake.state, 'mona', 'user')
  createPackage(fake.state, { owner: 'mona', name: 'a/b' })
  createPackage(fake.state, { owner: 'acme', name: 'a/b' })
  const rest = restCalls(fake)
  const status = async (scope: 'orgs' | 'users', owner: string): Promise<number> =>
    (await rest.getPackage({ scope, owner, name: 'a/b' })).status
  expect(
    await Promise.all([
      status('users', 'mona'),
      status('orgs', 'Mona'),
      status('orgs', 'ACME'),
      status('users', 'acme'),
      status('orgs', 'nobody'),
    ]),
  ).toEqual([200, 404, 200, 404, 404])
  expect((await restCalls(fake, person('read:packages')).getPackage({ scope: 'user', name: 'a/b' })).status).toBe(200)
})

test('a run is visible to its own repository only', async () => {
  const fake = createFake()
  declareRun(fake.state, { repository: 'acme/shop', id: 12, status: 'completed', conclusion: 'cancelled', attempt: 2 })
  expect(await restCalls(fake, job('write')).getRun('acme/shop', 12)).toMatchObject({
    status: 200,
    body: { status: 'completed', conclusion: 'cancelled', run_attempt: 2, updated_at: expect.any(String) },
  })
  expect((await restCalls(fake, job('write')).getRun('acme/shop', 13)).status).toBe(404)
  expect(
    (
      await restCalls(fake, { kind: 'actions', repository: 'acme/shop', packages: 'write', actions: 'none' }).getRun(
        'acme/shop',
        12,
      )
    ).status,
  ).toBe(403)
  expect(
    (await restCalls(fake, { kind: 'actions', repository: 'acme/other', packages: 'write' }).getRun('acme/shop', 12))
      .status,
  ).toBe(404)
})
