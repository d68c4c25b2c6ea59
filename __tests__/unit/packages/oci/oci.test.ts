import { describe, expect, test } from '@jest/globals'
import { NotDeletedError, type PackageVersion } from '../../../../src/packages/backend.ts'
import { behaviours, partsOf, tagsOn, withBehaviour, type Behaviour, type Fake } from './behaviour.ts'
import { makeImage, type Content } from './images.ts'

function versionOf({ digest }: Content, ...tags: readonly string[]): PackageVersion {
  return { id: digest, digest, tags }
}

/** Everything that the registry holds, to be compared with what it should hold. */
function stateOf({ tags, manifests }: Fake): unknown {
  return { tags: Object.fromEntries(tags), manifests: [...manifests.keys()].sort() }
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof NotDeletedError)) throw new Error(`not kept: ${String(error)}`)
  return error.message
}

const working = Object.entries(behaviours).filter(
  ([name]) => !['Docker Hub', 'deletion switched off', 'no right to delete'].includes(name),
)

describe.each(working)('%s', (_, behaviour: Behaviour) => {
  test('removes an image with its tag, its children and its intermediates', async () => {
    await withBehaviour(behaviour, async (fake) => {
      const [release, temporary] = [makeImage('release'), makeImage('run')]
      await fake.hands.push(release, ['v1'])
      const before = stateOf(fake)
      await fake.hands.push(temporary, ['pr-1'])
      expect(await fake.api.read(versionOf(temporary.index))).toEqual(versionOf(temporary.index, 'pr-1'))
      // Intermediates hold their child, too: the engine removes them before it.
      for (const part of [temporary.index, ...temporary.intermediates, ...temporary.children])
        await fake.api.remove(versionOf(part, 'pr-1'))
      expect(stateOf(fake)).toEqual(before)
      for (const part of partsOf(temporary)) expect(await fake.api.read(versionOf(part))).toBeUndefined()
      await fake.api.remove(versionOf(temporary.index, 'pr-1'))
      expect(stateOf(fake)).toEqual(before)
    })
  })

  test('does not remove what another tag names', async () => {
    await withBehaviour(behaviour, async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1', 'v1'])
      const before = stateOf(fake)
      expect(await reasonOf(fake.api.remove(versionOf(image.index, 'pr-1')))).toBe(
        'it also has the tag v1, so it is kept.',
      )
      expect(stateOf(fake)).toEqual(before)
    })
  })

  test('removes one tag and keeps the other', async () => {
    await withBehaviour(behaviour, async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1', 'v1'])
      const manifests = [...fake.manifests.keys()].sort()
      await fake.api.untag(versionOf(image.index, 'pr-1', 'v1'), 'pr-1')
      expect(stateOf(fake)).toEqual({ tags: { v1: image.index.digest }, manifests })
      await fake.api.untag(versionOf(image.index, 'pr-1', 'v1'), 'pr-1')
      expect(await fake.hands.missing('v1')).toEqual([])
    })
  })

  test('removes the last tag and keeps the manifest, which an index needs', async () => {
    await withBehaviour(behaviour, async (fake) => {
      const image = makeImage('joined')
      await fake.hands.pushByTags(image, ['build-amd64', 'build-arm64'], 'v1')
      const [child] = image.children
      await fake.api.untag(versionOf(child!, 'build-amd64'), 'build-amd64')
      expect(tagsOn(fake, child!.digest)).toEqual([])
      expect(await fake.hands.tags()).toEqual(['build-arm64', 'v1'])
      expect(await fake.hands.missing('v1')).toEqual([])
    })
  })

  test('leaves a tag alone that names another image by now', async () => {
    await withBehaviour(behaviour, async (fake) => {
      const [image, other] = [makeImage('run'), makeImage('other')]
      await fake.hands.push(image, ['pr-1'])
      await fake.hands.push(other, ['pr-1'])
      const before = stateOf(fake)
      expect(await reasonOf(fake.api.untag(versionOf(image.index, 'pr-1'), 'pr-1'))).toBe(
        'the tag was moved to another image, so it is kept.',
      )
      expect(stateOf(fake)).toEqual(before)
    })
  })

  test('puts back what it removed', async () => {
    await withBehaviour(behaviour, async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1'])
      const before = stateOf(fake)
      await fake.api.remove(versionOf(image.index, 'pr-1'))
      expect(stateOf(fake)).not.toEqual(before)
      expect(await fake.api.restore(versionOf(image.index))).toBe(true)
      expect(stateOf(fake)).toEqual(before)
      expect(await fake.api.restore(versionOf(image.index))).toBe(false)
    })
  })
})

