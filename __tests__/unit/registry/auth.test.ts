import { expect, test } from '@jest/globals'
import { mergeScopes } from '../../../src/registry/auth.ts'
import { createRegistryClient, type RegistryOptions } from '../../../src/registry/client.ts'
import { answer, basic, fakeClock, onNext, user, withRegistry, withServer, type FakeRegistry } from './server.ts'
import { ociManifest } from '../../../src/registry/manifest.ts'

const open = (registry: FakeRegistry, options: Partial<RegistryOptions> = {}) =>
  createRegistryClient({ registry: registry.host, clock: fakeClock(), ...options })
const steps = ({ seen }: FakeRegistry) =>
  seen.map(
    ({ method, url, authorization }) =>
      `${method} ${url.replace(/\?.*/, '')}${authorization === undefined ? '' : ` ${authorization.split(' ')[0]}`}`,
  )
const bytes = Buffer.from('{"schemaVersion":2}')

test('Basic: one request without a login, and no other', async () => {
  await withRegistry('basic', async (registry) => {
    const client = open(registry, { credentials: user })
    await client.putManifest('acme/app', 'a', bytes, ociManifest)
    await client.headManifest('acme/app', 'a')
    expect(steps(registry)).toEqual([
      'PUT /v2/acme/app/manifests/a',
      'PUT /v2/acme/app/manifests/a Basic',
      'HEAD /v2/acme/app/manifests/a Basic',
    ])
  })
})

test('Basic: a wrong password is not tried twice, and not shown even if the registry repeats it', async () => {
  await withRegistry('basic', async (registry) => {
    const wrong = { username: 'ci', password: 'hunter2-hunter2' }
    const error = await open(registry, { credentials: wrong })
      .ping()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      kind: 'unauthorized',
      status: 401,
      code: 'UNAUTHORIZED',
      message:
        `${registry.host}: ${registry.host} rejected the login ` +
        '(401 UNAUTHORIZED: authentication required, got Basic ***)',
    })
    expect(registry.seen).toHaveLength(2)
  })
})

/** A network on which the registry on this machine has the name `reg.example.com:5000`. */
function elsewhere(registry: FakeRegistry): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : input.toString()
    if (!url.startsWith('http://reg.example.com:5000/'))
      throw new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })
    const answered = await fetch(url.replace('reg.example.com:5000', registry.host), init)
    const challenge = answered.headers.get('www-authenticate')?.replace(registry.host, 'reg.example.com:5000')
    const headers = new Headers(
      [
        ...answered.headers,
        ...(challenge === undefined ? [] : [['www-authenticate', challenge] as [string, string]]),
      ].filter(([name], index, all) => all.findLastIndex(([other]) => other === name) === index),
    )
    return Object.defineProperty(
      new Response(await answered.arrayBuffer(), { status: answered.status, headers }),
      'url',
      { value: url },
    )
  }
}

test.each(['basic', 'bearer'] as const)('%s over plain http, only if the settings allow it', async (auth) => {
  await withRegistry(auth, async (registry) => {
    const options = { registry: 'reg.example.com:5000', credentials: user, fetch: elsewhere(registry) }
    await open(registry, { ...options, isPlain: (host) => host === options.registry }).putManifest(
      'acme/app',
      'a',
      bytes,
      ociManifest,
    )
    expect(registry.tags.get('acme/app:a')).toMatch(/^sha256:/)
    await expect(open(registry, options).headManifest('acme/app', 'a')).rejects.toMatchObject({ kind: 'network' })
  })
})

test('no login where one is needed', async () => {
  await withRegistry('basic', async (registry) => {
    await expect(open(registry).getManifest('acme/app', 'a')).rejects.toMatchObject({
      kind: 'unauthorized',
      message:
        `${registry.host}/acme/app:a: ${registry.host} requires a login, and none is configured for it ` +
        '(401 UNAUTHORIZED: authentication required, got nothing)',
    })
  })
})

