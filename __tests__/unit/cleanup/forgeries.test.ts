import { describe, expect, test } from '@jest/globals'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { deleteRunArtifacts } from '../../../src/cleanup/run-image-cleanup.ts'
import { createRunStatusCache, createRunStatusFetcher } from '../../../src/forge/run-status.ts'
import { ownershipAnnotation } from '../../../src/run/names.ts'
import { brokenTags } from '../../ghcr/audit.ts'
import { days, hours } from '../../ghcr/clock.ts'
import { fillHistory, pushArtifact, pushIndex, pushManifest, pushRelease, retag } from '../../ghcr/histories.ts'
import type { Pushed } from '../../ghcr/histories.ts'
import { root } from '../../ghcr/permissions.ts'
import { declareRun, endRun, findRun } from '../../ghcr/runs.ts'
import { packageRepositoryIn, requestIn } from '../../prove/package-repository.ts'
import { allOf, annotationOf, pushOwn, scene, type Scene } from './scene.ts'

// The attacker may push to the repository, but not delete: the cleanup must not do it instead.

const run = '17000000001'
const annotation = { [ownershipAnnotation]: annotationOf(run) }

/** A release that is used by its digest, since its tag has moved on, and a run that ended afterwards. */
function begin(): { readonly here: Scene; readonly victim: Pushed } {
  const here = scene({ checkAnswers: false })
  fillHistory(here.fake.state, here.pkg, 2)
  const victim = pushRelease(here.fake.state, here.pkg, { content: 'victim' })
  here.clock.advance(hours)
  declareRun(here.fake.state, { repository: 'acme/shop', id: Number(run) })
  return { here, victim }
}

async function cleanUp(here: Scene, unmarked: 'auto' | 'keep' | 'delete' = 'auto') {
  const { fake, clock } = here
  if (findRun(fake.state, 'acme/shop', Number(run))?.status !== 'completed')
    endRun(fake.state, 'acme/shop', Number(run))
  here.clock.advance(4 * days)
  const fetchStatus = createRunStatusFetcher(requestIn(fake, root), 'acme/shop')
  return await cleanUpRepository(
    packageRepositoryIn(here),
    { tags: ['pr-*', 'build-*'], untagged: true, dryRun: false, unmarked },
    createRunStatusCache(fetchStatus, () => ({ now: clock.now(), olderThan: 3 * days })),
  )
}

const lost = ({ pkg }: Scene, digests: readonly string[]) => digests.filter((digest) => !pkg.active.has(digest))
const entry = (version: Pushed['index'], attests?: string) => ({
  version,
  platform: 'linux/amd64',
  ...(attests !== undefined && { attests }),
})

