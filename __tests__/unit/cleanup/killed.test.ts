import { expect, test } from '@jest/globals'
import { deleteRunArtifacts } from '../../../src/cleanup/run-image-cleanup.ts'
import { createRunStatusCache, createRunStatusFetcher } from '../../../src/forge/run-status.ts'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { brokenTags, holdings } from '../../ghcr/audit.ts'
import { days } from '../../ghcr/clock.ts'
import { fillHistory, pushIndex, pushManifest, pushRelease } from '../../ghcr/histories.ts'
import { root } from '../../ghcr/permissions.ts'
import { endRun } from '../../ghcr/runs.ts'
import type { Fake } from '../../ghcr/fake.ts'
import { packageRepositoryIn, requestIn } from '../../prove/package-repository.ts'
import { pushOwn, scene, type Scene } from './scene.ts'
import { ownershipAnnotation } from '../../../src/run/names.ts'

/** A release, a pull request's image, and one more whose tag a person has given another name. */
function begin() {
  const here = scene({ checkAnswers: false })
  fillHistory(here.fake.state, here.pkg, 2)
  const { own } = pushOwn(here, '17000000001')
  const shared = pushOwn(here, '17000000002', { content: 'shared' })
  pushRelease(here.fake.state, here.pkg, {
    tag: 'stable',
    content: 'shared',
    nonce: { [ownershipAnnotation]: shared.own.runAnnotation },
  })
  for (const run of [17000000001, 17000000002, 999]) endRun(here.fake.state, 'acme/shop', run)
  here.clock.advance(4 * days)
  return { here, own }
}

async function cleanUpOnce(here: Scene, fake: Fake = here.fake) {
  const rules = () => ({ now: here.clock.now(), olderThan: 3 * days })
  await cleanUpRepository(
    packageRepositoryIn({ ...here, fake }),
    { tags: ['pr-*'], untagged: true, dryRun: false },
    createRunStatusCache(createRunStatusFetcher(requestIn(fake, root), 'acme/shop'), rules),
  )
}

/** The fake as one sees it who dies at a call. */
function dyingAt(fake: Fake, at: number): { readonly view: Fake; readonly died: () => boolean } {
  let calls = 0
  const view: Fake = {
    ...fake,
    beforeEach: () => {
      if (++calls >= at) throw new Error('killed')
    },
  }
  return { view, died: () => calls >= at }
}

test.each(['post', 'cleanup'] as const)(
  'a %s that is killed at any call leaves a state from which the next cleanup comes to the same end',
  async (kind) => {
    const { here: whole } = begin()
    await cleanUpOnce(whole)
    const wanted = holdings(whole.pkg)
    expect(Object.keys(wanted.tags)).toEqual(['stable', 'v1', 'v2'])
    let at = 1
    for (let died = true; died; at++) {
      const { here, own } = begin()
      const dying = dyingAt(here.fake, at)
      await (
        kind === 'cleanup'
          ? cleanUpOnce(here, dying.view)
          : deleteRunArtifacts(packageRepositoryIn({ ...here, fake: dying.view }), own)
      ).catch(() => undefined)
      died = dying.died()
      expect(brokenTags(here.fake.state)).toEqual([])
      await cleanUpOnce(here)
      // A copy that was pushed to take off a tag has another digest each time; it is gone in the end.
      const { tags, active } = holdings(here.pkg)
      expect({ at, tags, active }).toEqual({ at, tags: wanted.tags, active: wanted.active })
    }
    expect(at).toBeGreaterThan(kind === 'post' ? 30 : 100)
  },
)

test('of a killed release, images and attestations stay without a tag, and per-platform indexes do not', async () => {
  const here = scene({ checkAnswers: false })
  const { state } = here.fake
  fillHistory(state, here.pkg, 2)
  const before = holdings(here.pkg)
  const image = pushManifest(state, here.pkg, { content: 'release' })
  const attestation = pushManifest(state, here.pkg, { content: 'provenance', attests: image.digest })
  const entries = [
    { version: image, platform: 'linux/amd64' },
    { version: attestation, platform: 'linux/amd64', attests: image.digest },
  ]
  pushIndex(state, here.pkg, entries, { annotations: { [ownershipAnnotation]: '17000000001-1-mab' } })
  endRun(state, 'acme/shop', 17000000001)
  here.clock.advance(4 * days)
  await cleanUpOnce(here)
  const left = [...before.active, image.digest, attestation.digest].sort()
  expect(holdings(here.pkg)).toMatchObject({ tags: before.tags, active: left })
})
