import { describe, expect, test } from '@jest/globals'
import { deleteRunArtifacts } from '../../../../src/cleanup/run-image-cleanup.ts'
import { type Outcome } from '../../../../src/cleanup/run-artifacts.ts'
import { formatOutcomes } from '../../../../src/cleanup/run-artifacts.ts'
import { createPackageRepository, type PackageRepository } from '../../../../src/packages/repository.ts'
import type { PackageBackend } from '../../../../src/packages/backend.ts'
import { createRegistryClient } from '../../../../src/registry/client.ts'
import { withForge } from '../forgejo/forge.ts'
import { fakeClock, user } from '../../registry/server.ts'
import { behaviours, repository, withBehaviour, type Behaviour } from './behaviour.ts'
import { content, makeImage, type TestImage } from './images.ts'

const nonce = '4711-1-x'

/** The post step's part in it, for an image of this run. */
async function post(
  host: string,
  path: string,
  api: PackageBackend,
  { index, intermediates }: TestImage,
): Promise<Outcome[]> {
  return await deleteRunArtifacts(placeAt(host, path, api), {
    tags: [{ tag: 'pr-4711', digest: index.digest }],
    manifests: intermediates.map(({ digest }) => digest),
    runAnnotation: nonce,
  })
}

function placeAt(host: string, path: string, api: PackageBackend): PackageRepository {
  const registry = createRegistryClient({ registry: host, credentials: user, clock: fakeClock() })
  const clock = { now: Date.now, sleep: () => Promise.resolve() }
  return createPackageRepository({
    backend: api,
    registry,
    repository: path,
    name: `${host}/${path}`,
    clock,
    deadline: Date.now() + 60_000,
  })
}

const helpless = ['Docker Hub', 'deletion switched off', 'no right to delete']
const deleted = [{ subject: 'pr-4711', deleted: true }]

test.each(Object.entries(behaviours).filter(([name]) => !helpless.includes(name)))(
  '%s: nothing of the run is left, and everything else',
  async (_, behaviour: Behaviour) => {
    await withBehaviour(behaviour, async (fake) => {
      await fake.hands.push(makeImage('release'), ['v1'])
      const before = [...fake.manifests.keys()].sort()
      const image = makeImage(nonce)
      await fake.hands.push(image, ['pr-4711'])
      expect(await post(fake.host, repository, fake.api, image)).toEqual(deleted)
      expect([...fake.manifests.keys()].sort()).toEqual(before)
      expect(await fake.hands.tags()).toEqual(['v1'])
    })
  },
)

test.each(Object.entries(behaviours).filter(([name]) => !helpless.includes(name)))(
  '%s: what was given another tag keeps everything but ours',
  async (_, behaviour: Behaviour) => {
    await withBehaviour(behaviour, async (fake) => {
      const image = makeImage(nonce)
      await fake.hands.push(image, ['pr-4711', 'v1'])
      expect(await post(fake.host, repository, fake.api, image)).toContainEqual(deleted[0])
      expect(await fake.hands.tags()).toEqual(['v1'])
      expect(await fake.hands.missing('v1')).toEqual([])
    })
  },
)

test('Forgejo: nothing of the run is left, and everything else', async () => {
  await withForge(async (forge) => {
    const [release, image] = [makeImage('release'), makeImage(nonce)]
    await forge.hands('app').push(release, ['v1'])
    const before = forge.rows.map(({ version }) => version).sort()
    await forge.hands('app').push(image, ['pr-4711'])
    expect(await post(forge.host, 'acme/app', forge.open('app'), image)).toEqual(deleted)
    expect(forge.rows.map(({ version }) => version).sort()).toEqual(before)
  })
})

test('Forgejo: a tag in capitals is the one in small letters', async () => {
  await withForge(async (forge) => {
    const [release, image] = [makeImage('release'), makeImage(nonce)]
    await forge.hands('app').push(release, ['v1'])
    await forge.hands('app').push(image, ['PR-4711-Slim'])
    const before = forge.rows.filter(({ version }) => version === 'v1')
    const own = {
      tags: [{ tag: 'PR-4711-Slim', digest: image.index.digest }],
      manifests: image.intermediates.map(({ digest }) => digest),
      runAnnotation: nonce,
    }
    expect(await deleteRunArtifacts(placeAt(forge.host, 'acme/app', forge.open('app')), own)).toEqual([
      { subject: 'pr-4711-slim', deleted: true },
    ])
    expect(forge.rows.filter(({ content }) => content.bytes.includes(nonce))).toEqual([])
    expect(forge.rows.filter(({ version }) => version === 'v1')).toEqual(before)
  })
})

