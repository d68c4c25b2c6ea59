import { describe, expect, test } from '@jest/globals'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { createRunStatusCache, createRunStatusFetcher } from '../../../src/forge/run-status.ts'
import { days, hours } from '../../ghcr/clock.ts'
import { root } from '../../ghcr/permissions.ts'
import { declareRun, endRun } from '../../ghcr/runs.ts'
import { artifactsByRepository } from '../../../src/cleanup/run-artifacts.ts'
import { deleteRunArtifacts } from '../../../src/cleanup/run-image-cleanup.ts'
import type { Entry } from '../../../src/run/journal.ts'
import { ownershipAnnotation } from '../../../src/run/names.ts'
import { brokenTags } from '../../ghcr/audit.ts'
import { pushIndex, pushRelease, retag, type Pushed } from '../../ghcr/histories.ts'
import { packageRepositoryIn, requestIn } from '../../prove/package-repository.ts'
import { allOf, annotationOf, pushOwn, scene, type Scene } from './scene.ts'

const run = '17000000001'
const repository = { registry: 'ghcr.io', path: 'acme/shop/api' }
const platforms = ['linux/amd64', 'linux/arm64']
const partOwner = annotationOf(run, 'part')
const mergeOwner = annotationOf(run, 'merge')

interface Part {
  readonly tag: string
  readonly digest: string
}

/** What the build jobs push: the images, BuildKit's index of each, and a part of each. */
function pushParts(here: Scene, isTemporary: boolean): { readonly pushed: Pushed; readonly parts: readonly Part[] } {
  const { state } = here.fake
  const nonce = { [ownershipAnnotation]: partOwner }
  const pushed = pushRelease(state, here.pkg, { content: 'app', ...(isTemporary && { nonce }) })
  const parts = pushed.images.map((image, at): Part => {
    const tag = `build-0123456-${run}-linux-${at}`
    const [platform = '', attestation] = [platforms[at], pushed.attestations[at]]
    const attested = attestation ? [{ version: attestation, platform, attests: image.digest }] : []
    const annotations = { [ownershipAnnotation]: partOwner, part: platform }
    return {
      tag,
      digest: pushIndex(state, here.pkg, [{ version: image, platform }, ...attested], { annotations, tag }).digest,
    }
  })
  return { pushed, parts }
}

type Cleanup = Parameters<typeof artifactsByRepository>[1]

async function undo(here: Scene, entries: readonly Entry[], owner: string, cleanup: Cleanup = 'auto') {
  const [own] = artifactsByRepository(entries, cleanup, owner)
  if (!own) throw new Error('nothing to undo')
  return await deleteRunArtifacts(packageRepositoryIn(here), own)
}

const remains = ({ pkg }: Scene, digests: readonly string[]) => digests.filter((digest) => pkg.active.has(digest))
const partDigests = (parts: readonly Part[]) => parts.map(({ digest }) => digest)

test.each(['auto', 'never'] as const)(
  'a build job whose main was successful keeps its parts, and deletes the indexes of BuildKit: %s',
  async (cleanup) => {
    const here = scene()
    const { pushed, parts } = pushParts(here, true)
    const built = pushed.perPlatform.map(({ digest }): Entry => ({ kind: 'manifest', ...repository, digest }))
    const tagged = parts.flatMap(({ tag, digest }): Entry[] => [
      { kind: 'manifest', ...repository, digest },
      { kind: 'tag', ...repository, tag, digest, ephemeral: true },
      { kind: 'part', ...repository, tag, digest },
    ])
    expect(await undo(here, [...built, ...tagged], partOwner, cleanup)).toEqual([])
    expect(
      remains(
        here,
        pushed.perPlatform.map(({ digest }) => digest),
      ),
    ).toEqual([])
    expect(remains(here, partDigests(parts))).toEqual(partDigests(parts))
    expect(brokenTags(here.fake.state)).toEqual([])
  },
)

