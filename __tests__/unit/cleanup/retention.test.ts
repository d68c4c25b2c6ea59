import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createRunStatusCache } from '../../../src/forge/run-status.ts'
import type { RegistryCleanupRequest } from '../../../src/cleanup/mode.ts'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { decideRetention, maxExpired, type DatedTag, type RetentionRules } from '../../../src/cleanup/retention.ts'
import { brokenTags } from '../../ghcr/audit.ts'
import { days } from '../../ghcr/clock.ts'
import { fillHistory, pushArtifact, pushIndex, pushManifest, retag } from '../../ghcr/histories.ts'
import type { Version } from '../../ghcr/state.ts'
import { packageRepositoryIn } from '../../prove/package-repository.ts'
import { allOf, pushOwn, scene, type Scene } from './scene.ts'

const rules: RetentionRules = { patterns: ['nightly-*'], keep: 2, olderThan: 3 * days, now: 100 * days }

/** Tags of images of so many days ago; undefined: of unknown age. */
const tagsOf = (ages: Readonly<Record<string, number | undefined>>): DatedTag[] =>
  Object.entries(ages).map(([tag, age]) => ({
    tag,
    digest: `sha256:${tag}`,
    age: age === undefined ? { unknown: 'nothing tells' } : { publishedAt: rules.now - age * days },
  }))

const expired = (tags: readonly DatedTag[], more: Partial<RetentionRules> = {}) =>
  [...decideRetention(tags, { ...rules, ...more })].flatMap(([tag, { isExpired }]) => (isExpired ? [tag] : [])).sort()

describe('which tags expire', () => {
  test('all but the newest of those that are old enough', () => {
    const tags = tagsOf({ 'nightly-1': 10, 'nightly-2': 9, 'nightly-3': 8, 'nightly-4': 1, 'nightly-5': undefined })
    expect(expired(tags)).toEqual(['nightly-1'])
    const reasons = [...decideRetention(tags, rules)].map(([tag, { reason }]) => `${tag}: ${reason}`)
    expect(reasons).toEqual([
      'nightly-1: not one of the 2 newest of `nightly-*`',
      'nightly-2: one of the 2 newest of `nightly-*`.',
      'nightly-3: one of the 2 newest of `nightly-*`.',
      'nightly-4: the image is younger than `older-than`.',
      'nightly-5: its age is unknown: nothing tells.',
    ])
  })

  test('each pattern keeps its own; a tag of two patterns stays as long as one keeps it', () => {
    const tags = tagsOf({ 'nightly-1': 10, 'nightly-2': 9, 'rc-1': 12, 'rc-2': 11 })
    expect(expired(tags, { patterns: ['nightly-*', 'rc-*'], keep: 1 })).toEqual(['nightly-1', 'rc-1'])
    expect(expired(tags, { patterns: ['*-1', 'rc-*', 'nightly-*'], keep: 1 })).toEqual(['rc-1'])
  })

  test('none stays with 0', () => {
    expect(expired(tagsOf({ 'nightly-1': 10, 'nightly-2': 1 }), { keep: 0 })).toEqual(['nightly-1'])
  })

  test('two tags of an image count once, and images of the same date are treated alike', () => {
    const [one, two, three] = tagsOf({ 'nightly-1': 10, 'nightly-2': 9, 'nightly-3': 8 })
    const again = { ...three!, tag: 'nightly-3b' }
    expect(expired([one!, two!, three!, again])).toEqual(['nightly-1'])
    expect(expired(tagsOf({ 'nightly-1': 9, 'nightly-2': 9, 'nightly-3': 8 }))).toEqual([])
  })

  test('so many that one cleanup can delete all of them, the oldest first', () => {
    const ages = Object.fromEntries(Array.from({ length: maxExpired + 5 }, (_, at) => [`nightly-${at}`, 10 + at]))
    const found = expired(tagsOf(ages), { keep: 2 })
    expect(found).toHaveLength(maxExpired)
    expect(['nightly-2', 'nightly-3', 'nightly-4'].filter((tag) => found.includes(tag))).toEqual([])
  })

  test('never depend on the order of the tags, and at least `keep` images stay', () => {
    const anyTags = fc.array(fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }), { maxLength: 12 })
    fc.assert(
      fc.property(anyTags, fc.nat(4), (ages, keep) => {
        const tags = tagsOf(Object.fromEntries(ages.map((age, at) => [`nightly-${at}`, age])))
        const found = expired(tags, { keep })
        expect(expired([...tags].reverse(), { keep })).toEqual(found)
        const stays = tags.filter(({ tag }) => !found.includes(tag))
        expect(stays.length).toBeGreaterThanOrEqual(Math.min(keep, tags.length))
        // Nothing older than an expired image stays, except for the limit of one cleanup.
        for (const { tag, age } of tags.filter((one) => found.includes(one.tag)))
          for (const { age: other } of stays.filter((one) => one.age.publishedAt !== undefined))
            expect([tag, other.publishedAt! >= age.publishedAt!]).toEqual([tag, true])
      }),
    )
  })
})

