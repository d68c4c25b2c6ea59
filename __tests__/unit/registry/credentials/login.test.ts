import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentialsFor, missingHelpers } from '../../../../src/registry/credentials/login.ts'
import { loginOrigin, pushLoginHint } from '../../../../src/registry/credentials/origin.ts'
import { dockerConfigKey, createDockerConfig } from '../../../../src/registry/credentials/docker-config.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const login = { registry: 'ghcr.io', username: 'ci', password: 's3cret:with:colons' }
const noHelper = () => Promise.reject(new Error('no helper may be asked'))
const hub = 'https://index.docker.io/v1/'

describe('credentialsFor', () => {
  test.each([
    ['by name', 'ghcr.io', { auths: { 'ghcr.io': { auth: base64('me:pw:x') } } }, { username: 'me', password: 'pw:x' }],
    [
      'by address',
      'ghcr.io',
      { auths: { 'https://ghcr.io/v1/': { auth: base64('me:pw') } } },
      { username: 'me', password: 'pw' },
    ],
    [
      'by name before address',
      'ghcr.io',
      { auths: { 'https://ghcr.io': { auth: base64('old:pw') }, 'ghcr.io': { auth: base64('new:pw') } } },
      { username: 'new', password: 'pw' },
    ],
    ['Docker Hub', 'docker.io', { auths: { [hub]: { auth: base64('me:pw') } } }, { username: 'me', password: 'pw' }],
    [
      'with a port',
      'localhost:5000',
      { auths: { 'http://localhost:5000': { auth: base64('me:pw') } } },
      { username: 'me', password: 'pw' },
    ],
    ['padded', 'ghcr.io', { auths: { 'ghcr.io': { auth: base64('me:pw\0\0') } } }, { username: 'me', password: 'pw' }],
    [
      'in the clear',
      'ghcr.io',
      { auths: { 'ghcr.io': { username: 'me', password: 'pw' } } },
      { username: 'me', password: 'pw' },
    ],
    [
      'an identity token',
      'acr.azurecr.io',
      { auths: { 'acr.azurecr.io': { auth: base64('0000:'), identitytoken: 'refresh' } } },
      { username: '0000', password: '', identityToken: 'refresh' },
    ],
    ['another registry', 'ghcr.io', { auths: { 'quay.io': { auth: base64('me:pw') } } }, undefined],
    ['an empty entry', 'ghcr.io', { auths: { 'ghcr.io': {} } }, undefined],
    ['no base64', 'ghcr.io', { auths: { 'ghcr.io': { auth: '***' } } }, undefined],
    [
      'an empty helper',
      'ghcr.io',
      { credsStore: 'desktop', credHelpers: { 'ghcr.io': '' }, auths: { 'ghcr.io': { auth: base64('me:pw') } } },
      { username: 'me', password: 'pw' },
    ],
    ['a prototype', 'constructor', { auths: {} }, undefined],
    ['nothing', 'ghcr.io', undefined, undefined],
  ])('%s', async (_, host, config, expected) => {
    expect(await credentialsFor({ registry: host, path: 'acme/app' }, [], config, noHelper)).toEqual(
      expected && { ...expected, origin: 'job' },
    )
  })

  test("the step's own login comes first", async () => {
    expect(
      await credentialsFor({ registry: 'ghcr.io', path: 'acme/app' }, [login], { credsStore: 'desktop' }, noHelper),
    ).toEqual({ username: 'ci', password: 's3cret:with:colons', origin: 'inputs' })
    expect(
      await credentialsFor(
        { registry: 'docker.io', path: 'acme/app' },
        [{ ...login, registry: 'index.docker.io' }],
        {},
        noHelper,
      ),
    ).toBeDefined()
  })

  test('helpers: the one of the registry, else the store, else the file', async () => {
    const asked: string[] = []
    const ask = (answer: string | undefined) => (helper: string, host: string) => {
      asked.push(`${helper} ${host}`)
      return Promise.resolve(answer)
    }
    const config = {
      credsStore: 'store',
      credHelpers: { 'gcr.io': 'gcloud' },
      auths: { 'ghcr.io': { auth: base64('file:pw') } },
    }
    expect(
      await credentialsFor({ registry: 'gcr.io', path: 'acme/app' }, [], config, ask('{"Username":"u","Secret":"s"}')),
    ).toEqual({ username: 'u', password: 's', origin: 'job' })
    expect(
      await credentialsFor(
        { registry: 'docker.io', path: 'acme/app' },
        [],
        config,
        ask('{"Username":"<token>","Secret":"t"}'),
      ),
    ).toEqual({ username: '', password: '', identityToken: 't', origin: 'job' })
    expect(
      await credentialsFor(
        { registry: 'ghcr.io', path: 'acme/app' },
        [],
        config,
        ask('credentials not found in native keychain'),
      ),
    ).toEqual({ username: 'file', password: 'pw', origin: 'job' })
    expect(
      await credentialsFor({ registry: 'ghcr.io', path: 'acme/app' }, [], config, () => Promise.resolve(undefined)),
    ).toEqual({ username: 'file', password: 'pw', origin: 'job' })
    expect(asked).toEqual(['gcloud gcr.io', `store ${hub}`, 'store ghcr.io'])
  })
})

