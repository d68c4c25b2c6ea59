import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { highestVersion, movingScope, parseVersionTag } from '../../../src/metadata/highest.ts'
import { updateByVersion } from '../../../src/publish/highest.ts'
import type { RegistryClient } from '../../../src/registry/client.ts'
import { ociIndex } from '../../../src/registry/manifest.ts'
import { sha256 } from '../registry/server.ts'

const plain = { prefix: '', suffix: '', variantSuffix: '', gitVersion: '' }
const repository = { registry: 'ghcr.io', path: 'acme/app' }
const log = { debug: () => undefined, info: () => undefined }
type Context = Parameters<typeof updateByVersion>[1]
const context: Context = { log, journal: { note: () => undefined }, isEphemeral: () => false }

/** A repository whose requests take effect one after the other, in an order that `turn` decides. */
function modelRegistry(tags: Map<string, string>, turn: () => Promise<unknown>): RegistryClient {
  const bytes = (digest: string) => new Uint8Array(Buffer.from(digest))
  const digestOf = (reference: string) => (reference.startsWith('sha256:') ? reference : tags.get(reference))
  const atOnce =
    <A extends readonly unknown[], T>(act: (...args: A) => T) =>
    async (...args: A): Promise<T> => {
      await turn()
      return act(...args)
    }
  const client: Partial<RegistryClient> = {
    registry: 'ghcr.io',
    listTags: atOnce(() => [...tags.keys()]),
    headManifest: atOnce((_: string, reference: string) => digestOf(reference)),
    getManifest: atOnce((_: string, reference: string) => {
      const digest = digestOf(reference) ?? ''
      return { digest, mediaType: ociIndex, bytes: bytes(digest) }
    }),
    putManifest: atOnce((_: string, reference: string, content: Uint8Array) => {
      tags.set(reference, Buffer.from(content).toString())
      return Buffer.from(content).toString()
    }),
  }
  return client as RegistryClient
}

/** One release, as `type=semver` rules with `latest=highest` give its tags. */
async function release(version: string, client: RegistryClient, suffix = ''): Promise<ReadonlySet<string>> {
  const [major = '', minor = ''] = version.split('.')
  const names = [version, `${major}.${minor}`, major, 'latest'].map((name) => `${name}${suffix}`)
  const digest = sha256(`${version}${suffix}`)
  const variant = {
    tags: names.map((tag) => ({ ...repository, tag })),
    highest: { ...plain, variantSuffix: suffix },
  }
  const index = { digest, mediaType: ociIndex, bytes: new Uint8Array(Buffer.from(digest)) }
  return await updateByVersion([{ variant, repository, client, index }], context)
}

const atOnce = (tags: Map<string, string>) => modelRegistry(tags, () => Promise.resolve())

describe('one release after the other', () => {
  test('a patch of an old line updates neither `latest` nor `2`', async () => {
    const tags = new Map<string, string>()
    for (const version of ['2.0.0', '1.2.3']) await release(version, atOnce(tags))
    expect(await release('1.1.9', atOnce(tags))).toEqual(new Set(['ghcr.io/acme/app:1', 'ghcr.io/acme/app:latest']))
    expect(Object.fromEntries(tags)).toEqual({
      ...Object.fromEntries(['2.0.0', '2.0', '2', 'latest'].map((tag) => [tag, sha256('2.0.0')])),
      ...Object.fromEntries(['1.2.3', '1.2', '1'].map((tag) => [tag, sha256('1.2.3')])),
      ...Object.fromEntries(['1.1.9', '1.1'].map((tag) => [tag, sha256('1.1.9')])),
    })
  })

  test('pre-releases and versions with another suffix do not count', async () => {
    const tags = new Map(['3.0.0-rc.1', '4.0.0-slim', '5.0', 'v1'].map((tag) => [tag, 'other']))
    expect(await release('2.0.0', atOnce(tags))).toEqual(new Set())
    expect(tags.get('latest')).toBe(sha256('2.0.0'))
    expect(await release('3.0.0', atOnce(tags), '-slim')).toEqual(new Set(['ghcr.io/acme/app:latest-slim']))
    expect(tags.get('latest')).toBe(sha256('2.0.0'))
  })

  test('the same version again updates its tags', async () => {
    const tags = new Map([
      ['2.0.0', 'before'],
      ['latest', 'before'],
    ])
    await release('2.0.0', atOnce(tags))
    expect([tags.get('2.0.0'), tags.get('latest')]).toEqual([sha256('2.0.0'), sha256('2.0.0')])
  })
})