describe('an image that is used by its digest stays', () => {
  test('when its bytes are pushed under a temporary tag: only the tag is removed', async () => {
    const { here, victim } = begin()
    retag(here.fake.state, here.pkg, victim.index.digest, `pr-${run}`)
    const result = await cleanUp(here)
    expect(lost(here, allOf(victim))).toEqual([])
    expect(here.pkg.tags.has(`pr-${run}`)).toBe(false)
    expect(result.deleted).toEqual([
      expect.objectContaining({ subject: `pr-${run}`, reason: expect.stringContaining('nothing proves') }),
    ])
  })

  test('when an index under a temporary tag lists it', async () => {
    const { here, victim } = begin()
    const entries = [...victim.images.map((image) => entry(image)), entry(victim.index)]
    pushIndex(here.fake.state, here.pkg, entries, { annotations: {}, tag: `pr-${run}` })
    await cleanUp(here)
    expect(lost(here, allOf(victim))).toEqual([])
    expect(here.pkg.tags.has(`pr-${run}`)).toBe(false)
  })

  test.each(['', 'with a tag'])('when an index with a forged annotation calls it an attestation %s', async (tagged) => {
    const { here, victim } = begin()
    const gone = `sha256:${'1'.repeat(64)}`
    const entries = [...victim.images, ...victim.attestations, victim.index].map((version) => entry(version, gone))
    pushIndex(here.fake.state, here.pkg, entries, {
      annotations: annotation,
      tag: tagged === '' ? undefined : `pr-${run}`,
    })
    await cleanUp(here)
    expect(lost(here, allOf(victim))).toEqual([])
  })

  test.each(['', 'with a tag'])('when it is the subject of an artifact %s', async (tagged) => {
    const { here, victim } = begin()
    for (const version of [victim.index, ...victim.images])
      pushArtifact(here.fake.state, here.pkg, {
        content: version.digest,
        subject: version,
        annotations: annotation,
        ...(tagged !== '' && { tag: `pr-${run}` }),
      })
    await cleanUp(here)
    expect(lost(here, allOf(victim))).toEqual([])
  })

  test.each(['', '.sig', '.att', '.sbom'])('when a tag calls it sha256-…%s of a temporary image', async (suffix) => {
    const { here, victim } = begin()
    const { pushed } = pushOwn(here, run)
    for (const image of [pushed.index, ...pushed.images])
      for (const version of [victim.index, ...victim.images])
        retag(here.fake.state, here.pkg, version.digest, `${image.digest.replace(':', '-')}${suffix}`)
    await cleanUp(here)
    expect(lost(here, allOf(victim))).toEqual([])
    expect(lost(here, allOf(pushed))).toEqual(allOf(pushed))
  })

  test.each(['', '.sig'])('after the post step, when a tag calls it sha256-…%s of the run’s image', async (suffix) => {
    const { here, victim } = begin()
    const { own, pushed } = pushOwn(here, run)
    for (const image of [pushed.index, ...pushed.images])
      retag(here.fake.state, here.pkg, victim.index.digest, `${image.digest.replace(':', '-')}${suffix}`)
    await deleteRunArtifacts(packageRepositoryIn(here), own)
    expect(lost(here, allOf(victim))).toEqual([])
    expect(lost(here, allOf(pushed))).toEqual(allOf(pushed))
  })

  test('when a hostile node lists it in an index of the run, and every deletion is reported', async () => {
    const { here, victim } = begin()
    const { own, pushed } = pushOwn(here, run)
    const image = pushed.images[0]!
    const listed = [victim.index, ...victim.images, ...victim.attestations]
    const forged = [
      pushIndex(here.fake.state, here.pkg, [...listed.map((version) => entry(version))], { annotations: annotation }),
      pushIndex(here.fake.state, here.pkg, [entry(image), ...listed.map((one) => entry(one, image.digest))], {
        annotations: annotation,
      }),
    ]
    const deleted: string[] = []
    const manifests = [...own.manifests, ...forged.map(({ digest }) => digest)]
    await deleteRunArtifacts(packageRepositoryIn(here), { ...own, manifests }, (digest) => deleted.push(digest))
    expect(lost(here, allOf(victim))).toEqual([])
    expect(brokenTags(here.fake.state)).toEqual([])
    expect([...deleted].sort()).toEqual(lost(here, [...new Set([...allOf(pushed), ...manifests])]).sort())
    expect(lost(here, allOf(pushed))).toEqual(allOf(pushed))
  })
})

describe('content of another tool, without ownership annotation', () => {
  const version = { 'org.opencontainers.image.version': `pr-${run}-slim` }
  const foreign = { tag: `pr-${run}`, content: 'foreign', provenance: false }

  test('is deleted if it names its run itself, and was pushed while the run existed', async () => {
    const { here } = begin()
    const pushed = pushRelease(here.fake.state, here.pkg, { ...foreign, nonce: version })
    await cleanUp(here)
    expect(lost(here, allOf(pushed))).toEqual(allOf(pushed))
  })

  test.each<[string, Readonly<Record<string, string>> | undefined]>([
    ['nothing', undefined],
    ['another run', { 'org.opencontainers.image.version': 'pr-17000000002' }],
    ['a version', { 'org.opencontainers.image.version': '1.2.3' }],
  ])('stays if it names %s, and loses its tag', async (_, nonce) => {
    const { here } = begin()
    const pushed = pushRelease(here.fake.state, here.pkg, { ...foreign, ...(nonce && { nonce }) })
    await cleanUp(here)
    expect(lost(here, allOf(pushed))).toEqual([])
    expect(here.pkg.tags.has(`pr-${run}`)).toBe(false)
  })

  test('stays with `unmarked: keep`, and loses its tag', async () => {
    const { here } = begin()
    const pushed = pushRelease(here.fake.state, here.pkg, { ...foreign, nonce: version })
    await cleanUp(here, 'keep')
    expect(lost(here, allOf(pushed))).toEqual([])
    expect(here.pkg.tags.has(`pr-${run}`)).toBe(false)
  })

  test('is deleted with `unmarked: delete` if it was pushed while the run existed', async () => {
    const { here } = begin()
    const pushed = pushRelease(here.fake.state, here.pkg, foreign)
    await cleanUp(here, 'delete')
    expect(lost(here, allOf(pushed))).toEqual(allOf(pushed))
  })

  test.each(['auto', 'delete'] as const)('stays with `unmarked: %s` if it was pushed later', async (unmarked) => {
    const { here } = begin()
    endRun(here.fake.state, 'acme/shop', Number(run))
    here.clock.advance(hours)
    const pushed = pushRelease(here.fake.state, here.pkg, { ...foreign, nonce: version })
    await cleanUp(here, unmarked)
    expect(lost(here, allOf(pushed))).toEqual([])
  })
})

