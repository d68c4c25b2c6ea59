import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../../../src/inputs/inputs.ts'
import type { Login } from '../../../../src/registry/auth.ts'
import { exchangeHubTokens } from '../../../../src/registry/credentials/docker-hub-oidc.ts'
import { jobWith, type Given } from '../../fixtures/job.ts'

const connection = { DOCKERHUB_OIDC_CONNECTIONID: '123e4567-e89b-42d3-a456-426614174000' }
const loginsOf = async (given: Given) => (await readInputs(...jobWith({ ...connection, ...given }))).logins
const hub = { registry: 'docker.io', username: 'acme', password: '', hubOidc: true } as const

describe('a login at Docker Hub without a password, with a connection', () => {
  test.each<[string, Given, readonly Login[]]>([
    ['for the image', { image: 'acme/app', username: 'acme' }, [hub]],
    ['for a registry', { image: 'acme/app', registry: 'docker.io', username: 'acme' }, [hub]],
    [
      'by an older address',
      { image: 'acme/app', registry: 'https://index.docker.io/v1/', username: 'acme' },
      [{ ...hub, registry: 'index.docker.io' }],
    ],
    ['for hardened images', { push: 'false', registry: 'dhi.io', username: 'acme' }, [{ ...hub, registry: 'dhi.io' }]],
    ['in `registry-auth`', { image: 'acme/app', 'registry-auth': '- username: acme' }, [hub]],
    [
      'beside the token of the CI platform',
      { image: 'acme/app\nghcr.io/acme/app', username: 'acme', 'github-token': 't' },
      [hub, { registry: 'ghcr.io', username: 'octo', password: 't', isPlatformToken: true }],
    ],
    [
      'a password wins',
      { image: 'acme/app', username: 'acme', password: 'p' },
      [{ registry: 'docker.io', username: 'acme', password: 'p' }],
    ],
  ])('%s', async (_, given, expected) => {
    expect(await loginsOf(given)).toEqual(expected)
  })

  test.each<[string, Given]>([
    ['another registry', { image: 'quay.io/acme/app', username: 'acme' }],
    ['no connection', { image: 'acme/app', username: 'acme', DOCKERHUB_OIDC_CONNECTIONID: '' }],
  ])('%s needs a password', async (_, given) => {
    await expect(loginsOf(given)).rejects.toThrow('invalid inputs: password')
  })
})

interface Call {
  readonly url: string
  readonly authorization: string | null
  readonly body: string
}

function platform(answers: Readonly<Record<string, unknown>>) {
  const calls: Call[] = []
  const fetch = (input: URL | string | Request, init: RequestInit = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const body = typeof init.body === 'string' ? init.body : ''
    calls.push({ url: url.href, authorization: new Headers(init.headers).get('authorization'), body })
    return Promise.resolve(new Response(JSON.stringify(answers[url.host] ?? {}), { status: 200 }))
  }
  return { calls, fetch }
}

const env = {
  ...connection,
  ACTIONS_ID_TOKEN_REQUEST_URL: 'https://token.example/x?api-version=2',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'secret',
}

describe('the exchange of tokens', () => {
  test('is one for all logins, and the others stay', async () => {
    const { calls, fetch } = platform({
      'token.example': { value: 'id-token' },
      'identity.docker.com': { access_token: 'hub-token' },
    })
    const other = { registry: 'ghcr.io', username: 'octo', password: 'p' }
    expect(await exchangeHubTokens([hub, other, { ...hub, registry: 'dhi.io' }], { env, fetch })).toEqual([
      { registry: 'docker.io', username: 'acme', password: 'hub-token' },
      other,
      { registry: 'dhi.io', username: 'acme', password: 'hub-token' },
    ])
    expect(calls.map(({ url }) => url)).toEqual([
      'https://token.example/x?api-version=2&audience=https%3A%2F%2Fidentity.docker.com',
      'https://identity.docker.com/oauth/token',
    ])
    expect(calls.map(({ authorization }) => authorization)).toEqual(['Bearer secret', null])
    expect(Object.fromEntries(new URLSearchParams(calls[1]?.body))).toMatchObject({
      subject_token: 'id-token',
      connection_id: connection.DOCKERHUB_OIDC_CONNECTIONID,
      expires_in: '21600',
    })
  })

  test('asks nothing without such a login', async () => {
    const { calls, fetch } = platform({})
    await exchangeHubTokens([{ registry: 'ghcr.io', username: 'a', password: 'b' }], { env, fetch })
    expect(calls).toEqual([])
  })

  test.each([
    ['the permission is missing', { ...env, ACTIONS_ID_TOKEN_REQUEST_URL: '' }, {}, 'the job has no OIDC token'],
    ['the platform gives none', env, {}, 'the CI platform answers 200 without an OIDC token'],
    ['Docker Hub gives none', env, { 'token.example': { value: 'id' } }, 'Docker Hub answers 200'],
  ])('fails with a hint if %s', async (_, environment, answers, expected) => {
    const { fetch } = platform(answers)
    await expect(exchangeHubTokens([hub], { env: environment, fetch })).rejects.toMatchObject({
      message: `No login at Docker Hub by OIDC: ${expected}`,
      hint: expect.stringMatching(/id-token: write|DOCKERHUB_OIDC_CONNECTIONID/),
    })
  })
})

test.each(['pipelines.example.com', 'identity.docker.com'])(
  'a redirect of %s is not followed: the request contains a token',
  async (host) => {
    const { calls, fetch } = platform({ 'pipelines.example.com': { value: 'id-token' } })
    const redirecting: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      expect(init?.redirect).toBe('manual')
      if (new URL(calls.at(-1)?.url ?? '').host !== host) return response
      return new Response(null, { status: 307, headers: { location: 'https://elsewhere.example.com/' } })
    }
    const env = {
      ...connection,
      ACTIONS_ID_TOKEN_REQUEST_URL: 'https://pipelines.example.com/token?v=1',
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
    }
    await expect(exchangeHubTokens([hub], { env, fetch: redirecting })).rejects.toMatchObject({
      message: expect.stringContaining('answers 307'),
    })
  },
)