test('releases at the same time end with the highest version in each tag, in any order of their requests', async () => {
  const versions = ['1.2.3', '1.2.4', '1.3.0', '2.0.0']
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.subarray(versions, { minLength: 2 }), async (scheduler, released) => {
      const tags = new Map<string, string>()
      const client = modelRegistry(tags, () => scheduler.schedule(Promise.resolve()))
      const done = Promise.all(released.map((version) => release(version, client)))
      await scheduler.waitFor(done)
      for (const tag of tags.keys()) {
        const scope = movingScope(tag, plain)
        if (!scope) continue
        const expected = highestVersion(released, scope, plain)?.tag ?? ''
        expect([tag, tags.get(tag)]).toEqual([tag, sha256(expected)])
      }
    }),
    { numRuns: 200 },
  )
})

test('other releases between any two requests of a release do not change the result', async () => {
  for (let first = 1; first <= 16; first++)
    for (let second = first; second <= 16; second++) {
      const tags = new Map<string, string>()
      let requests = 0
      const turn = async () => {
        requests++
        if (requests === first) await release('1.2.4', atOnce(tags))
        if (requests === second) await release('1.3.0', atOnce(tags))
      }
      await release('1.2.3', modelRegistry(tags, turn))
      const versions = ['1.2.3', requests < first ? '' : '1.2.4', requests < second ? '' : '1.3.0']
      const expected = sha256(versions.filter((version) => version !== '').at(-1) ?? '')
      expect([first, second, tags.get('latest'), tags.get('1')]).toEqual([first, second, expected, expected])
    }
})

test('a registry that cannot list its tags fails the run after the version is there', async () => {
  const tags = new Map<string, string>()
  const client = { ...atOnce(tags), listTags: () => Promise.reject(new Error('503')) }
  await expect(release('1.0.0', client)).rejects.toMatchObject({
    message: 'The versions in ghcr.io/acme/app could not be listed',
    details: ['503'],
  })
  expect([...tags.keys()]).toEqual(['1.0.0'])
})

describe('tags', () => {
  const named = { ...plain, prefix: 'app-', suffix: '-slim', variantSuffix: '-x' }

  test.each([
    ['latest', plain, []],
    ['1', plain, [1]],
    ['v1.2', plain, [1, 2]],
    ['1.2.3', plain, undefined],
    ['main', plain, undefined],
    ['latest', named, undefined],
    ['latest-x', named, []],
    ['app-latest-slim-x', named, []],
    ['app-1-slim-x', named, [1]],
    ['1-slim-x', named, undefined],
  ])('the scope of %s with %j', (tag, tags, expected) => {
    expect(movingScope(tag, tags)).toEqual(expected)
  })

  test.each([
    ['1.2.3', plain, [1, 2, 3]],
    ['v1.2.3', plain, [1, 2, 3]],
    ['1.2.3-rc.1', plain, undefined],
    ['1.2.3-slim', plain, undefined],
    ['app-1.2.3-slim-x', named, [1, 2, 3]],
    ['app-1.2.3-slim', named, undefined],
  ])('the version of %s with %j', (tag, tags, expected) => {
    expect(parseVersionTag(tag, tags)?.version).toEqual(expected)
  })
})