describe('a part of a release that was never merged', () => {
  const releasePart = { content: 'part', platforms: ['linux/amd64'] }

  function pushPart(here: Scene, { images, attestations }: Pick<Pushed, 'images' | 'attestations'>) {
    const attested = attestations.map((version, at) => entry(version, images[at]?.digest))
    const annotations = { ...annotation, 'io.github.multiarch-build.part.platform': 'linux/amd64' }
    const tag = `build-0123456-${run}-linux-amd64`
    return pushIndex(here.fake.state, here.pkg, [...images.map((image) => entry(image)), ...attested], {
      annotations,
      tag,
    })
  }

  /** With the part, and without the image index of the release. */
  function pushUnmerged(here: Scene) {
    const pushed = pushRelease(here.fake.state, here.pkg, releasePart)
    here.pkg.active.delete(pushed.index.digest)
    return { part: pushPart(here, pushed), ...pushed }
  }

  test('is deleted with its image and attestation with `unmarked: delete`', async () => {
    const { here } = begin()
    const { part, images, attestations } = pushUnmerged(here)
    await cleanUp(here, 'delete')
    const all = [part, ...images, ...attestations].map(({ digest }) => digest)
    expect(lost(here, all)).toEqual(all)
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test.each(['auto', 'keep'] as const)('is deleted without its image with `unmarked: %s`', async (unmarked) => {
    const { here } = begin()
    const { part, images } = pushUnmerged(here)
    await cleanUp(here, unmarked)
    const digests = [part, ...images].map(({ digest }) => digest)
    expect(lost(here, digests)).toEqual([part.digest])
    expect([...here.pkg.tags.keys()].filter((tag) => tag.startsWith('build-'))).toEqual([])
  })

  test.each([false, true])(
    'costs nothing if it is forged for a live image that is used by its digest; attested: %s',
    async (provenance) => {
      const { here } = begin()
      const live = provenance
        ? pushRelease(here.fake.state, here.pkg, { content: 'live' })
        : { images: [pushManifest(here.fake.state, here.pkg, { content: 'live' })], attestations: [] }
      const forged = pushPart(here, live)
      const before = [...here.pkg.active.keys()]
      await cleanUp(here)
      await cleanUp(here)
      expect(lost(here, before)).toEqual([forged.digest])
    },
  )

  test.each(['auto', 'delete'] as const)(
    'leaves an image that is older than its run, or that a release needs, with `unmarked: %s`',
    async (unmarked) => {
      const { here, victim } = begin()
      pushPart(here, victim)
      const release = pushRelease(here.fake.state, here.pkg, { tag: 'v9', content: 'merged' })
      pushPart(here, release)
      await cleanUp(here, unmarked)
      expect(lost(here, [...allOf(victim), ...allOf(release)])).toEqual([])
      expect(brokenTags(here.fake.state)).toEqual([])
    },
  )
})

describe('an image that somebody pushes by digest while a run exists stays', () => {
  /** Pushed while the attacker's run exists, in every form that has no ownership annotation. */
  const push = ({ fake: { state }, pkg }: Scene, form: string): string[] => {
    if (form === 'image') return [pushManifest(state, pkg, { content: 'live' }).digest]
    return allOf(pushRelease(state, pkg, { content: 'live', provenance: form === 'attested index' }))
  }

  test.each(['image', 'index', 'attested index'])('when the attacker tags the %s', async (form) => {
    const { here } = begin()
    const digests = push(here, form)
    digests.forEach((digest, at) => retag(here.fake.state, here.pkg, digest, `pr-${run}-${at}`))
    await cleanUp(here)
    expect(lost(here, digests)).toEqual([])
    expect([...here.pkg.tags.keys()].filter((tag) => tag.startsWith('pr-'))).toEqual([])
  })

  test.each(['image', 'index', 'attested index'])(
    'when an index that names the run lists the %s, with provenance of the run',
    async (form) => {
      const { here } = begin()
      const { state } = here.fake
      const digests = push(here, form)
      const entries = digests.flatMap((digest) => {
        const version = here.pkg.active.get(digest)!
        const payload = JSON.stringify({
          subject: [{ digest: { sha256: digest.slice('sha256:'.length) } }],
          predicate: { builder: { id: `https://github.com/acme/shop/actions/runs/${run}/attempts/1` } },
        })
        const layerType = 'application/vnd.in-toto+json'
        const provenance = pushArtifact(state, here.pkg, { content: digest, layerType, payload })
        return [entry(version), entry(provenance, digest)]
      })
      const annotations = { 'org.opencontainers.image.version': `pr-${run}` }
      const forged = pushIndex(state, here.pkg, entries, { annotations, tag: `pr-${run}` })
      await cleanUp(here)
      expect(lost(here, [...digests, forged.digest])).toEqual([forged.digest])
    },
  )

  test('when it is promoted by its digest from the images of the run, and tagged with the run', async () => {
    const { here } = begin()
    const { pushed } = pushOwn(here, run)
    const live = pushIndex(here.fake.state, here.pkg, [entry(pushed.images[0]!)], { annotations: { live: '1' } })
    retag(here.fake.state, here.pkg, live.digest, `pr-${run}-forged`)
    await cleanUp(here)
    expect(lost(here, [live.digest, pushed.images[0]!.digest])).toEqual([])
  })
})

test('the post step does not delete a release of its run, although another tag moved away from it', async () => {
  const { here } = begin()
  const { own, pushed } = pushOwn(here, run)
  const release = pushRelease(here.fake.state, here.pkg, { tag: 'latest', content: 'release' })
  const tag = `pr-${run}-release`
  retag(here.fake.state, here.pkg, release.index.digest, tag)
  retag(here.fake.state, here.pkg, here.pkg.tags.get('v1') ?? '', 'latest')
  const tags = [...own.tags, { tag, digest: release.index.digest }]
  const outcomes = await deleteRunArtifacts(packageRepositoryIn(here), { ...own, tags, kept: [release.index.digest] })
  expect(lost(here, allOf(release))).toEqual([])
  expect(lost(here, allOf(pushed))).toEqual(allOf(pushed))
  expect(here.pkg.tags.has(tag)).toBe(false)
  expect(outcomes).toContainEqual({ subject: tag, deleted: true })
})

test('nested indexes cost one request per manifest, and endless ones stop the cleanup', async () => {
  const { here } = begin()
  const { state } = here.fake
  const leaf = pushManifest(state, here.pkg, { content: 'leaf' })
  let pair = [entry(leaf)]
  for (let level = 0; level < 20; level++)
    pair = ['a', 'b'].map((side) =>
      entry(pushIndex(state, here.pkg, pair, { annotations: { level: `${level}${side}` } })),
    )
  pushIndex(state, here.pkg, pair, { annotations: { level: 'top' }, tag: 'nested' })
  const began = performance.now()
  const { own, pushed } = pushOwn(here, run)
  await deleteRunArtifacts(packageRepositoryIn(here), own)
  expect(lost(here, allOf(pushed))).toEqual(allOf(pushed))
  const result = await cleanUp(here)
  expect(result.audit?.broken).toEqual([])
  expect(performance.now() - began).toBeLessThan(10_000)
  let chain = leaf
  for (let level = 0; level < 40; level++)
    chain = pushIndex(state, here.pkg, [entry(chain)], { annotations: { chain: `${level}` } })
  retag(state, here.pkg, chain.digest, 'chain')
  const second = pushOwn(here, '17000000002', { content: 'two' })
  const outcomes = await deleteRunArtifacts(packageRepositoryIn(here), second.own)
  expect(outcomes.map(({ reason }) => reason)).toContainEqual(expect.stringContaining('levels deep'))
})
