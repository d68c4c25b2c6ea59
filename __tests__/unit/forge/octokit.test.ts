import { expect, test } from '@jest/globals'
import { openGithubPackages } from '../../../src/packages/github/backend.ts'
import { removeOwn } from '../../../src/cleanup/run-artifacts.ts'
import { openPlace } from '../../../src/packages/repository.ts'
import { openRegistry } from '../../../src/registry/client.ts'
import { openOctokit } from '../../../src/forge/octokit.ts'
import { forgetCalls } from '../../ghcr/call-log.ts'
import { brokenTags } from '../../ghcr/audit.ts'
import { fetchIn } from '../../ghcr/fetch.ts'
import { pushManifest } from '../../ghcr/histories.ts'
import { pushOwn, scene, type Scene } from '../cleanup/world.ts'

/** The real octokit with its plugins, the real registry client, real time; only the other side is not real. */
function placeOf({ world }: Scene, apiUrl: string) {
  world.state.tokens.set('secret', { kind: 'actions', repository: 'acme/shop', packages: 'write' })
  const fetch = fetchIn(world) as typeof globalThis.fetch
  const until = Date.now() + 60_000
  const registry = openRegistry({
    registry: 'ghcr.io',
    fetch,
    willPush: true,
    credentials: { username: 'ci', password: 'secret' },
  })
  const clock = { now: Date.now, sleep: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) }
  const said: string[] = []
  const request = openOctokit({ apiUrl, token: 'secret', fetch, until, log: (text) => said.push(text) })
  const api = openGithubPackages({
    request,
    owner: 'acme',
    name: 'shop/api',
    registry,
    mark: '17000000001-1-mab',
    clock,
  })
  return {
    said,
    place: openPlace({ api, registry, repository: 'acme/shop/api', name: 'ghcr.io/acme/shop/api', clock, until }),
  }
}

test.each(['https://api.github.com', 'https://github.example/api/v3'])(
  'octokit at %s waits as it is told, and deletes once a second',
  async (apiUrl) => {
    const here = scene()
    pushManifest(here.world.state, here.pkg, { content: 'other' }, 'other')
    const { own } = pushOwn(here, '17000000001', { platforms: ['linux/amd64'] })
    here.world.faults.push(
      { endpoint: 'list versions', answer: 429, retryAfter: 1 },
      { endpoint: 'get version', answer: 502 },
      { endpoint: 'delete version', answer: 500, when: 'after' },
    )
    forgetCalls(here.world.log)
    const { place, said } = placeOf(here, apiUrl)
    const began = Date.now()
    expect(await removeOwn(place, own)).toEqual([{ subject: 'pr-17000000001', deleted: true }])
    expect(Date.now() - began).toBeGreaterThan(4000)
    expect(here.pkg.active.size).toBe(1)
    expect(brokenTags(here.world.state)).toEqual([])
    const calls = here.world.log.calls
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
    expect(said.join()).toMatch(/wait 1 s/)
  },
)

test('no time to wait: it is kept, and says so', async () => {
  const here = scene()
  pushManifest(here.world.state, here.pkg, { content: 'other' }, 'other')
  const { own } = pushOwn(here, '17000000001')
  here.world.faults.push({ endpoint: 'delete version', answer: 403, retryAfter: 600, times: 9 })
  const outcomes = await removeOwn(placeOf(here, 'https://api.github.com').place, own)
  expect(outcomes).toEqual([
    { subject: 'pr-17000000001', deleted: false, reason: expect.stringMatching(/asks for fewer requests/) },
  ])
})