describe('manifests that cannot be deleted stay unchanged, and the reason contains the remedy', () => {
  test.each([
    ['Docker Hub', 'REGISTRY_STORAGE_DELETE_ENABLED=true'],
    ['deletion switched off', 'REGISTRY_STORAGE_DELETE_ENABLED=true'],
    ['no right to delete', 'Give the login the right to delete'],
  ] as const)('%s', async (name, help) => {
    await withBehaviour(behaviours[name], async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1'])
      const before = stateOf(fake)
      expect(await reasonOf(fake.api.remove(versionOf(image.index, 'pr-1')))).toContain(help)
      expect(stateOf(fake)).toEqual(before)
      expect(await reasonOf(fake.api.untag(versionOf(image.index, 'pr-1'), 'pr-1'))).toContain(help)
      expect(stateOf(fake)).toEqual(before)
    })
  })

  test('a child that an index still needs, on Zot', async () => {
    await withBehaviour(behaviours.Zot, async (fake) => {
      const image = makeImage('release')
      await fake.hands.push(image, ['v1'])
      expect(await reasonOf(fake.api.remove(versionOf(image.children[0]!)))).toContain(
        'An index still refers to it: it can be deleted after that index.',
      )
      expect(await fake.hands.missing('v1')).toEqual([])
    })
  })

  test('a manifest that only its tag holds is never away, not even for a moment', async () => {
    await withBehaviour(behaviours['Gitea, from elsewhere'], async (fake) => {
      const image = makeImage('joined')
      await fake.hands.pushByTags(image, ['build-amd64', 'build-arm64'], 'v1')
      const [child] = image.children
      fake.before = () => expect(fake.manifests.has(child!.digest)).toBe(true)
      await fake.api.untag(versionOf(child!, 'build-amd64'), 'build-amd64')
      expect(await fake.hands.missing('v1')).toEqual([])
    })
  })

  test('where tags cannot be listed, nothing is removed by digest', async () => {
    await withBehaviour({ ...behaviours['distribution 3'], hidesTags: true }, async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1'])
      const before = stateOf(fake)
      expect(await reasonOf(fake.api.remove(versionOf(image.index, 'pr-1')))).toContain('tags are hidden')
      expect(await reasonOf(fake.api.read(versionOf(image.index)))).toContain('tags are hidden')
      expect(stateOf(fake)).toEqual(before)
      await fake.api.untag(versionOf(image.index, 'pr-1'), 'pr-1')
      expect(await fake.hands.tags()).toEqual([])
    })
  })

  test('a registry that deletes everything together with a tag: the deletion is undone and reported', async () => {
    await withBehaviour({ byTag: 'takes the manifest', byDigest: 'all tags' }, async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1', 'v1', 'v1.0'])
      expect(await reasonOf(fake.api.untag(versionOf(image.index, 'pr-1', 'v1', 'v1.0'), 'pr-1'))).toBe(
        'the registry deleted the image, v1, v1.0 together with this tag; they were restored.',
      )
      expect(await fake.hands.tags()).toEqual(['v1', 'v1.0'])
      expect(await fake.hands.missing('v1')).toEqual([])
    })
  })

  test('a copy that cannot be deleted gives the tag back its image', async () => {
    await withBehaviour(behaviours['Docker Hub'], async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1', 'v1'])
      expect(await reasonOf(fake.api.untag(versionOf(image.index, 'pr-1', 'v1'), 'pr-1'))).toContain(
        'the registry does not delete tags',
      )
      expect(Object.fromEntries(fake.tags)).toEqual({ 'pr-1': image.index.digest, v1: image.index.digest })
    })
  })

  test('another server beside a plain registry never gets the login', async () => {
    await withBehaviour(behaviours.ACR, async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1', 'v1'])
      await fake.api.untag(versionOf(image.index, 'pr-1', 'v1'), 'pr-1')
      expect(fake.seen.filter((line) => line.includes('/api/'))).toEqual(['GET /api/v2.0/ping'])
    })
  })
})