test('Bearer: one token a scope, kept between requests', async () => {
  await withRegistry('bearer', async (registry) => {
    const client = open(registry, { credentials: user })
    await client.putManifest('acme/app', 'a', bytes, ociManifest)
    await Promise.all([
      client.putManifest('acme/app', 'b', bytes, ociManifest),
      client.headManifest('acme/app', 'a'),
      client.headManifest('acme/app', 'b'),
    ])
    await client.deleteManifest('acme/app', 'a')
    expect(
      registry.seen
        .filter(({ url }) => url.startsWith('/token'))
        .map(({ url }) => new URLSearchParams(url.slice(7)).getAll('scope').join(' ')),
    ).toEqual(['repository:acme/app:pull,push', 'repository:acme/app:pull', 'repository:acme/app:delete'])
    expect(
      registry.seen.filter(({ url }) => url.startsWith('/token')).every(({ authorization }) => authorization === basic),
    ).toBe(true)
  })
})

test('Bearer: with `willPush`, one token reads and writes', async () => {
  await withRegistry('bearer', async (registry) => {
    const client = open(registry, { credentials: user, willPush: true })
    await client.headManifest('acme/app', 'a')
    await client.putManifest('acme/app', 'a', bytes, ociManifest)
    expect(steps(registry)).toEqual([
      'HEAD /v2/acme/app/manifests/a',
      'GET /token Basic',
      'HEAD /v2/acme/app/manifests/a Bearer',
      'PUT /v2/acme/app/manifests/a Bearer',
    ])
  })
})

test('Bearer: an anonymous token reads, and may not push', async () => {
  await withRegistry('bearer', async (registry) => {
    const client = open(registry)
    expect(await client.headManifest('acme/app', 'a')).toBeUndefined()
    await expect(client.putManifest('acme/app', 'a', bytes, ociManifest)).rejects.toMatchObject({
      kind: 'denied',
      status: 401,
    })
    expect(
      registry.seen.filter(({ url }) => url.startsWith('/token')).map(({ authorization }) => authorization),
    ).toEqual([undefined, undefined])
  })
})

test('Bearer: a token is renewed before it expires', async () => {
  await withRegistry('bearer', async (registry) => {
    const clock = fakeClock()
    const client = createRegistryClient({ registry: registry.host, credentials: user, clock })
    const tokens = () => registry.tokens.size
    registry.expiresIn = 300
    await client.headManifest('acme/app', 'a')
    clock.time += 200_000
    await client.headManifest('acme/app', 'a')
    expect(tokens()).toBe(1)
    clock.time += 90_000
    await Promise.all([client.headManifest('acme/app', 'a'), client.headManifest('acme/app', 'b')])
    expect(tokens()).toBe(2)
    expect(
      registry.seen.filter(({ method, authorization }) => method === 'HEAD' && authorization === undefined),
    ).toHaveLength(1)
  })
})

test('Bearer: a token that the registry has forgotten is renewed once for all that were refused', async () => {
  await withRegistry('bearer', async (registry) => {
    const client = open(registry, { credentials: user })
    await client.headManifest('acme/app', 'a')
    registry.tokens.clear()
    registry.tokens.set('Bearer other', [])
    await Promise.all(['a', 'b', 'c'].map((tag) => client.headManifest('acme/app', tag)))
    expect(registry.seen.filter(({ url }) => url.startsWith('/token'))).toHaveLength(2)
  })
})

test('Bearer: requests to a registry that refuses its own tokens end', async () => {
  await withRegistry('bearer', async (registry) => {
    const client = open(registry, { credentials: user })
    registry.tokens.set = () => registry.tokens
    await expect(client.headManifest('acme/app', 'a')).rejects.toMatchObject({ kind: 'unauthorized' })
    expect(registry.seen).toHaveLength(3)
  })
})

