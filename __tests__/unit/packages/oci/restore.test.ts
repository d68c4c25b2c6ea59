import type { Manifest } from '../../../../src/registry/manifest.ts'
import { expect, test } from '@jest/globals'
import { createRestoreCache } from '../../../../src/packages/oci/restore.ts'
import { createRegistryClient } from '../../../../src/registry/client.ts'
import { fakeClock } from '../../registry/server.ts'
import { behaviours, repository, withBehaviour, type Fake } from './behaviour.ts'
import { makeImage, type Content } from './images.ts'

const manifestOf = ({ digest, bytes, mediaType }: Content): Manifest => ({
  digest,
  bytes: new Uint8Array(bytes),
  mediaType,
})
const open = ({ host }: Fake, most?: number) =>
  createRestoreCache(createRegistryClient({ registry: host, clock: fakeClock() }), repository, most)

test('an index is restored after its children, its tags where they are free', async () => {
  await withBehaviour(behaviours['distribution 3'], async (fake) => {
    const [image, other] = [makeImage('run'), makeImage('other')]
    const undo = open(fake)
    undo.record(manifestOf(image.index), ['pr-1', 'pr-2'])
    image.children.forEach((child) => undo.record(manifestOf(child), []))
    await fake.hands.push(other, ['pr-2'])
    expect(await undo.restore(image.index.digest)).toBe(true)
    expect(Object.fromEntries(fake.tags)).toEqual({ 'pr-1': image.index.digest, 'pr-2': other.index.digest })
    expect(await fake.hands.missing('pr-1')).toEqual([])
    expect(await undo.restore(image.children[0]!.digest)).toBe(false)
  })
})

test('what the registry does not take stays away, and can be tried again', async () => {
  await withBehaviour(behaviours['distribution 3'], async (fake) => {
    const image = makeImage('run')
    const undo = open(fake)
    undo.record(manifestOf(image.index), [])
    expect(await undo.restore(image.index.digest)).toBe(false)
    for (const child of image.children) await fake.hands.put(child.digest, child)
    expect(await undo.restore(image.index.digest)).toBe(true)
  })
})

test('the oldest is forgotten first', async () => {
  await withBehaviour(behaviours['distribution 3'], async (fake) => {
    const children = ['one', 'two', 'three'].map((nonce) => makeImage(nonce).children[0]!)
    const undo = open(fake, children[1]!.bytes.length + children[2]!.bytes.length)
    children.forEach((child) => undo.record(manifestOf(child), []))
    undo.record(manifestOf(children[1]!), [])
    const back: boolean[] = []
    for (const { digest } of children) back.push(await undo.restore(digest))
    expect(back).toEqual([false, true, true])
  })
})
