import { describe, expect, test } from '@jest/globals'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { deleteRunArtifacts } from '../../../src/cleanup/run-image-cleanup.ts'
import { createRunStatusCache, createRunStatusFetcher } from '../../../src/forge/run-status.ts'
import { brokenTags } from '../../ghcr/audit.ts'
import { days } from '../../ghcr/clock.ts'
import { fillHistory, pushArtifact, pushIndex, retag } from '../../ghcr/histories.ts'
import { root } from '../../ghcr/permissions.ts'
import { declareRun, endRun } from '../../ghcr/runs.ts'
import type { Version } from '../../ghcr/state.ts'
import { packageRepositoryIn, requestIn } from '../../prove/package-repository.ts'
import { allOf, pushOwn, scene, type Scene } from './scene.ts'

const run = '17000000001'
const tagOf = ({ digest }: Version, suffix = ''): string => `${digest.replace(':', '-')}${suffix}`
const payload = ({ digest }: Version) =>
  JSON.stringify({ critical: { image: { 'docker-manifest-digest': digest } }, optional: null })
const statement = ({ digest }: Version) =>
  JSON.stringify({ subject: [{ name: 'app', digest: { sha256: digest.slice('sha256:'.length) } }] })
const envelope = (image: Version) => JSON.stringify({ payload: Buffer.from(statement(image)).toString('base64') })

/** What signing tools push for an image; each returns everything that they add. */
const signers: Readonly<Record<string, (here: Scene, image: Version) => Version[]>> = {
  'a referrer with the tag for its list': ({ fake: { state }, pkg }, image) => {
    const signature = pushArtifact(state, pkg, { content: `bundle ${image.digest}`, subject: image })
    const list = pushIndex(state, pkg, [{ version: signature, platform: 'unknown/unknown' }], {
      annotations: {},
      tag: tagOf(image),
    })
    return [list, signature]
  },
  'cosign’s classic signature': ({ fake: { state }, pkg }, image) => [
    pushArtifact(state, pkg, {
      content: 'signature',
      payload: payload(image),
      layerType: 'application/vnd.dev.cosign.simplesigning.v1+json',
      tag: tagOf(image, '.sig'),
    }),
  ],
  'cosign’s classic attestation': ({ fake: { state }, pkg }, image) => [
    pushArtifact(state, pkg, {
      content: 'attestation',
      payload: envelope(image),
      layerType: 'application/vnd.dsse.envelope.v1+json',
      tag: tagOf(image, '.att'),
    }),
  ],
  'cosign’s classic SBOM': ({ fake: { state }, pkg }, image) => [
    pushArtifact(state, pkg, {
      content: 'sbom',
      payload: `SPDX ${image.digest}`,
      layerType: 'text/spdx+json',
      tag: tagOf(image, '.sbom'),
    }),
  ],
}

function begin(): Scene {
  const here = scene({ checkAnswers: false })
  fillHistory(here.fake.state, here.pkg, 2)
  declareRun(here.fake.state, { repository: 'acme/shop', id: Number(run) })
  return here
}

async function cleanUp(here: Scene) {
  endRun(here.fake.state, 'acme/shop', Number(run))
  here.clock.advance(4 * days)
  const fetchStatus = createRunStatusFetcher(requestIn(here.fake, root), 'acme/shop')
  return await cleanUpRepository(
    packageRepositoryIn(here),
    { tags: ['pr-*'], untagged: true, dryRun: false },
    createRunStatusCache(fetchStatus, () => ({ now: here.clock.now(), olderThan: 3 * days })),
  )
}

const remaining = ({ pkg }: Scene, digests: readonly string[]) => digests.filter((digest) => pkg.active.has(digest))

describe.each(Object.entries(signers))('%s', (_, sign) => {
  const signed = (here: Scene) => {
    const { own, pushed } = pushOwn(here, run)
    const images = [pushed.index, ...pushed.images]
    const referrers = images.flatMap((image) => sign(here, image))
    // A signature may be signed itself.
    const all = [...referrers, ...sign(here, referrers.at(-1)!)]
    return { own, digests: [...allOf(pushed), ...all.map(({ digest }) => digest)], referrers, pushed }
  }

  test('of a pull request is deleted by the post step', async () => {
    const here = begin()
    const { own, pushed, referrers } = signed(here)
    expect(await deleteRunArtifacts(packageRepositoryIn(here), own)).toEqual([{ subject: `pr-${run}`, deleted: true }])
    expect(remaining(here, [...allOf(pushed), ...referrers.map(({ digest }) => digest)])).toEqual([])
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('of a pull request is deleted by cleanup, with its own signature', async () => {
    const here = begin()
    const { digests } = signed(here)
    const result = await cleanUp(here)
    expect(remaining(here, digests)).toEqual([])
    expect([...here.pkg.tags.keys()]).toEqual(['v1', 'v2'])
    expect(result.audit).toEqual({ tags: 2, broken: [] })
    expect(result.kept).toEqual([])
    expect([...new Set(result.deleted.map(({ digest }) => digest))].sort()).toEqual([...digests].sort())
  })

  test('stays with an image that has another tag, and goes nowhere alone', async () => {
    const here = begin()
    const { own, pushed, referrers } = signed(here)
    retag(here.fake.state, here.pkg, pushed.index.digest, 'stable')
    const digests = [pushed.index, ...pushed.images, ...referrers].map(({ digest }) => digest)
    await deleteRunArtifacts(packageRepositoryIn(here), own)
    expect(remaining(here, digests)).toEqual(digests)
    await cleanUp(here)
    expect(remaining(here, digests)).toEqual(digests)
    expect(here.pkg.tags.has(`pr-${run}`)).toBe(false)
  })

  test('with a tag of its own stays', async () => {
    const here = begin()
    const { referrers } = signed(here)
    retag(here.fake.state, here.pkg, referrers[0]!.digest, 'evidence')
    await cleanUp(here)
    expect(here.pkg.tags.get('evidence')).toBe(referrers[0]!.digest)
    expect(brokenTags(here.fake.state)).toEqual([])
  })

  test('comes back if the image gets a tag while it is deleted', async () => {
    const here = begin()
    const { pushed, referrers } = signed(here)
    let deletions = 0
    here.fake.beforeEach = (call) => {
      if (call.endpoint === 'delete version' && ++deletions === 1)
        retag(here.fake.state, here.pkg, pushed.index.digest, 'stable')
    }
    await cleanUp(here)
    expect(here.pkg.tags.get('stable')).toBe(pushed.index.digest)
    const ofIndex = referrers.slice(0, referrers.length / 3).map(({ digest }) => digest)
    expect(remaining(here, ofIndex)).toEqual(ofIndex)
    expect(brokenTags(here.fake.state)).toEqual([])
  })
})