test('Bearer: an identity token is exchanged by POST', async () => {
  await withRegistry('bearer', async (registry) => {
    const client = open(registry, { credentials: { username: '', password: '', identityToken: 'refresh-me' } })
    await client.putManifest('acme/app', 'a', bytes, ociManifest)
    const [, exchange] = registry.seen
    expect(exchange).toMatchObject({ method: 'POST', url: '/token', authorization: undefined })
    expect(Object.fromEntries(new URLSearchParams(exchange?.body))).toMatchObject({
      grant_type: 'refresh_token',
      service: 'fake',
      scope: 'repository:acme/app:pull,push',
      refresh_token: 'refresh-me',
    })
  })
})

test('the token server: a refused login, a failure that passes, an answer without a token', async () => {
  await withRegistry('bearer', async (registry) => {
    await expect(open(registry, { credentials: { ...user, password: 'wrong' } }).ping()).rejects.toMatchObject({
      kind: 'unauthorized',
      message: expect.stringContaining('rejected the login (401 UNAUTHORIZED: incorrect username or password)'),
    })
    registry.faults.push(onNext('GET', '/token', 503))
    await open(registry, { credentials: user }).ping()
    for (const body of ['{}', 'no json', '{"token":"a\\nb"}', '[]']) {
      registry.faults.push(onNext('GET', '/token', 200, {}, body))
      await expect(open(registry, { credentials: user }).ping()).rejects.toMatchObject({
        kind: 'protocol',
        message: expect.stringContaining('returned no token'),
      })
    }
  })
})

test.each([
  ['http://tokens.example.com/', 'over plain http'],
  ['nonsense', 'not an http address'],
  ['file:///etc/passwd', 'not an http address'],
])('the login is not sent to %s', async (realm, message) => {
  const asked: string[] = []
  const fetch = ((url: string) => {
    asked.push(url)
    return Promise.resolve(
      new Response('', { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}"` } }),
    )
  }) as typeof globalThis.fetch
  await expect(
    createRegistryClient({ registry: 'registry.example.com', credentials: user, fetch }).ping(),
  ).rejects.toMatchObject({ kind: 'protocol', message: expect.stringContaining(message) })
  expect(asked).toEqual(['https://registry.example.com/v2/'])
})

test('a redirect to another server carries no login, and its challenge gets none', async () => {
  await withRegistry('basic', async (registry) => {
    const elsewhere: (string | undefined)[] = []
    await withServer(
      (request, response) => {
        elsewhere.push(request.headers.authorization)
        answer(response, 401, {
          'www-authenticate': `Bearer realm="http://${request.headers.host}/token",service="fake"`,
        })
      },
      async (other) => {
        const client = open(registry, { credentials: user })
        await client.ping()
        const location = `http://${other}/blob`
        registry.faults.push(onNext('GET', '/blobs/', 307, { location }))
        await expect(client.getBlob('acme/app', `sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
          kind: 'unauthorized',
        })
      },
    )
    expect(registry.seen.at(-1)?.authorization).toBe(basic)
    expect(elsewhere).toEqual([undefined])
  })
})

test('the form with an identity token follows no redirect', async () => {
  await withRegistry('bearer', async (registry) => {
    let asked = 0
    await withServer(
      (_, response) => answer(response, 200, {}, `{"token":"t${++asked}"}`),
      async (other) => {
        registry.faults.push(onNext('POST', '/token', 307, { location: `http://${other}/token` }))
        const client = open(registry, { credentials: { username: '', password: '', identityToken: 'refresh-me' } })
        await expect(client.ping()).rejects.toMatchObject({ kind: 'network', transient: false })
      },
    )
    expect(asked).toBe(0)
  })
})

test('scopes are merged by resource', () => {
  expect(mergeScopes('repository:a/b:pull', 'repository:a/b:pull,push repository:c:pull')).toBe(
    'repository:a/b:pull,push repository:c:pull',
  )
  expect(mergeScopes('', 'registry:catalog:*')).toBe('registry:catalog:*')
})
