import { describe, expect, test } from '@jest/globals'
import { brokenTags, holdings, live, missingFrom, unneeded } from './audit.ts'
import { days, manualClock } from './clock.ts'
import { deletedPackage, deletePackage, deleteVersion, restorePackage, restoreVersion } from './delete.ts'
import { pushManifest, pushRelease } from './histories.ts'
import { copyState, createPackage, createState, findPackage, present } from './state.ts'
import type { Package, State } from './state.ts'

const fake = (): { state: State; pkg: Package; clock: ReturnType<typeof manualClock> } => {
  const clock = manualClock()
  const state = createState(clock)
  return { state, clock, pkg: createPackage(state, { owner: 'acme', name: 'shop/api' }) }
}

describe('a push', () => {
  test('makes one version of each manifest, children too, with growing ids', () => {
    const { state, pkg } = fake()
    const { index, images, attestations, perPlatform } = pushRelease(state, pkg, { tag: 'v1', content: 'one' })
    expect(pkg.active.size).toBe(7)
    expect(present(index).tags).toEqual(['v1'])
    for (const child of [...images, ...attestations, ...perPlatform]) expect(present(child).tags).toEqual([])
    expect([...pkg.versions.keys()]).toEqual([...pkg.versions.keys()].sort((a, b) => a - b))
    expect(unneeded(pkg)).toEqual(perPlatform.map(({ digest }) => digest))
  })

  test('of the same digest changes nothing, least of all the times', () => {
    const { state, pkg, clock } = fake()
    const first = pushManifest(state, pkg, { content: 'a' }, 'latest')
    const times = { createdAt: first.createdAt, updatedAt: first.updatedAt }
    clock.advance(90 * days)
    expect(pushManifest(state, pkg, { content: 'a' }, 'latest')).toBe(first)
    expect(pushManifest(state, pkg, { content: 'a' }, 'v2')).toBe(first)
    expect(first).toMatchObject(times)
    expect(present(first).tags).toEqual(['latest', 'v2'])
  })

  test('moves a tag, and neither version looks younger', () => {
    const { state, pkg, clock } = fake()
    const old = pushManifest(state, pkg, { content: 'a' }, 'latest')
    const next = pushManifest(state, pkg, { content: 'b' })
    const updated = [old.updatedAt, next.updatedAt]
    clock.advance(days)
    pushManifest(state, pkg, { content: 'b' }, 'latest')
    expect([old.updatedAt, next.updatedAt]).toEqual(updated)
    expect([present(old).tags, present(next).tags]).toEqual([[], ['latest']])
  })
})

describe('a deletion', () => {
  test('removes every tag on the digest, and keeps the children', () => {
    const { state, pkg } = fake()
    pushManifest(state, pkg, { content: 'other' }, 'other')
    const { index, images } = pushRelease(state, pkg, { tag: 'v1', content: 'one' })
    pushRelease(state, pkg, { tag: 'latest', content: 'one' })
    expect(deleteVersion(state, pkg, index.id)).toBeUndefined()
    expect([...pkg.tags.keys()]).toEqual(['other'])
    for (const image of images) expect(pkg.active.has(image.digest)).toBe(true)
  })

  test('of a child breaks the tag above it, unseen by the API', () => {
    const { state, pkg } = fake()
    const { images } = pushRelease(state, pkg, { tag: 'v1', content: 'one' })
    expect(live(pkg, 'v1')).toBe(true)
    expect(deleteVersion(state, pkg, images[1]!.id)).toBeUndefined()
    expect(missingFrom(pkg, 'v1')).toEqual([images[1]!.digest])
    expect(brokenTags(state)).toEqual([{ package: 'acme/shop/api', tag: 'v1', missing: [images[1]!.digest] }])
  })

  test('of the last tagged version is refused, though untagged ones are left', () => {
    const { state, pkg } = fake()
    const { index, images } = pushRelease(state, pkg, { tag: 'v1', content: 'one' })
    const refusal = {
      status: 400,
      message: 'You cannot delete the last tagged version of a package. You must delete the package instead.',
    }
    expect(deleteVersion(state, pkg, index.id)).toEqual(refusal)
    pushRelease(state, pkg, { tag: 'also', content: 'one' })
    expect(deleteVersion(state, pkg, index.id)).toEqual(refusal)
    expect(deleteVersion(state, pkg, images[0]!.id)).toBeUndefined()
  })

  test('of a popular public version is refused, of a private one not', () => {
    const { state, pkg } = fake()
    const version = pushManifest(state, pkg, { content: 'a' })
    Object.assign(version, { downloads: 5001 })
    pkg.visibility = 'public'
    expect(deleteVersion(state, pkg, version.id)).toMatchObject({
      status: 400,
      message: expect.stringMatching(
        /^Publicly visible package versions with more than 5000 downloads cannot be deleted/,
      ),
    })
    expect(deletePackage(state, pkg)).toMatchObject({ status: 400 })
    version.downloads = 5000
    expect(deleteVersion(state, pkg, version.id)).toBeUndefined()
  })

  test('can be done once', () => {
    const { state, pkg } = fake()
    const { id } = pushManifest(state, pkg, { content: 'a' })
    deleteVersion(state, pkg, id)
    expect(deleteVersion(state, pkg, id)).toEqual({ status: 404, message: 'Package version not found.' })
    expect(deleteVersion(state, pkg, 1)).toEqual({ status: 404, message: 'Package version not found.' })
  })
})