test('a build job whose main failed deletes its parts with their images', async () => {
  const here = scene()
  pushRelease(here.fake.state, here.pkg, { tag: 'v1', content: 'other' })
  const { pushed, parts } = pushParts(here, true)
  const tagged = [
    ...[pushed.index, ...pushed.perPlatform].map(({ digest }): Entry => ({ kind: 'manifest', ...repository, digest })),
    ...parts.map(({ tag, digest }): Entry => ({ kind: 'tag', ...repository, tag, digest, ephemeral: true })),
  ]
  expect(await undo(here, tagged, partOwner)).toEqual(parts.map(({ tag }) => ({ subject: tag, deleted: true })))
  expect(remains(here, partDigests(parts))).toEqual([])
})

test('with `cleanup: never`, a merge keeps the parts and its image', async () => {
  const here = scene()
  const { pushed, parts } = pushParts(here, true)
  const { digest } = pushRelease(here.fake.state, here.pkg, { tag: `pr-${run}`, content: 'merged' }).index
  const before = here.pkg.active.size
  const entries: Entry[] = [
    { kind: 'manifest', ...repository, digest },
    { kind: 'tag', ...repository, tag: `pr-${run}`, digest, ephemeral: true },
    ...parts.map((part): Entry => ({ kind: 'merged', ...repository, ...part, owner: partOwner })),
  ]
  expect(await undo(here, entries, mergeOwner, 'never')).toEqual([])
  expect([here.pkg.active.size, remains(here, allOf(pushed))]).toEqual([before, allOf(pushed)])
})