const version = (tag: string) => ({ 'org.opencontainers.image.version': tag })

interface Night {
  readonly index: Version
  readonly images: readonly Version[]
  readonly attestations: readonly Version[]
}

/** An image of two platforms that names its tag itself, as docker/metadata-action writes it. */
function nightly(here: Scene, number: number, named = `nightly-${number}`): Night {
  const { state } = here.fake
  const annotations = named === '' ? {} : version(named)
  const time = new Date(here.clock.now()).toISOString()
  const platforms = ['linux/amd64', 'linux/arm64'].map((platform) => {
    const image = pushManifest(state, here.pkg, { content: `night ${number}`, platform, annotations })
    const attestation = pushManifest(state, here.pkg, { content: 'provenance', platform, attests: image.digest, time })
    return { platform, image, attestation }
  })
  const entries = platforms.flatMap(({ platform, image, attestation }) => [
    { platform, version: image },
    { platform, version: attestation, attests: image.digest },
  ])
  const index = pushIndex(state, here.pkg, entries, { annotations, tag: `nightly-${number}` })
  here.clock.advance(days)
  return {
    index,
    images: platforms.map(({ image }) => image),
    attestations: platforms.map(({ attestation }) => attestation),
  }
}

async function cleanUp(here: Scene, request: Partial<RegistryCleanupRequest> = {}) {
  const all = { tags: ['nightly-*'], untagged: true, dryRun: false, retention: { keep: 2, olderThan: 3 * days } }
  return await cleanUpRepository(
    packageRepositoryIn(here),
    { ...all, ...request },
    createRunStatusCache(
      () => Promise.resolve({ completed: true, createdAt: 0, endedAt: here.clock.now() - 5 * days }),
      () => ({ now: here.clock.now(), olderThan: 3 * days }),
    ),
  )
}

function used(): Scene {
  const here = scene({ checkAnswers: false })
  fillHistory(here.fake.state, here.pkg, 2)
  here.clock.advance(days)
  return here
}

const remaining = ({ pkg }: Scene, digests: readonly string[]) => digests.filter((digest) => pkg.active.has(digest))
const tagsIn = ({ pkg }: Scene) => [...pkg.tags.keys()].sort()
const topOf = ({ index, images, attestations }: Night) =>
  [index, ...images, ...attestations].map(({ digest }) => digest)

