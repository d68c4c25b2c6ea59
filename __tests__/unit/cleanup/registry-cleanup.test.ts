import { describe, expect, test } from '@jest/globals'
import { historyType } from '../../../src/run/names.ts'
import { createRunStatusCache, createRunStatusFetcher } from '../../../src/forge/run-status.ts'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { deleteRunArtifacts } from '../../../src/cleanup/run-image-cleanup.ts'
import { brokenTags, holdings, unneeded } from '../../ghcr/audit.ts'
import { count, forgetCalls } from '../../ghcr/call-log.ts'
import { days, hours } from '../../ghcr/clock.ts'
import { fillHistory, pushIndex, pushManifest, pushRelease, retag } from '../../ghcr/histories.ts'
import { root, type Token } from '../../ghcr/permissions.ts'
import { declareRun, endRun, forgetRun } from '../../ghcr/runs.ts'
import { packageRepositoryIn, requestIn } from '../../prove/package-repository.ts'
import { allOf, pushOwn, scene, type Scene } from './scene.ts'
import type { PackageVersion } from '../../../src/packages/backend.ts'
import type { RegistryCleanupRequest } from '../../../src/cleanup/mode.ts'
import { ownershipAnnotation } from '../../../src/run/names.ts'

const defaults: RegistryCleanupRequest = { tags: ['pr-*', 'build-*'], untagged: true, dryRun: false }

async function run(
  here: Scene,
  request: Partial<RegistryCleanupRequest> = {},
  token: Token = root,
  packages = packageRepositoryIn({ ...here, token }),
) {
  const ask = createRunStatusFetcher(requestIn(here.fake, token), 'acme/shop')
  const rules = () => ({ now: here.clock.now(), olderThan: 3 * days, runId: request.runId })
  return await cleanUpRepository(packages, { ...defaults, ...request }, createRunStatusCache(ask, rules))
}

/** A run that pushed, and died `ago` without post. */
function deadRun(here: Scene, id: string, ago = 4 * days, tag?: string) {
  declareRun(here.fake.state, { repository: 'acme/shop', id: Number(id) })
  const made = pushOwn(here, id, { content: id }, tag)
  endRun(here.fake.state, 'acme/shop', Number(id), 'cancelled')
  here.clock.advance(ago)
  return made.pushed
}

function used(): Scene {
  const here = scene({ checkAnswers: false })
  fillHistory(here.fake.state, here.pkg, 3)
  return here
}

const remaining = ({ pkg }: Scene, digests: readonly string[]) => digests.filter((digest) => pkg.active.has(digest))