describe('a restore', () => {
  test('brings the version back as it was', () => {
    const { state, pkg, clock } = fake()
    pushManifest(state, pkg, { content: 'other' }, 'other')
    const { index } = pushRelease(state, pkg, { tag: 'v1', content: 'one' })
    const before = holdings(pkg)
    deleteVersion(state, pkg, index.id)
    clock.advance(30 * days)
    expect(restoreVersion(state, pkg, index.id)).toBeUndefined()
    expect(holdings(pkg)).toEqual(before)
    expect(live(pkg, 'v1')).toBe(true)
  })

  test('leaves a tag where it went meanwhile', () => {
    const { state, pkg } = fake()
    const first = pushManifest(state, pkg, { content: 'a' }, 'a')
    pushManifest(state, pkg, { content: 'a' }, 'latest')
    const other = pushManifest(state, pkg, { content: 'b' }, 'b')
    deleteVersion(state, pkg, first.id)
    pushManifest(state, pkg, { content: 'b' }, 'latest')
    restoreVersion(state, pkg, first.id)
    expect([present(first).tags, present(other).tags]).toEqual([['a'], ['b', 'latest']])
  })

  test('comes too late after 30 days, or when the digest was pushed anew', () => {
    const { state, pkg, clock } = fake()
    const late = pushManifest(state, pkg, { content: 'late' })
    const again = pushManifest(state, pkg, { content: 'again' })
    deleteVersion(state, pkg, late.id)
    deleteVersion(state, pkg, again.id)
    expect(pushManifest(state, pkg, { content: 'again' }).id).not.toBe(again.id)
    expect(restoreVersion(state, pkg, again.id)).toMatchObject({ status: 404 })
    clock.advance(30 * days + 1)
    expect(restoreVersion(state, pkg, late.id)).toMatchObject({ status: 404 })
  })
})

test('a deleted package comes back whole, unless its name was taken', () => {
  const { state, pkg } = fake()
  pushRelease(state, pkg, { tag: 'v1', content: 'one' })
  expect(deletePackage(state, pkg)).toBeUndefined()
  expect(findPackage(state, 'acme', 'shop/api')).toBeUndefined()
  expect(deletedPackage(state, 'acme', 'shop/api')).toBe(pkg)
  const taken = copyState(state)
  createPackage(taken, { owner: 'acme', name: 'shop/api' })
  expect(restorePackage(taken, taken.deleted[0]!)).toMatchObject({ status: 404 })
  expect(restorePackage(state, pkg)).toBeUndefined()
  expect(live(findPackage(state, 'ACME', 'shop/api')!, 'v1')).toBe(true)
})

test('a copy of the state goes its own way', () => {
  const { state, pkg } = fake()
  const { index } = pushRelease(state, pkg, { tag: 'v1', content: 'one' })
  const before = holdings(pkg)
  const copy = copyState(state)
  const twin = findPackage(copy, 'acme', 'shop/api')!
  pushManifest(copy, twin, { content: 'new' }, 'v1')
  deleteVersion(copy, twin, index.id)
  expect(holdings(pkg)).toEqual(before)
  expect(holdings(twin)).not.toEqual(before)
})
