import { expect, test } from '@jest/globals'
import { createGithubBackend } from '../../../src/packages/github/backend.ts'
import { deleteRunArtifacts } from '../../../src/cleanup/run-image-cleanup.ts'
import { createPackageRepository } from '../../../src/packages/repository.ts'
import { createRegistryClient } from '../../../src/registry/client.ts'
import { createGithubRequest } from '../../../src/forge/api-client.ts'
import { forgetCalls } from '../../ghcr/call-log.ts'
import { brokenTags } from '../../ghcr/audit.ts'
import { fetchIn } from '../../ghcr/fetch.ts'
import { pushManifest } from '../../ghcr/histories.ts'
import { pushOwn, scene, type Scene } from '../cleanup/scene.ts'

/** Octokit with its plugins, the registry client and the clock are real; only the server is a fake. */
function packageRepositoryOf({ fake }: Scene, apiUrl: string) {
  fake.state.tokens.set('secret', { kind: 'actions', repository: 'acme/shop', packages: 'write' })
  const fetch = fetchIn(fake) as typeof globalThis.fetch
  const until = Date.now() + 60_000
  const registry = createRegistryClient({
    registry: 'ghcr.io',
    fetch,
    willPush: true,
    credentials: { username: 'ci', password: 'secret' },
  })
  const clock = { now: Date.now, sleep: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) }
  const said: string[] = []
  const request = createGithubRequest({
    apiUrl,
    token: 'secret',
    fetch,
    until,
    log: (text) => said.push(text),
    onWait: (text) => said.push(text),
  })
  const api = createGithubBackend({
    request,
    owner: 'acme',
    name: 'shop/api',
    registry,
    mark: '17000000001-1-mab',
    clock,
  })
  return {
    said,
    packages: createPackageRepository({
      backend: api,
      registry,
      repository: 'acme/shop/api',
      name: 'ghcr.io/acme/shop/api',
      clock,
      deadline: until,
    }),
  }
}

test.each(['https://api.github.com', 'https://github.example/api/v3'])(
  'the client for %s waits as long as GitHub requires, and deletes once a second',
  async (apiUrl) => {
    const here = scene()
    pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
    const { own } = pushOwn(here, '17000000001', { platforms: ['linux/amd64'] })
    here.fake.faults.push(
      { endpoint: 'list versions', answer: 429, retryAfter: 1 },
      { endpoint: 'get version', answer: 502 },
      { endpoint: 'delete version', answer: 500, when: 'after' },
    )
    forgetCalls(here.fake.log)
    const { packages, said } = packageRepositoryOf(here, apiUrl)
    const began = Date.now()
    expect(await deleteRunArtifacts(packages, own)).toEqual([{ subject: 'pr-17000000001', deleted: true }])
    expect(Date.now() - began).toBeGreaterThan(4000)
    expect(here.pkg.active.size).toBe(1)
    expect(brokenTags(here.fake.state)).toEqual([])
    const calls = here.fake.log.calls
      .filter(({ side }) => side === 'rest')
      .map(({ endpoint, status }) => `${endpoint} ${status ?? ''}`)
    // The index of a single platform is the joined one here, so there are three versions.
    expect(calls).toEqual([
      'list versions 429',
      'list versions 200',
      'get version 502',
      'get version 200',
      'delete version 500',
      'delete version 404',
      'list versions 200',
      'delete version 204',
      'delete version 204',
    ])
    expect(said.join()).toMatch(/wait for 1 s/)
  },
)

test('without time to wait, the artifact is kept with the reason', async () => {
  const here = scene()
  pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
  const { own } = pushOwn(here, '17000000001')
  here.fake.faults.push({ endpoint: 'delete version', answer: 403, retryAfter: 600, times: 9 })
  const outcomes = await deleteRunArtifacts(packageRepositoryOf(here, 'https://api.github.com').packages, own)
  expect(outcomes).toEqual([
    {
      subject: 'pr-17000000001',
      deleted: false,
      reason: expect.stringMatching(/rate limit was exceeded, with no time left to wait/),
    },
  ])
})

test.each([
  ['longer than 16 MiB', () => ' '.repeat(17 * 1024 * 1024)],
  ['nested too deeply', () => '['.repeat(101) + ']'.repeat(101)],
])('an answer that is %s is an error, not a problem of memory', async (problem, body) => {
  let answers = 0
  const fetch = () => {
    answers++
    return Promise.resolve(new Response(body(), { headers: { 'content-type': 'application/json; charset=utf-8' } }))
  }
  const until = Date.now() + 60_000
  const request = createGithubRequest({
    apiUrl: 'https://api.example.com',
    token: '',
    fetch,
    until,
    onWait: () => undefined,
    log: () => undefined,
  })
  const failed = request('GET /versions', { request: { retries: 0 } })
  await expect(failed).rejects.toThrow(`the answer of api.example.com is ${problem}`)
  expect(answers).toBe(1)
})