describe('leftovers of a finished run', () => {
  test.each(['pr-17000000001', 'pr-17000000001-slim', 'build-0123456789abcdef-17000000001-linux'])(
    'under %s goes with all that is under it, and nothing else',
    async (tag) => {
      const here = used()
      const before = holdings(here.pkg)
      const pushed = deadRun(here, '17000000001', 4 * days, tag)
      forgetCalls(here.fake.log)
      const result = await run(here)
      expect(remaining(here, allOf(pushed))).toEqual([])
      expect(holdings(here.pkg)).toMatchObject({ tags: before.tags, active: before.active })
      expect(result.deleted).toHaveLength(7)
      expect(result.audit).toEqual({ tags: 3, broken: [] })
      expect(count(here.fake.log, 'rest')).toBeLessThanOrEqual(result.pages() + 3 * 7)
      expect((await run(here)).deleted).toEqual([])
    },
  )

  test('of other tools goes too with `unmarked: delete`: nothing that stays needs it', async () => {
    const here = used()
    declareRun(here.fake.state, { repository: 'acme/shop', id: 17000000001 })
    const pushed = pushRelease(here.fake.state, here.pkg, {
      tag: 'pr-17000000001',
      content: 'release 2',
      platforms: ['linux/amd64', 'linux/s390x'],
      provenance: false,
    })
    endRun(here.fake.state, 'acme/shop', 17000000001)
    here.clock.advance(4 * days)
    await run(here, { unmarked: 'delete' })
    expect(brokenTags(here.fake.state)).toEqual([])
    expect(here.pkg.tags.has('pr-17000000001')).toBe(false)
    expect(here.pkg.active.has(pushed.images[0]!.digest)).toBe(true)
    expect(here.pkg.active.has(pushed.images[1]!.digest)).toBe(false)
  })

  test('whose time comes during the cleanup stays whole until the next one', async () => {
    const here = used()
    const first = deadRun(here, '17000000001', days)
    const second = deadRun(here, '17000000002', 3 * days - hours)
    here.fake.beforeEach = (call) => {
      if (call.endpoint === 'delete version') here.clock.advance(hours)
      expect(brokenTags(here.fake.state)).toEqual([])
    }
    await run(here)
    expect(remaining(here, allOf(first))).toEqual([])
    expect(remaining(here, allOf(second))).toEqual(allOf(second))
    await run(here)
    expect(remaining(here, allOf(second))).toEqual([])
  })

  test('untagged: with the mark of its run', async () => {
    const here = used()
    const pushed = deadRun(here, '17000000001')
    pushRelease(here.fake.state, here.pkg, { tag: 'pr-17000000001', content: 'release 3' })
    here.pkg.tags.set('main', here.pkg.tags.get('pr-17000000001')!)
    await run(here, { tags: ['nothing-*'] })
    expect(remaining(here, allOf(pushed))).toEqual([])
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('caches that a later push replaced', async () => {
    const here = used()
    const config = (content: string) => ({ content })
    const cacheOf = (name: string) => {
      const version = pushManifest(here.fake.state, here.pkg, config(name))
      const manifest = here.pkg.manifests.get(version.digest)!
      const body = manifest.body.replace(
        'application/vnd.oci.image.config.v1+json',
        'application/vnd.buildkit.cacheconfig.v0',
      )
      return body
    }
    const { parseManifest, mediaTypes } = await import('../../ghcr/manifest.ts')
    const { putManifest } = await import('../../ghcr/push.ts')
    const put = (name: string) => {
      const parsed = parseManifest(mediaTypes.ociManifest, cacheOf(name))
      if (typeof parsed === 'string') throw new Error(parsed)
      return putManifest(here.fake.state, here.pkg, parsed, 'buildcache-linux-amd64')
    }
    const [old, now] = [put('one'), put('two')]
    await run(here)
    expect([here.pkg.active.has(old.digest), here.pkg.active.has(now.digest)]).toEqual([false, true])
  })

  test('times of earlier runs that a later run replaced, and those whose cache is deleted', async () => {
    const here = used()
    const { parseManifest, mediaTypes } = await import('../../ghcr/manifest.ts')
    const { putManifest } = await import('../../ghcr/push.ts')
    const put = (content: string, type: string, ...tags: string[]) => {
      const version = pushManifest(here.fake.state, here.pkg, { content })
      const { body } = here.pkg.manifests.get(version.digest)!
      const parsed = parseManifest(
        mediaTypes.ociManifest,
        body.replace('application/vnd.oci.image.config.v1+json', type),
      )
      if (typeof parsed === 'string') throw new Error(parsed)
      return tags.map((tag) => putManifest(here.fake.state, here.pkg, parsed, tag).digest)[0] ?? ''
    }
    const cache = put('cache', 'application/vnd.buildkit.cacheconfig.v0', 'buildcache-linux-amd64')
    const replaced = put('one', historyType, 'buildcache-linux-amd64-stats')
    const current = put('two', historyType, 'buildcache-linux-amd64-stats')
    const lonely = put('three', historyType, 'buildcache-linux-arm64-stats')
    const alsoTagged = put('four', historyType, 'buildcache-linux-s390x-stats', 'mine')
    const forged = put('five', 'application/vnd.oci.image.config.v1+json', 'buildcache-linux-386-stats')
    await run(here)
    const left = [cache, replaced, current, lonely, alsoTagged, forged].map((digest) => here.pkg.active.has(digest))
    expect(left).toEqual([true, false, true, false, true, true])
    expect(brokenTags(here.fake.state)).toEqual([])
  })
})

describe('stays', () => {
  test.each<[string, (here: Scene) => void, RegExp]>([
    [
      'an active run',
      (here) =>
        void declareRun(here.fake.state, {
          repository: 'acme/shop',
          id: 17000000001,
          status: 'in_progress',
          conclusion: null,
        }),
      /still running/,
    ],
    [
      'a run that was started again',
      (here) =>
        void declareRun(here.fake.state, { repository: 'acme/shop', id: 17000000001, status: 'queued', attempt: 2 }),
      /still running/,
    ],
    [
      'a run that ended lately',
      (here) => void endRun(here.fake.state, 'acme/shop', 17000000001),
      /ended only 2 h ago, which is less than `older-than`/,
    ],
    [
      'an unknown run',
      (here) => void forgetRun(here.fake.state, 'acme/shop', 17000000001),
      /run 17000000001 not found/,
    ],
  ])('what is of %s', async (_, change, reason) => {
    const here = used()
    const pushed = deadRun(here, '17000000001')
    change(here)
    here.clock.advance(2 * hours)
    const result = await run(here)
    expect(remaining(here, allOf(pushed))).toHaveLength(7)
    expect(result).toMatchObject({
      deleted: [],
      kept: [{ subject: 'pr-17000000001', reason: expect.stringMatching(reason) }],
    })
  })

  test('everything if the token may not read runs', async () => {
    const here = used()
    deadRun(here, '17000000001')
    const result = await run(here, {}, { kind: 'actions', repository: 'acme/shop', packages: 'write', actions: 'none' })
    expect(result).toMatchObject({
      deleted: [],
      kept: [{ reason: expect.stringMatching(/permissions: actions: read/) }],
    })
  })

  test('what bears the number of a pull request', async () => {
    const here = used()
    declareRun(here.fake.state, { repository: 'acme/shop', id: 17 })
    endRun(here.fake.state, 'acme/shop', 17)
    pushRelease(here.fake.state, here.pkg, { tag: 'pr-17', content: 'somebody’s' })
    here.clock.advance(100 * days)
    expect(await run(here)).toMatchObject({
      deleted: [],
      kept: [{ subject: 'pr-17', reason: expect.stringMatching(/pull request number/) }],
    })
  })

  test('what another tag has: only the temporary one goes', async () => {
    const here = used()
    const pushed = deadRun(here, '17000000001')
    pushRelease(here.fake.state, here.pkg, {
      tag: 'stable',
      content: '17000000001',
      nonce: { [ownershipAnnotation]: '17000000001-1-mab' },
    })
    const result = await run(here)
    expect([...here.pkg.tags.keys()]).toEqual(['v1', 'v2', 'v3', 'stable'])
    expect(brokenTags(here.fake.state)).toEqual([])
    expect(remaining(here, allOf(pushed))).toHaveLength(7)
    expect(result.audit?.broken).toEqual([])
  })

  test('what was promoted, and what that needs', async () => {
    const here = used()
    const pushed = deadRun(here, '17000000001')
    pushIndex(here.fake.state, here.pkg, [{ version: pushed.images[0]!, platform: 'linux/amd64' }], {
      annotations: {},
      tag: 'promoted',
    })
    await run(here)
    expect(brokenTags(here.fake.state)).toEqual([])
    expect(remaining(here, allOf(pushed))).toEqual([pushed.images[0]!.digest])
  })
})

test('an unknown run is over if a later one is long over', async () => {
  const here = used()
  const pushed = deadRun(here, '17000000001')
  forgetRun(here.fake.state, 'acme/shop', 17000000001)
  deadRun(here, '17000000002', 70 * days)
  await run(here)
  expect(remaining(here, allOf(pushed))).toEqual([])
})

test('`run-id` deletes images of that run, regardless of age', async () => {
  const here = used()
  const older = deadRun(here, '17000000001')
  declareRun(here.fake.state, { repository: 'acme/shop', id: 17000000002 })
  const { pushed } = pushOwn(here, '17000000002', { content: 'two' })
  const { deleted } = await run(here, { runId: '17000000002' })
  expect(remaining(here, allOf(pushed))).toEqual([])
  expect(remaining(here, allOf(older))).toHaveLength(7)
  // The run is still active, so no reason says that it has finished.
  const reasons = deleted.map(({ reason }) => reason)
  expect(reasons).toContain('it belongs to run 17000000002, which `run-id` names')
  expect(reasons).toContain('`run-id` names its run, and nothing refers to it')
  expect(reasons.join()).not.toContain('finished')
})

test('`dry-run` reports the same and deletes nothing', async () => {
  const here = used()
  deadRun(here, '17000000001')
  const before = holdings(here.pkg)
  const told = await run(here, { dryRun: true })
  expect(holdings(here.pkg)).toEqual(before)
  const done = await run(here)
  expect(told.deleted.map(({ digest }) => digest).sort()).toEqual(done.deleted.map(({ digest }) => digest).sort())
  expect([...told.blobs]).toEqual([...done.blobs])
})

test('a version that a killed cleanup deleted and that was promoted meanwhile is restored', async () => {
  const here = used()
  const pushed = deadRun(here, '17000000001')
  let deletions = 0
  here.fake.beforeEach = (call) => {
    if (call.endpoint !== 'delete version') return
    if (++deletions === 2)
      pushIndex(
        here.fake.state,
        here.pkg,
        [
          { version: pushed.images[0]!, platform: 'linux/amd64' },
          { version: pushed.images[1]!, platform: 'linux/arm64' },
        ],
        { annotations: {}, tag: 'promoted' },
      )
    if (deletions === 3) throw new Error('killed')
  }
  await run(here).catch(() => undefined)
  delete here.fake.beforeEach
  await run(here)
  expect(brokenTags(here.fake.state)).toEqual([])
  expect(unneeded(here.pkg).filter((digest) => allOf(pushed).includes(digest))).toEqual([])
})

test('a cleanup with nothing to delete restores what a killed post step deleted', async () => {
  const here = used()
  declareRun(here.fake.state, { repository: 'acme/shop', id: 17000000001 })
  const { own, pushed } = pushOwn(here, '17000000001')
  let deletions = 0
  here.fake.beforeEach = (call) => {
    if (call.endpoint === 'delete version') deletions++
    if (deletions > 2) throw new Error('killed')
    const entries = pushed.images.map((version) => ({ version, platform: 'linux/amd64' }))
    if (call.endpoint === 'delete version' && deletions === 2)
      pushIndex(here.fake.state, here.pkg, entries, { annotations: {}, tag: 'promoted' })
  }
  await deleteRunArtifacts(packageRepositoryIn(here), own)
  delete here.fake.beforeEach
  expect(brokenTags(here.fake.state)).toMatchObject([{ tag: 'promoted' }])
  const { deleted, restored, audit } = await run(here)
  expect({ deleted, broken: audit?.broken }).toEqual({ deleted: [], broken: [] })
  expect(restored).toHaveLength(1)
  expect(brokenTags(here.fake.state)).toEqual([])
})

test('an index that gets a tag during the deletions stays, even if the API does not show it yet', async () => {
  const here = used()
  declareRun(here.fake.state, { repository: 'acme/shop', id: 17000000001 })
  const { index, images } = pushOwn(here, '17000000001', { provenance: false }).pushed
  endRun(here.fake.state, 'acme/shop', 17000000001)
  const entries = images.map((version) => ({ version, platform: 'linux/amd64' }))
  pushIndex(here.fake.state, here.pkg, entries, { annotations: {}, tag: 'promoted' })
  pushRelease(here.fake.state, here.pkg, { tag: 'pr-17000000001', content: 'newer' })
  const other = deadRun(here, '17000000002')
  let deletions = 0
  here.fake.beforeEach = (call) => {
    // After the two indexes with temporary tags are deleted, all tags are read again.
    if (call.endpoint === 'delete version' && ++deletions === 3)
      retag(here.fake.state, here.pkg, index.digest, 'stable')
  }
  const packages = packageRepositoryIn({ ...here, token: root })
  const withoutTag = async (version: PackageVersion) => {
    const found = await packages.backend.read(version)
    return found?.digest === index.digest ? { ...found, tags: [] } : found
  }
  await run(here, {}, root, { ...packages, backend: { ...packages.backend, read: withoutTag } })
  expect(remaining(here, allOf(other))).toEqual([])
  expect(here.pkg.tags.get('stable')).toBe(index.digest)
  expect(brokenTags(here.fake.state)).toEqual([])
})

test('other patterns: only tags that match are reported, with the reason why they stay', async () => {
  const here = used()
  deadRun(here, '17000000001')
  pushManifest(here.fake.state, here.pkg, { content: 'preview' }, 'preview-main')
  const { kept } = await run(here, { tags: ['preview-*'] })
  expect(kept.filter(({ subject }) => !subject.startsWith('sha256:'))).toEqual([
    { subject: 'preview-main', reason: expect.stringMatching(/does not contain the id of a run/) },
  ])
})

test.each(['list', 'read', 'remove'] as const)(
  'an internal error in `%s` stops the cleanup and is reported',
  async (name) => {
    const here = used()
    const pushed = deadRun(here, '17000000001')
    const bug = new TypeError('undefined is not a function')
    const packages = packageRepositoryIn({ ...here, token: root })
    const backend = {
      ...packages.backend,
      [name]: () => {
        throw bug
      },
    }
    const result = await run(here, {}, root, { ...packages, backend })
    expect(result.errors).toEqual([bug])
    expect(result.kept).toContainEqual({ subject: '', reason: `${bug.message} Nothing more was deleted.` })
    expect([result.deleted, remaining(here, allOf(pushed))]).toEqual([[], allOf(pushed)])
    expect((await run(here)).errors).toEqual([])
  },
)