describe('privateDockerConfig', () => {
  test('carries over what builds depend on, and nothing else', () => {
    const kept = {
      auths: {
        'quay.io': { auth: base64('me:pw') },
        'acr.azurecr.io': { auth: base64('0000:'), identitytoken: 'refresh' },
      },
      credHelpers: { 'gcr.io': 'gcloud' },
      credsStore: 'desktop',
      proxies: { default: { httpProxy: 'http://proxy:3128' } },
      HttpHeaders: { 'X-Meta': 'a' },
      cliPluginsExtraDirs: ['/opt/plugins'],
    }
    expect(
      createDockerConfig({ ...kept, currentContext: 'remote', plugins: { x: {} }, aliases: {}, psFormat: 'x' }, []),
    ).toEqual(kept)
  })

  test('our logins win over stores, helpers and older entries', () => {
    const config = {
      credsStore: 'desktop',
      credHelpers: { 'ghcr.io': 'other', 'gcr.io': 'gcloud' },
      auths: { 'ghcr.io': { auth: base64('old:pw'), identitytoken: 'x' } },
    }
    expect(createDockerConfig(config, [login, { ...login, registry: 'docker.io' }])).toEqual({
      auths: { 'ghcr.io': { auth: base64('ci:s3cret:with:colons') }, [hub]: { auth: base64('ci:s3cret:with:colons') } },
      credsStore: 'desktop',
      credHelpers: { 'ghcr.io': '', [hub]: '', 'gcr.io': 'gcloud' },
    })
    expect(createDockerConfig({ credHelpers: { 'gcr.io': 'gcloud' } }, [login])).toEqual({
      auths: { 'ghcr.io': { auth: base64('ci:s3cret:with:colons') } },
      credHelpers: { 'gcr.io': 'gcloud' },
    })
  })

  test.each([
    undefined,
    null,
    'text',
    7,
    [],
    { auths: 'x', credHelpers: [], credsStore: {}, proxies: 1, HttpHeaders: null, cliPluginsExtraDirs: 'x' },
  ])('%j makes an empty one', (config) => {
    expect(createDockerConfig(config, [])).toEqual({ auths: {} })
  })

  test('entries that would make docker refuse the file are left out', () => {
    const config = {
      auths: {
        a: { auth: 'no base64!' },
        b: { auth: base64('nocolon') },
        c: 'text',
        d: { auth: base64('me:pw'), email: 7 },
        e: {},
      },
      HttpHeaders: { X: 1, Y: 'y' },
      proxies: { default: { httpProxy: 1 }, x: 'y' },
      cliPluginsExtraDirs: [1, '/a'],
    }
    expect(createDockerConfig(config, [])).toEqual({
      auths: { d: { auth: base64('me:pw') }, e: {} },
      HttpHeaders: { Y: 'y' },
      proxies: { default: {} },
      cliPluginsExtraDirs: ['/a'],
    })
  })

  test("any Docker configuration of the job is accepted, and the result contains the run's login", async () => {
    const names = fc.constantFrom(
      'auths',
      'credHelpers',
      'credsStore',
      'proxies',
      'HttpHeaders',
      'cliPluginsExtraDirs',
      '__proto__',
    )
    const config = fc.dictionary(
      names,
      fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('ghcr.io', 'https://ghcr.io/v1/', hub), fc.jsonValue())),
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(config, fc.jsonValue()), async (userConfig) => {
        const made: unknown = JSON.parse(JSON.stringify(createDockerConfig(userConfig, [login])))
        expect(await credentialsFor({ registry: 'ghcr.io', path: 'acme/app' }, [], made, noHelper)).toEqual({
          username: login.username,
          password: login.password,
          origin: 'job',
        })
      }),
    )
  })
})

test.each([
  ['docker.io', hub],
  ['registry-1.docker.io', hub],
  ['https://index.docker.io/v1/', hub],
  ['GHCR.io', 'ghcr.io'],
  ['[::1]:5000', '[::1]:5000'],
  ['docker.io.example.com', 'docker.io.example.com'],
])('%s is kept as %s', (registry, key) => {
  expect(dockerConfigKey(registry)).toBe(key)
})

describe('loginOrigin', () => {
  const image = { registry: 'ghcr.io', path: 'acme/app' }
  const scoped = { ...login, scope: 'acme/other' }

  test.each([
    ['the step', [login], {}, 'inputs'],
    ['the token', [{ ...login, isPlatformToken: true }], { credsStore: 'desktop' }, 'token'],
    ['another repository', [scoped], {}, undefined],
    ['a helper', [scoped], { credsStore: 'desktop' }, 'job'],
    ['the file', [], { auths: { 'ghcr.io': { auth: base64('me:pw') } } }, 'job'],
    ['nothing', [], {}, undefined],
  ])('%s', (_, logins, config, expected) => {
    expect(loginOrigin(image, logins, config)).toBe(expected)
  })

  test('the hint names the login and what to change', () => {
    expect(pushLoginHint('token', false)).toMatch(/job token.*packages: write/)
    expect(pushLoginHint('inputs', true)).toMatch(/`username` and `password`.*expired/)
    expect(pushLoginHint('job', false)).toMatch(/own Docker login.*permission to push/)
    expect(pushLoginHint(undefined, true)).toMatch(/^The job has no login/)
  })
})

describe('missingHelpers', () => {
  const dir = mkdtempSync(join(tmpdir(), 'helpers-'))
  writeFileSync(join(dir, 'docker-credential-installed'), '')
  const env = { PATH: `/nonexistent:${dir}`, DOCKER_CONFIG: '/config' }

  test.each([
    ['credsStore', { credsStore: 'absent' }, ['docker-credential-absent is not installed, and /config/config.json']],
    ['credHelpers', { credHelpers: { 'ghcr.io': 'absent' } }, ['docker-credential-absent is not installed']],
    ['an installed one', { credsStore: 'installed' }, []],
    ['of a registry without an image', { credHelpers: { 'gcr.io': 'gcloud' } }, []],
    ['none', {}, []],
  ])('%s', (_, config, expected) => {
    const found = missingHelpers(config, ['ghcr.io'], env).map(({ text }) => text)
    expect(found).toEqual(expected.map((text): unknown => expect.stringContaining(text)))
  })
})