describe('with `cleanup: never`, a build for a pull request', () => {
  const manifests = ({ index, perPlatform }: Pushed) =>
    [...perPlatform, index].map(({ digest }): Entry => ({ kind: 'manifest', ...repository, digest }))

  test('keeps its image and deletes the indexes of BuildKit, which no later cleanup may find', async () => {
    const here = scene()
    const tag = `pr-${run}`
    const { pushed } = pushOwn(here, run, {}, tag)
    const { digest } = pushed.index
    const entries: Entry[] = [...manifests(pushed), { kind: 'tag', ...repository, tag, digest, ephemeral: true }]
    expect(await undo(here, entries, annotationOf(run), 'never')).toEqual([])
    const perPlatform = pushed.perPlatform.map((index) => index.digest)
    expect(perPlatform).toHaveLength(2)
    expect(remains(here, allOf(pushed))).toEqual(allOf(pushed).filter((one) => !perPlatform.includes(one)))
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('leaves nothing if it failed before a tag was updated', async () => {
    const here = scene()
    pushRelease(here.fake.state, here.pkg, { tag: 'v1', content: 'other' })
    const nonce = { [ownershipAnnotation]: annotationOf(run) }
    const pushed = pushRelease(here.fake.state, here.pkg, { content: 'app', nonce })
    expect(await undo(here, manifests(pushed), annotationOf(run), 'never')).toEqual([])
    expect(remains(here, allOf(pushed))).toEqual([])
    expect(brokenTags(here.fake.state)).toEqual([])
  })
})

test('a merge of a release deletes the parts and nothing that the image needs', async () => {
  const here = scene()
  const { pushed, parts } = pushParts(here, false)
  const { digest } = pushRelease(here.fake.state, here.pkg, { tag: 'v1', content: 'app' }).index
  const entries: Entry[] = [
    { kind: 'manifest', ...repository, digest },
    { kind: 'tag', ...repository, tag: 'v1', digest, ephemeral: false },
    ...parts.map((part): Entry => ({ kind: 'merged', ...repository, ...part, owner: partOwner })),
  ]
  expect(await undo(here, entries, mergeOwner)).toEqual(parts.map(({ tag }) => ({ subject: tag, deleted: true })))
  expect(remains(here, partDigests(parts))).toEqual([])
  expect(
    remains(
      here,
      pushed.images.map((image) => image.digest),
    ),
  ).toHaveLength(2)
  expect(brokenTags(here.fake.state)).toEqual([])
})

test('a merge that failed before its tags were updated keeps the parts', async () => {
  const here = scene()
  const { pushed, parts } = pushParts(here, true)
  const entries: Entry[] = [{ kind: 'manifest', ...repository, digest: pushed.index.digest }]
  expect(await undo(here, entries, mergeOwner)).toEqual([])
  expect(remains(here, partDigests(parts))).toEqual(partDigests(parts))
  expect(brokenTags(here.fake.state)).toEqual([])
})

test('a merge of a pull request deletes its tag, the parts and everything below them', async () => {
  const here = scene()
  pushRelease(here.fake.state, here.pkg, { tag: 'v1', content: 'other' })
  const { pushed, parts } = pushParts(here, true)
  const { state } = here.fake
  const children = pushed.images.flatMap((version, at) => {
    const [platform = '', attestation] = [platforms[at], pushed.attestations[at]]
    return [
      { version, platform },
      ...(attestation ? [{ version: attestation, platform, attests: version.digest }] : []),
    ]
  })
  const annotations = { [ownershipAnnotation]: mergeOwner }
  const { digest } = pushIndex(state, here.pkg, children, { annotations, tag: `pr-${run}` })
  const entries: Entry[] = [
    { kind: 'manifest', ...repository, digest },
    { kind: 'tag', ...repository, tag: `pr-${run}`, digest, ephemeral: true },
    ...parts.map((part): Entry => ({ kind: 'merged', ...repository, ...part, owner: partOwner })),
    ...[pushed.index, ...pushed.perPlatform].map((one): Entry => ({
      kind: 'manifest',
      ...repository,
      digest: one.digest,
    })),
  ]
  const outcomes = await undo(here, entries, mergeOwner)
  expect(outcomes.filter(({ deleted }) => !deleted)).toEqual([])
  expect(remains(here, [...allOf(pushed), ...partDigests(parts), digest])).toEqual([])
  expect(brokenTags(state)).toEqual([])
})

/** What keeps the first image of a part, and not its part: a tag of its own, an index of it, and one of both. */
const keepers: Readonly<Record<string, (here: Scene, pushed: Pushed) => void>> = {
  'a tag of its own': ({ fake, pkg }, { images: [image] }) => {
    if (image) retag(fake.state, pkg, image.digest, 'stable')
  },
  'an index of it alone': ({ fake, pkg }, { images: [version] }) => {
    if (version) pushIndex(fake.state, pkg, [{ version, platform: 'linux/amd64' }], { tag: 'stable' })
  },
  'an index with its attestation': ({ fake, pkg }, { images: [version], attestations: [attestation] }) => {
    if (!version || !attestation) return
    const platform = 'linux/amd64'
    const entries = [
      { version, platform },
      { version: attestation, platform, attests: version.digest },
    ]
    pushIndex(fake.state, pkg, entries, { tag: 'stable' })
  },
}

describe.each([
  ['a release', false],
  ['a pull request', true],
])('a part of %s whose run has ended', (_, isTemporary) => {
  test.each(Object.keys(keepers))('is deleted, but not the image that has %s', async (name) => {
    const here = scene({ checkAnswers: false })
    const { fake, clock } = here
    declareRun(fake.state, { repository: 'acme/shop', id: Number(run) })
    clock.advance(hours)
    const { pushed, parts } = pushParts(here, isTemporary)
    keepers[name]?.(here, pushed)
    endRun(fake.state, 'acme/shop', Number(run))
    clock.advance(4 * days)
    const runs = createRunStatusCache(createRunStatusFetcher(requestIn(fake, root), 'acme/shop'), () => ({
      now: clock.now(),
      olderThan: 3 * days,
    }))
    for (let n = 0; n < 2; n++)
      await cleanUpRepository(
        packageRepositoryIn(here),
        { tags: ['pr-*', 'build-*'], untagged: true, dryRun: false },
        runs,
      )
    expect(remains(here, partDigests(parts))).toEqual([])
    const [image = '', attestation = ''] = allOf({ ...pushed, images: pushed.images.slice(0, 1) }).slice(1)
    // The attestation of a pull request is content of the run; that of a release may be of anybody.
    const staysAttestation = !isTemporary || name === 'an index with its attestation'
    expect(remains(here, [image, attestation])).toEqual(staysAttestation ? [image, attestation] : [image])
    expect(brokenTags(fake.state)).toEqual([])
  })
})
