import { expect, test } from '@jest/globals'
import { deleteRunArtifacts } from '../../../src/cleanup/run-image-cleanup.ts'
import { createRunStatusCache, createRunStatusFetcher } from '../../../src/forge/run-status.ts'
import { cleanUpRepository } from '../../../src/cleanup/registry-cleanup.ts'
import { brokenTags, holdings } from '../../ghcr/audit.ts'
import { days } from '../../ghcr/clock.ts'
import { fillHistory, pushRelease } from '../../ghcr/histories.ts'
import { root } from '../../ghcr/permissions.ts'
import { endRun } from '../../ghcr/runs.ts'
import type { World } from '../../ghcr/world.ts'
import { placeIn, requestIn } from '../../prove/place.ts'
import { pushOwn, scene, type Scene } from './world.ts'
import { ownershipAnnotation } from '../../../src/run/names.ts'

/** A release, a pull request's image, and one more whose tag a person has given another name. */
function begin() {
  const here = scene({ checkAnswers: false })
  fillHistory(here.world.state, here.pkg, 2)
  const { own } = pushOwn(here, '17000000001')
  const shared = pushOwn(here, '17000000002', { content: 'shared' })
  pushRelease(here.world.state, here.pkg, {
    tag: 'stable',
    content: 'shared',
    nonce: { [ownershipAnnotation]: shared.own.runAnnotation },
  })
  for (const run of [17000000001, 17000000002, 999]) endRun(here.world.state, 'acme/shop', run)
  here.clock.advance(4 * days)
  return { here, own }
}

async function sweepOnce(here: Scene, world: World = here.world) {
  const rules = () => ({ now: here.clock.now(), olderThan: 3 * days })
  await cleanUpRepository(
    placeIn({ ...here, world }),
    { tags: ['pr-*'], untagged: true, dryRun: false },
    createRunStatusCache(createRunStatusFetcher(requestIn(world, root), 'acme/shop'), rules),
  )
}

/** The world as one sees it who dies at a call. */
function dyingAt(world: World, at: number): { readonly view: World; readonly died: () => boolean } {
  let calls = 0
  const view: World = {
    ...world,
    beforeEach: () => {
      if (++calls >= at) throw new Error('killed')
    },
  }
  return { view, died: () => calls >= at }
}

test.each(['post', 'sweep'] as const)(
  'a %s that is killed at any call leaves a state from which the next sweep comes to the same end',
  async (kind) => {
    const { here: whole } = begin()
    await sweepOnce(whole)
    const wanted = holdings(whole.pkg)
    expect(Object.keys(wanted.tags)).toEqual(['stable', 'v1', 'v2'])
    let at = 1
    for (let died = true; died; at++) {
      const { here, own } = begin()
      const dying = dyingAt(here.world, at)
      await (
        kind === 'sweep'
          ? sweepOnce(here, dying.view)
          : deleteRunArtifacts(placeIn({ ...here, world: dying.view }), own)
      ).catch(() => undefined)
      died = dying.died()
      expect(brokenTags(here.world.state)).toEqual([])
      await sweepOnce(here)
      // A copy that was pushed to take off a tag has another digest each time; it is gone in the end.
      const { tags, active } = holdings(here.pkg)
      expect({ at, tags, active }).toEqual({ at, tags: wanted.tags, active: wanted.active })
    }
    expect(at).toBeGreaterThan(kind === 'post' ? 30 : 100)
  },
)
