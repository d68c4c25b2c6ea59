import { describe, expect, test } from '@jest/globals'
import type { Trust } from '../../../src/forge/trust.ts'
import { cacheOf } from '../../../src/inputs/cache/cache.ts'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { event, jobWith, type Given } from '../fixtures/job.ts'

const read = (trust: Trust, given: Given = {}) => {
  const [env, , files] = jobWith(given)
  return readInputs(env, { ...event, trust }, files)
}

test.each<[event: Trust, input: string, level: Trust]>([
  ['trusted', '', 'trusted'],
  ['trusted', 'auto', 'trusted'],
  ['trusted', 'pr', 'pr'],
  ['trusted', 'fork', 'fork'],
  ['pr', 'auto', 'pr'],
  ['pr', 'pr', 'pr'],
  ['pr', 'fork', 'fork'],
  ['fork', 'auto', 'fork'],
  ['fork', 'pr', 'fork'],
  ['fork', 'fork', 'fork'],
])('trust only lowers the level: %s, %j → %s', async (given, trust, level) => {
  expect((await read(given, { trust })).trust).toBe(level)
})

test('caches follow the level, tags do not', async () => {
  const { cache, variants } = await read('trusted', { trust: 'pr', tags: '1.2', platforms: 'linux/arm64' })
  expect(cacheOf(cache, variants[0]!, variants[0]!.platforms[0]!)?.to).toContain('buildcache-linux-arm64-pr,')
  expect(variants[0]!.tags.map(({ tag }) => tag)).toEqual(['1.2'])
})

// The merge has no `trust`: it gives the tags of the event.
test.each(['pr', 'auto'])('a part has the version that the merge gives it: %s', async (trust) => {
  const given = { trust, partial: 'true', tags: '', platforms: 'linux/arm64' }
  const [env, , files] = jobWith(given)
  const { variants } = await readInputs(env, { ...event, name: 'schedule', trust: 'trusted' }, files)
  expect(variants[0]!.version).toBe('nightly')
})

test('without `partial`, a lower level gives a scheduled run the tag of a pull request', async () => {
  const [env, , files] = jobWith({ trust: 'pr', tags: '', platforms: 'linux/arm64' })
  const { variants } = await readInputs(env, { ...event, name: 'schedule', trust: 'trusted' }, files)
  expect(variants[0]!.tags.map(({ tag }) => tag)).toEqual([`pr-${event.runId}`])
})

const wanted = {
  secrets: 'a=S3CRET',
  'secret-envs': 'b=TOKEN',
  'secret-files': 'c=README.md',
  ssh: 'default',
  allow: 'network.host\nsecurity.insecure',
  TOKEN: 't',
  SSH_AUTH_SOCK: '/agent',
  context: 'https://github.com/acme/app.git',
  'github-token': 'ghs_1',
} as const

describe('the code of a fork', () => {
  test('gets no secrets, no agent, no Git token and no privileges, with a warning that names them', async () => {
    const { settings, warnings } = await read('fork', wanted)
    expect(settings).toMatchObject({ secrets: [], ssh: [], entitlements: ['network.host'] })
    expect(warnings).toEqual([
      'This run builds the code of a fork, so its builds do not get `secrets`, `secret-envs`, `secret-files`, `ssh`, ' +
        '`allow: security.insecure`. If they need it, and you review the code before it runs, ' +
        'set `fork-secrets: true`.',
    ])
  })

  test('what it does not get cannot be invalid either: forks have no secrets', async () => {
    const { settings } = await read('fork', { 'secret-envs': 'a=NOT_SET', ssh: 'default' })
    expect(settings.ssh).toEqual([])
  })

  test.each<[string, Trust, Given]>([
    ['fork-secrets', 'fork', { ...wanted, 'fork-secrets': 'true' }],
    ['a pull request of this repository', 'pr', wanted],
    ['accepted code', 'trusted', wanted],
  ])('all of it: %s', async (_, trust, given) => {
    const { settings, warnings } = await read(trust, given)
    expect(settings.secrets.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'GIT_AUTH_TOKEN.github.com'])
    expect([settings.ssh, settings.entitlements]).toEqual([['default'], ['network.host', 'security.insecure']])
    expect(warnings).toEqual([])
  })

  test.each([{}, { 'fork-secrets': 'true' }])('writes no cache but the one in its own image: %j', async (more) => {
    const given = { platforms: 'linux/arm64', 'cache-to': 'type=local,dest=c\ntype=inline\ntype=registry,ref=a/b:c' }
    const { settings, warnings } = await read('fork', { ...given, ...more })
    expect(settings.cacheTo).toEqual(['type=inline'])
    expect(warnings).toEqual([expect.stringContaining('`cache-to` is not used')])
    expect((await read('pr', given)).settings.cacheTo).toHaveLength(3)
  })
})

describe('push, in a run whose token can only read', () => {
  const readOnly = (trigger: 'fork' | 'Dependabot', given: Given = {}) =>
    readInputs(...jobWith({ ...given, event: { readOnlyTrigger: trigger } }))

  test.each([
    [
      'fork',
      'Nothing is pushed, because this run builds a pull request from a fork, whose token can only read. ' +
        'To push with another login, set `push: true`.',
    ],
    [
      'Dependabot',
      'Nothing is pushed, because Dependabot triggered this run, whose token can only read by default. ' +
        'To push, set `push: true`, and `permissions: packages: write` or another login.',
    ],
  ] as const)('%s: `false` by default, with a notice', async (trigger, notice) => {
    const { push, notes, warnings } = await readOnly(trigger)
    expect([push, notes, warnings]).toEqual([false, [notice], []])
  })

  test.each<[Given, boolean]>([
    [{ push: 'true' }, true],
    [{ push: 'false' }, false],
    [{ load: 'true', platforms: 'linux/amd64' }, false],
    [{ outputs: 'type=registry' }, true],
  ])('%j decides without a notice', async (given, expected) => {
    expect(await readOnly('fork', given)).toMatchObject({ push: expected, notes: [] })
  })

  test('an image needs no login', async () => {
    expect(await readOnly('fork', { image: 'docker.io/acme/app', username: 'octo', password: '' })).toMatchObject({
      push: false,
      logins: [],
    })
  })
})
