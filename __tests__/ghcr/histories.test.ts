import { expect, test } from '@jest/globals'
import { live } from './audit.ts'
import { pushIndex, pushManifest, pushRelease, type ImageContent } from './histories.ts'
import { createPackage, createState } from './state.ts'

test('a release that is pushed again elsewhere is whole there, and has the same digest', () => {
  const pushed = ['api', 'web'].map((name) => {
    const state = createState()
    const pkg = createPackage(state, { owner: 'acme', name })
    const { index } = pushRelease(state, pkg, { tag: 'v1', content: 'release', nonce: { build: '1' } })
    const bytes = [...pkg.blobs].map((digest) => state.blobs.get(digest)?.length)
    return { isWhole: live(pkg, 'v1'), digest: index.digest, bytes }
  })
  expect(pushed[0]).toMatchObject({ isWhole: true, bytes: expect.not.arrayContaining([undefined]) })
  expect(pushed[1]).toEqual(pushed[0])
})

test('whatever differs in anything has a digest of its own', () => {
  const state = createState()
  const pkg = createPackage(state, { owner: 'acme', name: 'api' })
  const image = pushManifest(state, pkg, { content: 'a' })
  const other = pushManifest(state, pkg, { content: 'b' })
  const contents: ImageContent[] = [
    { content: 'a', platform: 'linux/arm64' },
    { content: 'a', annotations: { run: '1' } },
    { content: 'a', annotations: { run: '2' } },
    { content: 'a', time: '2026-01-01T00:00:00Z' },
    { content: 'a', attests: image.digest },
    { content: 'a', attests: other.digest },
  ]
  const images = [image, other, ...contents.map((content) => pushManifest(state, pkg, content))]
  const entry = { version: image, platform: 'linux/amd64' }
  const indexes = [
    pushIndex(state, pkg, [entry]),
    pushIndex(state, pkg, [entry, entry]),
    pushIndex(state, pkg, [{ ...entry, platform: 'linux/arm64' }]),
    pushIndex(state, pkg, [{ ...entry, attests: other.digest }]),
    pushIndex(state, pkg, [{ ...entry, version: other }]),
    pushIndex(state, pkg, [entry], { annotations: {} }),
    pushIndex(state, pkg, [entry], { annotations: { run: '1' } }),
  ]
  const all = [...images, ...indexes].map(({ digest }) => digest)
  expect(new Set(all).size).toBe(all.length)
})