describe('retention on GitHub', () => {
  test('deletes whole images that are not among the newest; the report says why', async () => {
    const here = used()
    const nights = [1, 2, 3, 4].map((number) => nightly(here, number))
    here.clock.advance(3 * days)
    const { deleted, kept, audit } = await cleanUp(here)
    expect(tagsIn(here)).toEqual(['nightly-3', 'nightly-4', 'v1', 'v2'])
    for (const night of nights.slice(0, 2)) expect(remaining(here, topOf(night))).toEqual([])
    for (const night of nights.slice(2)) expect(remaining(here, topOf(night))).toEqual(topOf(night))
    expect(deleted.map(({ subject, reason }) => `${subject.replace(/ sha256:.*/, '')}: ${reason}`)).toContain(
      'nightly-1: not one of the 2 newest of `nightly-*`',
    )
    expect(kept.filter(({ subject }) => subject.startsWith('nightly-'))).toEqual(
      ['nightly-3', 'nightly-4'].map((subject) => ({ subject, reason: 'one of the 2 newest of `nightly-*`.' })),
    )
    expect(audit?.broken).toEqual([])
    expect((await cleanUp(here)).deleted).toEqual([])
  })

  test('deletes nothing else: other tags, untagged content, and what a kept image needs', async () => {
    const here = used()
    const nights = [1, 2, 3, 4].map((number) => nightly(here, number))
    retag(here.fake.state, here.pkg, nights[0]!.index.digest, 'stable')
    pushIndex(
      here.fake.state,
      here.pkg,
      nights[1]!.images.map((image) => ({ version: image, platform: 'linux/amd64' })),
      { tag: 'mine' },
    )
    here.clock.advance(3 * days)
    const { deleted } = await cleanUp(here)
    expect(tagsIn(here)).toEqual(['mine', 'nightly-3', 'nightly-4', 'stable', 'v1', 'v2'])
    expect(deleted.map(({ reason }) => reason)).toContain(
      'not one of the 2 newest of `nightly-*`; the image is kept, because it also has the tag stable',
    )
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test.each([
    ['auto', false, true],
    ['keep', true, true],
    ['delete', false, false],
  ] as const)('`unmarked: %s`', async (unmarked, staysNamed, staysOther) => {
    const here = used()
    const named = nightly(here, 1)
    const other = nightly(here, 2, '')
    const elsewhere = nightly(here, 3, 'v9')
    const [next, last] = [nightly(here, 4), nightly(here, 5)]
    here.clock.advance(3 * days)
    const { deleted } = await cleanUp(here, { unmarked })
    expect(tagsIn(here)).toEqual(['nightly-4', 'nightly-5', 'v1', 'v2'])
    expect(remaining(here, topOf(named)).length > 0).toBe(staysNamed)
    for (const pushed of [other, elsewhere]) expect(remaining(here, topOf(pushed)).length > 0).toBe(staysOther)
    for (const pushed of [next, last]) expect(remaining(here, topOf(pushed))).toEqual(topOf(pushed))
    if (unmarked === 'auto')
      expect(deleted).toContainEqual({
        subject: 'nightly-2',
        digest: '',
        reason:
          'not one of the 2 newest of `nightly-*`; the image is kept, because its annotations do not name such a tag',
      })
  })

  test('an index without the annotation is named by all of its images', async () => {
    const here = used()
    const { state } = here.fake
    const build = (number: number, named: readonly string[]) => {
      const images = named.map((tag, at) => {
        const platform = at === 0 ? 'linux/amd64' : 'linux/arm64'
        const content = `${number}`
        const time = new Date(here.clock.now()).toISOString().replace('Z', '123Z')
        return {
          version: pushManifest(state, here.pkg, { content, platform, annotations: version(tag), time }),
          platform,
        }
      })
      const index = pushIndex(state, here.pkg, images, { tag: `nightly-${number}` })
      here.clock.advance(days)
      return [index.digest, ...images.map((image) => image.version.digest)]
    }
    const [all, one] = [build(1, ['nightly-1', 'nightly-1']), build(2, ['nightly-2', 'v3'])]
    nightly(here, 3)
    nightly(here, 4)
    here.clock.advance(3 * days)
    await cleanUp(here)
    expect(remaining(here, all)).toEqual([])
    expect(remaining(here, one)).toEqual(one)
  })

  test('an image of a run stays until the run has finished', async () => {
    const here = used()
    const active = pushOwn(here, '17000000001', {}, 'nightly-1').pushed
    here.clock.advance(days)
    ;[2, 3].forEach((number) => nightly(here, number))
    here.clock.advance(3 * days)
    const { kept } = await cleanUpRepository(
      packageRepositoryIn(here),
      { tags: ['nightly-*'], untagged: true, dryRun: false, retention: { keep: 1, olderThan: days } },
      createRunStatusCache(
        () => Promise.resolve({ completed: false, createdAt: 0, endedAt: Infinity }),
        () => ({ now: here.clock.now(), olderThan: 0 }),
      ),
    )
    expect(remaining(here, allOf(active))).toEqual(allOf(active))
    expect(kept).toContainEqual({ subject: 'nightly-1', reason: 'run 17000000001 is still running.' })
    await cleanUp(here, { retention: { keep: 1, olderThan: days } })
    expect(remaining(here, allOf(active))).toEqual([])
  })

  test('signatures go with their image; neither they nor caches are images of the pattern', async () => {
    const here = used()
    const nights = [1, 2, 3].map((number) => nightly(here, number))
    const sign = (image: Version) => {
      const signature = pushArtifact(here.fake.state, here.pkg, { content: image.digest, subject: image })
      const entry = { version: signature, platform: 'linux/amd64' }
      return pushIndex(here.fake.state, here.pkg, [entry], { tag: image.digest.replace(':', '-') }).digest
    }
    const signatures = nights.map(({ index }) => sign(index))
    here.clock.advance(4 * days)
    await cleanUp(here, { tags: ['*'], excludeTags: ['v*'] })
    expect(remaining(here, signatures)).toEqual(signatures.slice(1))
    expect(tagsIn(here).filter((tag) => /^(night|v)/.test(tag))).toEqual(['nightly-2', 'nightly-3', 'v1', 'v2'])
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('excluded tags are not counted, and stay', async () => {
    const here = used()
    ;[1, 2, 3, 4].forEach((number) => nightly(here, number))
    here.clock.advance(3 * days)
    const { kept } = await cleanUp(here, { excludeTags: ['nightly-1', 'nightly-4'] })
    expect(tagsIn(here)).toEqual(['nightly-1', 'nightly-2', 'nightly-3', 'nightly-4', 'v1', 'v2'])
    expect(kept).toContainEqual({ subject: 'nightly-4', reason: 'it matches `exclude-tags`.' })
    await cleanUp(here, { excludeTags: ['nightly-1', 'nightly-4'], retention: { keep: 1, olderThan: days } })
    expect(tagsIn(here)).toEqual(['nightly-1', 'nightly-3', 'nightly-4', 'v1', 'v2'])
  })

  test('the dry run has the same plan', async () => {
    const here = used()
    ;[1, 2, 3, 4].forEach((number) => nightly(here, number))
    here.clock.advance(3 * days)
    const subjects = ({ deleted }: Awaited<ReturnType<typeof cleanUp>>) =>
      deleted.map(({ subject, reason }) => `${subject} ${reason}`).sort()
    const planned = await cleanUp(here, { dryRun: true })
    expect(tagsIn(here)).toHaveLength(6)
    expect(subjects(await cleanUp(here))).toEqual(subjects(planned))
    expect(planned.deleted.length).toBeGreaterThan(4)
  })
})

describe('images that may be newer than they look', () => {
  const isoOf = (time: number, fraction = '123') => new Date(time).toISOString().replace('Z', `${fraction}Z`)

  /** Without provenance: equal content has an equal digest. */
  function plain(here: Scene, content: string, tag: string, time: string): Version {
    const image = pushManifest(here.fake.state, here.pkg, { content, annotations: version('nightly-x'), time }, tag)
    here.clock.advance(days)
    return image
  }

  const reasonsOf = async (here: Scene) => {
    const { kept } = await cleanUp(here, { retention: { keep: 1, olderThan: 2 * days } })
    return Object.fromEntries(kept.map(({ subject, reason }) => [subject, reason]))
  }
  const maybeReproducible =
    'its age is unknown: it has neither provenance nor the time of its build, ' +
    'so it may be an older image that was pushed again.'
  const several =
    'its age is unknown: it has the tags nightly-1, nightly-3, so it may be an older image that was pushed again.'

  test('the same image is published again under another tag: A, B, A', async () => {
    const here = used()
    const time = isoOf(here.clock.now())
    plain(here, 'A', 'nightly-1', time)
    plain(here, 'B', 'nightly-2', isoOf(here.clock.now()))
    plain(here, 'A', 'nightly-3', time)
    here.clock.advance(2 * days)
    expect(await reasonsOf(here)).toEqual({
      'nightly-1': several,
      'nightly-2': 'one of the 1 newest of `nightly-*`.',
      'nightly-3': several,
    })
    expect(tagsIn(here)).toEqual(['nightly-1', 'nightly-2', 'nightly-3', 'v1', 'v2'])
  })

  test('the same image, with provenance, gets another tag by hand', async () => {
    const here = used()
    const { index } = nightly(here, 1)
    nightly(here, 2)
    retag(here.fake.state, here.pkg, index.digest, 'nightly-3')
    here.clock.advance(2 * days)
    expect(await reasonsOf(here)).toMatchObject({ 'nightly-1': several, 'nightly-3': several })
    expect(tagsIn(here)).toEqual(['nightly-1', 'nightly-2', 'nightly-3', 'v1', 'v2'])
  })

  test.each([
    ['a time that was set', (now: number) => isoOf(now).replace(/\.\d+/, '')],
    ['a time that was set in nanoseconds', (now: number) => isoOf(now).replace(/\.\d+/, '.000000000')],
    ['a cached step', (now: number) => isoOf(now - 2 * days)],
    ['no time', () => ''],
  ])('reproducible content that is pushed again under its only tag: %s', async (_, timeOf) => {
    const here = used()
    const time = timeOf(here.clock.now())
    plain(here, 'A', 'nightly-1', time)
    plain(here, 'B', 'nightly-1', isoOf(here.clock.now()))
    nightly(here, 2)
    plain(here, 'A', 'nightly-1', time)
    expect(await reasonsOf(here)).toMatchObject({ 'nightly-1': maybeReproducible })
    expect(tagsIn(here)).toEqual(['nightly-1', 'nightly-2', 'v1', 'v2'])
  })

  test('without provenance, the time of a build is enough', async () => {
    const here = used()
    for (const number of [1, 2, 3]) plain(here, `${number}`, `nightly-${number}`, isoOf(here.clock.now()))
    here.clock.advance(2 * days)
    await reasonsOf(here)
    expect(tagsIn(here)).toEqual(['nightly-3', 'v1', 'v2'])
  })
})