describe('messages for a registry that does not delete', () => {
  /** A release's image is everybody's; what each platform pushed before it was joined bears the mark of its run. */
  const told = async (behaviour: Behaviour, released: boolean) => {
    let kept: readonly string[] = []
    await withBehaviour(behaviour, async (fake) => {
      const image = makeImage(released ? 'release' : nonce)
      await fake.hands.push(image, [released ? 'v1' : 'pr-4711'])
      const marked = released
        ? image.intermediates.map(({ bytes, mediaType }) =>
            content(bytes.toString().replace('"release"', `"${nonce}"`), mediaType),
          )
        : image.intermediates
      for (const one of marked) expect(await fake.hands.put(one.digest, one)).toBe(201)
      const own = {
        tags: released ? [] : [{ tag: 'pr-4711', digest: image.index.digest }],
        manifests: marked.map(({ digest }) => digest),
        runAnnotation: nonce,
      }
      kept = formatOutcomes('here/app', await deleteRunArtifacts(placeAt(fake.host, repository, fake.api), own)).kept
      expect(await fake.hands.missing(released ? 'v1' : 'pr-4711')).toEqual([])
    })
    return kept
  }

  test('deletion switched off: nothing after a release, one line after a pull request', async () => {
    expect(await told(behaviours['deletion switched off'], true)).toEqual([])
    expect(await told(behaviours['deletion switched off'], false)).toEqual([
      expect.stringMatching(/^Kept here\/app:pr-4711: the registry does not delete it/),
    ])
  })

  test.each(['deletion switched off', 'no right to delete'] as const)(
    '%s: this is checked before the requests for each tag',
    async (name) => {
      await withBehaviour(behaviours[name], async (fake) => {
        const image = makeImage(nonce)
        await fake.hands.push(image, ['pr-4711'])
        await post(fake.host, repository, fake.api, image)
        // What it is about is read; which tags there are, and what they name, is not asked.
        expect(
          fake.seen.filter(
            (line) => !/^(GET \/v2\/|GET \/api\/v2.0\/ping|GET \S+\/manifests\/sha256:\w+|DELETE \S+)$/.test(line),
          ),
        ).toEqual([])
        expect([...fake.manifests.keys()]).toContain(image.index.digest)
      })
    },
  )

  test('no right to delete: no report if there is nothing to delete; a missing tag counts as deleted', async () => {
    await withBehaviour(behaviours['no right to delete'], async (fake) => {
      const image = makeImage('release')
      await fake.hands.push(image, ['v1'])
      const own = {
        tags: [{ tag: 'pr-4711', digest: `sha256:${'1'.repeat(64)}` }],
        manifests: image.children.map(({ digest }) => digest),
        runAnnotation: nonce,
      }
      expect(await deleteRunArtifacts(placeAt(fake.host, repository, fake.api), own)).toEqual([
        { subject: 'pr-4711', deleted: true },
      ])
    })
  })

  test('thousands of tags: a release resolves none of them, a pull request all', async () => {
    await withBehaviour(behaviours['distribution 3'], async (fake) => {
      const image = makeImage(nonce)
      await fake.hands.push(image, ['pr-4711'])
      for (let n = 0; n < 1001; n++) fake.tags.set(`v${n}`, image.index.digest)
      const manifests = image.intermediates.map(({ digest }) => digest)
      const asked = () => fake.seen.filter((line) => /^HEAD \S+\/manifests\/v\d+$/.test(line)).length
      expect(
        formatOutcomes(
          'here/app',
          await deleteRunArtifacts(placeAt(fake.host, repository, fake.api), {
            tags: [],
            manifests,
            runAnnotation: nonce,
          }),
        ),
      ).toEqual({ deleted: [], kept: [] })
      expect([asked(), manifests.filter((digest) => !fake.manifests.has(digest))]).toEqual([0, []])
      await post(fake.host, repository, fake.api, image)
      expect(asked()).toBeGreaterThan(1000)
    })
  }, 600_000)

  test('no right to delete: one line for all, with what would help', async () => {
    expect(await told(behaviours['no right to delete'], true)).toEqual([
      expect.stringMatching(
        /^Kept here\/app@sha256:\w+ and 1 more: \S+\/acme\/team\/app: .* Give the login the right to delete/,
      ),
    ])
    expect(await told(behaviours['no right to delete'], false)).toEqual([
      expect.stringMatching(/^Kept here\/app:pr-4711.*Give the login the right to delete/),
    ])
  })
})
