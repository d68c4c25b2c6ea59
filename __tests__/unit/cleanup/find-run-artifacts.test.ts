import { describe, expect, test } from '@jest/globals'
import { findRunArtifacts } from '../../../src/cleanup/find-run-artifacts.ts'
import { deleteRunArtifacts } from '../../../src/cleanup/run-image-cleanup.ts'
import { pushRelease } from '../../ghcr/histories.ts'
import { packageRepositoryIn } from '../../prove/package-repository.ts'
import { allOf, annotationOf, pushOwn, scene, type Scene } from './scene.ts'

const runId = '17000000001'
const find = (here: Scene, since = 0, random?: string) =>
  findRunArtifacts(packageRepositoryIn(here), { runId, runAnnotation: annotationOf(runId, random), since })

describe('without its journal, what a run pushed', () => {
  test('is found by its tag and its annotation, and nothing of it is left', async () => {
    const here = scene()
    pushRelease(here.fake.state, here.pkg, { tag: 'v1', content: 'app' })
    const { pushed, own } = pushOwn(here, runId)
    const { artifacts, unproven } = await find(here)
    expect([artifacts.tags, unproven]).toEqual([own.tags, []])
    expect(artifacts.manifests).toEqual(expect.arrayContaining([...own.manifests]))
    await deleteRunArtifacts(packageRepositoryIn(here), artifacts)
    expect(allOf(pushed).filter((digest) => here.pkg.active.has(digest))).toEqual([])
  })

  test('is not what another step of the same run pushed', async () => {
    const here = scene()
    pushOwn(here, runId)
    const { artifacts, unproven } = await find(here, 0, 'other')
    expect([artifacts.tags, artifacts.manifests, unproven]).toEqual([[], [], []])
  })

  test('is not proven by the name of a tag alone', async () => {
    const here = scene()
    pushRelease(here.fake.state, here.pkg, { tag: `pr-${runId}`, content: 'app' })
    const { artifacts, unproven } = await find(here)
    expect([artifacts.tags, unproven]).toEqual([[], [`pr-${runId}`]])
  })

  test('is younger than the run: older versions are not read', async () => {
    const here = scene()
    const { own } = pushOwn(here, runId)
    here.clock.advance(86_400_000)
    const { artifacts } = await find(here, here.clock.now() - 3_600_000)
    expect([artifacts.tags, artifacts.manifests]).toEqual([own.tags, []])
  })
})
