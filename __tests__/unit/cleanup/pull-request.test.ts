import { describe, expect, test } from '@jest/globals'
import { createRunStatusCache, createRunStatusFetcher } from '../../../src/forge/run-status.ts'
import type { RegistryCleanupRequest } from '../../../src/cleanup/mode.ts'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { ownershipAnnotations, pullRequestId } from '../../../src/run/names.ts'
import { brokenTags } from '../../ghcr/audit.ts'
import { count } from '../../ghcr/call-log.ts'
import { days, hours } from '../../ghcr/clock.ts'
import { fillHistory, pushIndex, pushRelease, retag } from '../../ghcr/histories.ts'
import { root } from '../../ghcr/permissions.ts'
import { declareRun, endRun } from '../../ghcr/runs.ts'
import { packageRepositoryIn, requestIn } from '../../prove/package-repository.ts'
import { allOf, annotationOf, pushOwn, scene, type Scene } from './scene.ts'

const shop = { serverUrl: 'https://github.com', repository: 'acme/shop' }
const seven = pullRequestId(shop, '7')

async function cleanUp(here: Scene, request: Partial<RegistryCleanupRequest> = {}) {
  const ask = createRunStatusFetcher(requestIn(here.fake, root), 'acme/shop')
  return await cleanUpRepository(
    packageRepositoryIn(here),
    { tags: ['pr-*', 'build-*'], untagged: true, dryRun: false, pullRequest: seven, ...request },
    createRunStatusCache(ask, () => ({ now: here.clock.now(), olderThan: 0 })),
  )
}

/** What a run pushed for a pull request, by default one that has just ended. */
function build(here: Scene, id: string, { pullRequest = seven, isActive = false, tag = `pr-${id}` } = {}) {
  declareRun(here.fake.state, { repository: 'acme/shop', id: Number(id) })
  const nonce = ownershipAnnotations(annotationOf(id), pullRequest)
  const { pushed } = pushOwn(here, id, { content: id, nonce }, tag)
  if (!isActive) endRun(here.fake.state, 'acme/shop', Number(id))
  here.clock.advance(1000)
  return pushed
}

function used(): Scene {
  const here = scene({ checkAnswers: false })
  fillHistory(here.fake.state, here.pkg, 2)
  return here
}

const remaining = ({ pkg }: Scene, digests: readonly string[]) => digests.filter((digest) => pkg.active.has(digest))

