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

async function cleanUp(here: Scene, unmarked: 'auto' | 'keep' = 'auto') {
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

describe('content of another tool, without annotation', () => {
  test('is deleted if it was pushed while its run existed', async () => {
    const { here } = begin()
    const pushed = pushRelease(here.fake.state, here.pkg, { tag: `pr-${run}`, content: 'foreign', provenance: false })
    await cleanUp(here)
    expect(lost(here, allOf(pushed))).toEqual(allOf(pushed))
  })

  test('stays with `unmarked: keep`, and loses its tag', async () => {
    const { here } = begin()
    const pushed = pushRelease(here.fake.state, here.pkg, { tag: `pr-${run}`, content: 'foreign', provenance: false })
    await cleanUp(here, 'keep')
    expect(lost(here, allOf(pushed))).toEqual([])
    expect(here.pkg.tags.has(`pr-${run}`)).toBe(false)
  })

  test('stays if it was pushed after its run had ended', async () => {
    const { here } = begin()
    endRun(here.fake.state, 'acme/shop', Number(run))
    here.clock.advance(hours)
    const pushed = pushRelease(here.fake.state, here.pkg, { tag: `pr-${run}`, content: 'late', provenance: false })
    await cleanUp(here)
    expect(lost(here, allOf(pushed))).toEqual([])
  })
})

describe('a part of a release that was never merged', () => {
  function pushPart(here: Scene, image: Pushed['index'], attestation?: Pushed['index']) {
    const attested = attestation ? [entry(attestation, image.digest)] : []
    const annotations = { ...annotation, 'io.github.multiarch-build.part.platform': 'linux/amd64' }
    const tag = `build-0123456-${run}-linux-amd64`
    return pushIndex(here.fake.state, here.pkg, [entry(image), ...attested], { annotations, tag })
  }

  test('is deleted with its image and attestation', async () => {
    const { here } = begin()
    const pushed = pushRelease(here.fake.state, here.pkg, { content: 'part', platforms: ['linux/amd64'] })
    const [[image], [attestation]] = [pushed.images, pushed.attestations]
    const part = pushPart(here, image ?? pushed.index, attestation)
    here.pkg.active.delete(pushed.index.digest)
    await cleanUp(here)
    const all = [part, image, attestation].flatMap((version) => version?.digest ?? [])
    expect(lost(here, all)).toEqual(all)
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('leaves an image that is older than its run, or that a release needs', async () => {
    const { here, victim } = begin()
    pushPart(here, victim.images[0] ?? victim.index)
    const release = pushRelease(here.fake.state, here.pkg, { tag: 'v9', content: 'merged' })
    pushPart(here, release.images[0] ?? release.index)
    await cleanUp(here)
    expect(lost(here, [...allOf(victim), ...allOf(release)])).toEqual([])
    expect(brokenTags(here.fake.state)).toEqual([])
  })
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