describe('requests', () => {
  const heads = ({ seen }: Fake): number => seen.filter((line) => /^HEAD .*\/manifests\/v\d+$/.test(line)).length
  const tagged = (count: number): string[] => Array.from({ length: count }, (_, at) => `v${at}`)

  test('one look at all tags serves a whole image, a few requests at a time', async () => {
    await withBehaviour(behaviours['distribution 3'], async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1'])
      await fake.hands.push(makeImage('release'), tagged(300))
      await fake.api.read(versionOf(image.index))
      for (const part of partsOf(image)) await fake.api.remove(versionOf(part, 'pr-1'))
      expect(heads(fake)).toBe(300)
      expect(fake.busiest).toBeLessThanOrEqual(8)
      expect(await fake.hands.digest(image.index.digest)).toBeUndefined()
    })
  })

  test('an old snapshot is not trusted', async () => {
    await withBehaviour(behaviours['distribution 3'], async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1'])
      await fake.hands.push(makeImage('release'), ['v1'])
      expect((await fake.api.read(versionOf(image.index)))?.tags).toEqual(['pr-1'])
      await fake.hands.put('v1', image.index)
      fake.clock.now += 2001
      expect(await reasonOf(fake.api.remove(versionOf(image.index, 'pr-1')))).toContain('v1')
    })
  })

  test('a tag that came after the look is seen', async () => {
    await withBehaviour(behaviours['distribution 3'], async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1'])
      expect((await fake.api.read(versionOf(image.index)))?.tags).toEqual(['pr-1'])
      await fake.hands.put('v2', image.index)
      expect(await reasonOf(fake.api.remove(versionOf(image.index, 'pr-1')))).toContain('v2')
    })
  })

  test('a tag that left after the look is no reason to keep', async () => {
    await withBehaviour(behaviours['distribution 3'], async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1', 'v1'])
      expect((await fake.api.read(versionOf(image.index)))?.tags).toEqual(['pr-1', 'v1'])
      await fake.hands.put('v1', image.children[0]!)
      await fake.api.remove(versionOf(image.index, 'pr-1'))
      expect(Object.fromEntries(fake.tags)).toEqual({ v1: image.children[0]!.digest })
    })
  })

  test('a tag goes with no look at others', async () => {
    await withBehaviour(behaviours['distribution 3'], async (fake) => {
      const image = makeImage('run')
      await fake.hands.push(image, ['pr-1', 'latest'])
      await fake.hands.push(makeImage('release'), tagged(50))
      await fake.api.untag(versionOf(image.index, 'pr-1', 'latest'), 'pr-1')
      expect(fake.seen.filter((line) => line.includes('/tags/list'))).toEqual([])
      expect(fake.seen.filter((line) => line.includes('/manifests/')).length).toBeLessThanOrEqual(6)
    })
  })

  test('lists one page at a time, and no more than requested', async () => {
    await withBehaviour(behaviours['distribution 3'], async (fake) => {
      const [one, two] = [makeImage('one'), makeImage('two')]
      await fake.hands.push(one, tagged(150))
      await fake.hands.push(two, ['w1'])
      for await (const page of fake.api.list()) {
        expect(page).toEqual([versionOf(one.index, ...tagged(100))])
        break
      }
      expect(heads(fake)).toBe(100)
      const last = new Map<string, PackageVersion>()
      for await (const page of fake.api.list()) for (const version of page) last.set(version.id, version)
      expect([...last.values()]).toEqual([versionOf(one.index, ...tagged(150)), versionOf(two.index, 'w1')])
    })
  })

  test('an empty repository lists nothing', async () => {
    await withBehaviour(behaviours['distribution 3'], async (fake) => {
      for await (const page of fake.api.list()) expect(page).toEqual([])
    })
  })
})