describe('the cleanup of a pull request', () => {
  test('deletes what its finished runs pushed, however young, and nothing else', async () => {
    const here = used()
    const [first, second] = ['17000000001', '17000000002'].map((id) => build(here, id))
    const others = [
      build(here, '17000000003', { pullRequest: pullRequestId(shop, '77') }),
      build(here, '17000000004', { pullRequest: pullRequestId({ ...shop, repository: 'acme/fork' }, '7') }),
      pushOwn(here, '17000000005', { content: 'push' }).pushed,
      pushRelease(here.fake.state, here.pkg, { tag: 'pr-7', content: 'named' }),
    ]
    endRun(here.fake.state, 'acme/shop', 17000000005)
    const result = await cleanUp(here)
    expect(remaining(here, [...allOf(first!), ...allOf(second!)])).toEqual([])
    for (const other of others) expect(remaining(here, allOf(other))).toEqual(allOf(other))
    expect(result.deleted.map(({ reason }) => reason)).toContain('run 17000000001 of pull request 7 has finished')
    expect([result.kept, result.audit]).toEqual([[], { tags: 6, broken: [] }])
  })

  test('reads the status of its own runs only', async () => {
    const here = used()
    build(here, '17000000001')
    build(here, '17000000003', { pullRequest: pullRequestId(shop, '77') })
    const asked: string[] = []
    here.fake.beforeEach = ({ endpoint, path }) => {
      if (endpoint === 'get run') asked.push(path.split('/').at(-1) ?? '')
    }
    await cleanUp(here)
    expect([...new Set(asked)]).toEqual(['17000000001'])
    expect(count(here.fake.log, 'rest')).toBeGreaterThan(0)
  })

  test('keeps the image of a run that goes on, and of one that is started again meanwhile', async () => {
    const here = used()
    const active = build(here, '17000000001', { isActive: true })
    const again = build(here, '17000000002')
    here.fake.beforeEach = ({ endpoint }) => {
      if (endpoint === 'get tags')
        declareRun(here.fake.state, { repository: 'acme/shop', id: 17000000002, status: 'in_progress', attempt: 2 })
    }
    const { kept } = await cleanUp(here)
    for (const pushed of [active, again]) expect(remaining(here, allOf(pushed))).toEqual(allOf(pushed))
    expect(kept).toContainEqual({ subject: 'pr-17000000001', reason: 'run 17000000001 is still running.' })
  })

  test('keeps an image that has another tag, or the tag of a run that goes on', async () => {
    const here = used()
    const [promoted, moved] = [build(here, '17000000001'), build(here, '17000000002')]
    retag(here.fake.state, here.pkg, promoted.index.digest, 'stable')
    declareRun(here.fake.state, { repository: 'acme/shop', id: 17000000009 })
    retag(here.fake.state, here.pkg, moved.index.digest, 'pr-17000000009')
    await cleanUp(here)
    const tags = [...here.pkg.tags.keys()]
    expect([tags.includes('stable'), tags.includes('pr-17000000009')]).toEqual([true, true])
    expect(tags.includes('pr-17000000001')).toBe(false)
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('requires a tag that matches `tags`, and no id of a run in it', async () => {
    const here = used()
    const preview = build(here, '17000000001', { tag: 'preview-7' })
    const other = build(here, '17000000002', { tag: 'shown-7' })
    await cleanUp(here, { tags: ['preview-*'] })
    expect(remaining(here, allOf(preview))).toEqual([])
    expect(remaining(here, allOf(other)).length).toBeGreaterThan(0)
    expect(here.pkg.tags.get('shown-7')).toBe(other.index.digest)
  })

  test('trusts no tag and no index about another image', async () => {
    const here = used()
    const victim = pushRelease(here.fake.state, here.pkg, { content: 'pinned' })
    declareRun(here.fake.state, { repository: 'acme/shop', id: 17000000001 })
    retag(here.fake.state, here.pkg, victim.index.digest, 'pr-17000000001-7')
    const foreign = build(here, '17000000002', { pullRequest: pullRequestId(shop, '8') })
    const annotations = ownershipAnnotations('17000000001-1-forged', seven)
    const entries = [...victim.images, ...foreign.images].map((version) => ({ version, platform: 'linux/amd64' }))
    pushIndex(here.fake.state, here.pkg, entries, { annotations, tag: 'pr-17000000001' })
    endRun(here.fake.state, 'acme/shop', 17000000001)
    await cleanUp(here)
    expect(here.pkg.tags.has('pr-17000000001')).toBe(false)
    for (const pushed of [victim, foreign]) expect(remaining(here, allOf(pushed))).toEqual(allOf(pushed))
  })

  test('continues after it was killed', async () => {
    const here = used()
    const pushed = build(here, '17000000001')
    let [deletions, limit] = [0, 2]
    here.fake.beforeEach = ({ endpoint }) => {
      if (endpoint === 'delete version' && ++deletions > limit) throw new Error('killed')
    }
    await cleanUp(here)
    expect(remaining(here, allOf(pushed)).length).toBeGreaterThan(2)
    limit = Infinity
    await cleanUp(here)
    expect(remaining(here, allOf(pushed))).toEqual([])
    expect(brokenTags(here.fake.state)).toEqual([])
  })
})

describe('`exclude-tags`', () => {
  test('keeps an image with all of its tags, and its history, in every mode', async () => {
    const here = used()
    const [kept, deleted] = ['17000000001', '17000000002'].map((id) => build(here, id))
    retag(here.fake.state, here.pkg, kept!.index.digest, 'keep-1')
    here.clock.advance(4 * days)
    for (const request of [{}, { pullRequest: undefined }, { pullRequest: undefined, runId: '17000000001' }]) {
      const { kept: lines } = await cleanUp(here, { ...request, excludeTags: ['keep-*'] })
      expect(remaining(here, allOf(kept!)).length).toBeGreaterThanOrEqual(5)
      expect([here.pkg.tags.has('pr-17000000001'), here.pkg.tags.has('keep-1')]).toEqual([true, true])
      if (!('runId' in request))
        expect(lines).toContainEqual({
          subject: 'pr-17000000001',
          reason: 'its image also has the tag keep-1, which matches `exclude-tags`.',
        })
    }
    expect(remaining(here, allOf(deleted!))).toEqual([])
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('names a tag that would be deleted otherwise', async () => {
    const here = used()
    build(here, '17000000001')
    here.clock.advance(hours)
    const { kept, deleted } = await cleanUp(here, { excludeTags: ['*-17000000001', 'x'] })
    expect(kept).toContainEqual({ subject: 'pr-17000000001', reason: 'it matches `exclude-tags`.' })
    expect(deleted).toEqual([])
  })
})
