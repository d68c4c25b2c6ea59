import { describe, expect, test } from '@jest/globals'
import { deleteRunArtifacts } from '../../../src/cleanup/run-image-cleanup.ts'
import { brokenTags, holdings, unneeded } from '../../ghcr/audit.ts'
import { count, forgetCalls } from '../../ghcr/call-log.ts'
import { fillHistory, pushIndex, pushManifest, pushRelease } from '../../ghcr/histories.ts'
import { hostile, calm } from '../../ghcr/fake.ts'
import { packageRepositoryIn } from '../../prove/package-repository.ts'
import { allOf, pushOwn, scene, type Scene } from './scene.ts'
import { toOutcome } from '../../../src/cleanup/run-artifacts.ts'
import { NotDeletedError } from '../../../src/packages/backend.ts'
import { RegistryError } from '../../../src/registry/error.ts'
import { ownershipAnnotation } from '../../../src/run/names.ts'

const kept = (outcomes: Awaited<ReturnType<typeof deleteRunArtifacts>>) => outcomes.filter(({ deleted }) => !deleted)
const remains = ({ pkg }: Scene, digests: readonly string[]) => digests.filter((digest) => pkg.active.has(digest))

describe('after a pull request', () => {
  test.each(['org', 'user'] as const)('nothing is left, by ten calls among 5,000 versions of an %s', async (kind) => {
    const here = scene({ checkAnswers: false }, kind)
    fillHistory(here.fake.state, here.pkg, 714)
    const before = holdings(here.pkg)
    const { own, pushed } = pushOwn(here, '17000000001')
    forgetCalls(here.fake.log)
    const outcomes = await deleteRunArtifacts(
      packageRepositoryIn({ ...here, ownerKind: kind === 'org' ? 'orgs' : 'users' }),
      own,
    )
    expect(outcomes).toEqual([{ subject: 'pr-17000000001', deleted: true }])
    expect(remains(here, allOf(pushed))).toEqual([])
    expect({ ...holdings(here.pkg), deleted: [] }).toEqual({ ...before, deleted: [] })
    expect(count(here.fake.log, 'rest')).toBe(10)
  })

  test('several tags and variants go together', async () => {
    const here = scene()
    pushRelease(here.fake.state, here.pkg, { tag: 'v1', content: 'app' })
    const slim = pushOwn(here, '17000000001', { content: 'slim' }, 'pr-17000000001-slim')
    const full = pushOwn(here, '17000000001', { content: 'full' }, 'pr-17000000001-full')
    const own = {
      ...slim.own,
      tags: [...slim.own.tags, ...full.own.tags],
      manifests: [...slim.own.manifests, ...full.own.manifests],
    }
    expect(kept(await deleteRunArtifacts(packageRepositoryIn(here), own))).toEqual([])
    expect(remains(here, [...allOf(slim.pushed), ...allOf(full.pushed)])).toEqual([])
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('a tag that was never moved leaves nothing either', async () => {
    const here = scene()
    pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
    const nonce = '17000000001-1-mab'
    const pushed = pushRelease(here.fake.state, here.pkg, { content: 'app', nonce: { [ownershipAnnotation]: nonce } })
    const own = {
      runAnnotation: nonce,
      tags: [{ tag: 'pr-17000000001', digest: pushed.index.digest }],
      manifests: pushed.perPlatform.map(({ digest }) => digest),
    }
    expect(await deleteRunArtifacts(packageRepositoryIn(here), own)).toEqual([
      { subject: 'pr-17000000001', deleted: true },
    ])
    expect(remains(here, allOf(pushed))).toEqual([])
  })
})

test('after a release only what nothing needs is deleted', async () => {
  const here = scene()
  const nonce = '17000000002-1-mab'
  const pushed = pushRelease(here.fake.state, here.pkg, { tag: 'v1', content: 'app' })
  const parts = pushed.images.map((image, at) =>
    pushIndex(
      here.fake.state,
      here.pkg,
      [
        { version: image, platform: 'linux/amd64' },
        { version: pushed.attestations[at]!, platform: 'linux/amd64', attests: image.digest },
      ],
      { annotations: { [ownershipAnnotation]: nonce } },
    ),
  )
  const own = { runAnnotation: nonce, tags: [], manifests: parts.map(({ digest }) => digest) }
  expect(await deleteRunArtifacts(packageRepositoryIn(here), own)).toEqual([])
  expect(remains(here, own.manifests)).toEqual([])
  expect(brokenTags(here.fake.state)).toEqual([])
  expect(count(here.fake.log, 'rest')).toBe(5)
  // Without provenance the platform's digest is the image itself.
  expect(
    await deleteRunArtifacts(packageRepositoryIn(here), {
      runAnnotation: nonce,
      tags: [],
      manifests: pushed.images.map(({ digest }) => digest),
    }),
  ).toEqual([])
  expect(brokenTags(here.fake.state)).toEqual([])
})

describe('what others have', () => {
  test('under another tag stays, and only our tag goes', async () => {
    const here = scene()
    const { own, pushed } = pushOwn(here, '17000000001')
    pushRelease(here.fake.state, here.pkg, {
      tag: 'stable',
      content: 'app',
      nonce: { [ownershipAnnotation]: own.runAnnotation },
    })
    expect(kept(await deleteRunArtifacts(packageRepositoryIn(here), own))).toEqual([])
    expect([...here.pkg.tags]).toEqual([['stable', pushed.index.digest]])
    expect(brokenTags(here.fake.state)).toEqual([])
    // The indexes of each platform tell whose the rest is, for as long as it is needed.
    expect(unneeded(here.pkg)).toEqual(pushed.perPlatform.map(({ digest }) => digest))
  })

  test('promoted into another index stays with all it needs', async () => {
    const here = scene()
    const { own, pushed } = pushOwn(here, '17000000001')
    pushIndex(here.fake.state, here.pkg, [{ version: pushed.images[0]!, platform: 'linux/amd64' }], {
      annotations: {},
      tag: 'promoted',
    })
    const outcomes = await deleteRunArtifacts(packageRepositoryIn(here), own)
    expect(kept(outcomes)).toEqual([
      {
        subject: pushed.images[0]!.digest,
        deleted: false,
        reason: 'another image started to refer to it during the cleanup, so it is kept.',
      },
    ])
    expect(brokenTags(here.fake.state)).toEqual([])
    expect(here.pkg.active.size).toBe(2)
  })

  test('promoted while we delete is restored', async () => {
    const here = scene()
    pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
    const { own, pushed } = pushOwn(here, '17000000001')
    let deletions = 0
    here.fake.beforeEach = (call) => {
      if (call.endpoint === 'delete version' && ++deletions === 2)
        pushIndex(here.fake.state, here.pkg, [{ version: pushed.images[0]!, platform: 'linux/amd64' }], {
          annotations: {},
          tag: 'promoted',
        })
    }
    expect(kept(await deleteRunArtifacts(packageRepositoryIn(here), own))).toEqual([
      expect.objectContaining({
        reason: 'another image started to refer to it during the cleanup, so it was restored.',
      }),
    ])
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('moved our tag to is left alone', async () => {
    const here = scene()
    const { own } = pushOwn(here, '17000000001')
    pushRelease(here.fake.state, here.pkg, { tag: 'pr-17000000001', content: 'other' })
    const outcomes = await deleteRunArtifacts(packageRepositoryIn(here), own)
    expect(kept(outcomes)).toEqual([
      { subject: 'pr-17000000001', deleted: false, reason: 'the tag was moved to another image, so it is kept.' },
    ])
    expect(brokenTags(here.fake.state)).toEqual([])
    expect(here.pkg.tags.has('pr-17000000001')).toBe(true)
    expect(here.pkg.active.size).toBe(7)
  })
})

describe('what GitHub does not let go', () => {
  test('the last tagged version is not requested', async () => {
    const here = scene()
    const { own } = pushOwn(here, '17000000001')
    expect(kept(await deleteRunArtifacts(packageRepositoryIn(here), own))).toEqual([
      expect.objectContaining({ subject: 'pr-17000000001', reason: expect.stringMatching(/last tagged version/) }),
    ])
    expect([count(here.fake.log, 'delete version'), count(here.fake.log, 'delete package')]).toEqual([0, 0])
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('a popular version stays with everything under it', async () => {
    const here = scene()
    pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
    const { own, pushed } = pushOwn(here, '17000000001')
    Object.assign(pushed.index, { downloads: 5001 })
    here.pkg.visibility = 'public'
    expect(kept(await deleteRunArtifacts(packageRepositoryIn(here), own))).toEqual([
      expect.objectContaining({ subject: 'pr-17000000001', reason: expect.stringMatching(/5,000 downloads/) }),
    ])
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test.each([
    ['without `packages: write`', { kind: 'actions', repository: 'acme/shop', packages: 'read' } as const],
    ['without the Admin role', { kind: 'actions', repository: 'acme/elsewhere', packages: 'write' } as const],
  ])('%s one reason names the permission', async (_, token) => {
    const here = scene()
    here.pkg.visibility = 'public'
    pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
    const { own } = pushOwn(here, '17000000001')
    const reasons = new Set(
      kept(await deleteRunArtifacts(packageRepositoryIn({ ...here, token }), own)).map(({ reason }) => reason),
    )
    expect([...reasons]).toEqual([expect.stringMatching(/packages: write.*Admin role/)])
    expect(brokenTags(here.fake.state)).toEqual([])
  })
})

describe('bad days', () => {
  test('a stale list makes each version be read again', async () => {
    const here = scene({ lists: { ...calm.lists, lag: 1, lagBy: 'most', lagMs: 1500 } })
    pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
    const { own, pushed } = pushOwn(here, '17000000001')
    here.clock.advance(10_000)
    expect(kept(await deleteRunArtifacts(packageRepositoryIn(here), own))).toEqual([])
    expect(remains(here, allOf(pushed))).toEqual([])
    expect(count(here.fake.log, 'get version')).toBeGreaterThan(1)
  })

  test('a storm of 429 only slows it', async () => {
    const here = scene()
    pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
    const { own, pushed } = pushOwn(here, '17000000001')
    for (let n = 0; n < 12; n++)
      here.fake.faults.push({ side: 'rest', skip: n, answer: n % 2 ? 429 : 403, retryAfter: 9 })
    const began = here.clock.now()
    expect(kept(await deleteRunArtifacts(packageRepositoryIn(here), own))).toEqual([])
    expect(remains(here, allOf(pushed))).toEqual([])
    expect(here.clock.now() - began).toBeGreaterThan(100_000)
  })

  test('gives up politely when the time is over', async () => {
    const here = scene()
    pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
    const { own } = pushOwn(here, '17000000001')
    const outcomes = await deleteRunArtifacts(packageRepositoryIn({ ...here, until: here.clock.now() + 3500 }), own)
    expect(new Set(kept(outcomes).map(({ reason }) => reason))).toEqual(
      new Set(['the time limit of the cleanup was reached. A later cleanup deletes it.']),
    )
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('a registry that does not answer: nothing is deleted', async () => {
    const here = scene()
    const { own } = pushOwn(here, '17000000001')
    here.fake.faults.push({ side: 'registry', answer: 503, times: 99 })
    expect(kept(await deleteRunArtifacts(packageRepositoryIn(here), own))).toHaveLength(1)
    expect(count(here.fake.log, 'delete version')).toBe(0)
  })

  test('lists in any order are read to their end', async () => {
    const here = scene({
      ...hostile,
      deepPages: calm.deepPages,
      checkAnswers: false,
      lists: { ...hostile.lists, lag: 0, freshGet: true },
    })
    fillHistory(here.fake.state, here.pkg, 60)
    const { own, pushed } = pushOwn(here, '17000000001')
    expect(kept(await deleteRunArtifacts(packageRepositoryIn(here), own))).toEqual([])
    expect(remains(here, allOf(pushed))).toEqual([])
    expect(brokenTags(here.fake.state)).toEqual([])
  })
})

test('a list that lags behind the push is read again, after pauses that grow, until the deadline', async () => {
  const here = scene()
  pushManifest(here.fake.state, here.pkg, { content: 'other' }, 'other')
  const { own, pushed } = pushOwn(here, '17000000001')
  const began = here.clock.now()
  const repository = packageRepositoryIn(here)
  const hidden = (until: number) => ({
    ...repository,
    backend: {
      ...repository.backend,
      async *list() {
        for await (const page of repository.backend.list())
          yield here.clock.now() < until ? page.filter(({ digest }) => !allOf(pushed).includes(digest)) : page
      },
    },
  })
  expect(await deleteRunArtifacts({ ...hidden(Infinity), deadline: began + 60_000 }, own)).toMatchObject([
    { subject: 'pr-17000000001', deleted: false, reason: expect.stringMatching(/does not list it yet/) },
  ])
  expect(here.clock.now() - began).toBeGreaterThanOrEqual(31_000)
  expect(await deleteRunArtifacts(hidden(here.clock.now() + 6000), own)).toEqual([
    { subject: 'pr-17000000001', deleted: true },
  ])
  expect(remains(here, allOf(pushed))).toEqual([])
})

test.each([
  [new RegistryError('r.example: could not be reached', { kind: 'network', host: 'r.example' }), true],
  [new NotDeletedError('503', new RegistryError('503', { kind: 'server', host: 'r.example' })), true],
  [new RegistryError('403', { kind: 'denied', host: 'r.example' }), false],
  [new Error('other'), false],
])('a registry that is down is left to the cleanup action: %s', (error, isLater) => {
  const { reason = '' } = toOutcome(error, 'pr-1')
  expect(reason.endsWith('. The `cleanup` action removes it later.')).toBe(isLater)
})
