import { describe, expect, test } from '@jest/globals'
import type { UserError } from '../../../src/lib/errors.ts'
import { publishParts } from '../../../src/publish/parts.ts'
import type { Entry } from '../../../src/run/journal.ts'
import { testNode, testVariant } from '../fixtures/nodes.ts'
import { event } from '../fixtures/job.ts'
import { onNext, refusal, user, type FakeRegistry } from '../registry/server.ts'
import { onlyProvenance, push, withPushed, type Pushed } from './parts.ts'

const amd = push('linux/amd64')
const arm = push('linux/arm64')
const paths = ['acme/app', 'acme/mirror']
const node = testNode('a', ['linux/amd64', 'linux/arm64'])

interface Given {
  readonly variant?: string
  readonly pushed?: readonly Pushed[]
  readonly attempt?: number
  readonly key?: string
  readonly entries?: Entry[]
}

async function publishPart(registry: FakeRegistry, given: Given = {}) {
  const { variant: name = '', pushed = [amd], attempt = 1, key = 'mab-0000000001', entries = [] } = given
  const log = () => undefined
  const images = paths.map((path) => ({ registry: registry.host, path }))
  const variant = testVariant(name, { images })
  const [published] = await publishParts({
    variants: [variant],
    built: pushed.map(({ part }) => ({
      target: { id: part.platform, variant, platform: part.platform, node },
      digest: part.digest,
    })),
    event: { ...event, runAttempt: attempt },
    key,
    journal: { note: (entry) => entries.push(entry) },
    signal: new AbortController().signal,
    registries: { fetch: globalThis.fetch, credentials: () => Promise.resolve(user), log },
  })
  return published
}

const failureOf = async (work: Promise<unknown>) => (await work.catch((error: unknown) => error)) as UserError

describe('a part', () => {
  test('has one build tag in each repository, on an index that says what it is', async () => {
    await withPushed(
      [amd],
      async (client, registry) => {
        const entries: Entry[] = []
        const published = await publishPart(registry, { variant: 'Slim', entries })
        expect([...registry.tags]).toEqual(
          paths.map((path) => [`${path}:build-0123456-4711-linux-amd64-slim`, published?.digest]),
        )
        const { bytes } = await client.getManifest('acme/mirror', published?.digest ?? '')
        const index = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>
        expect(index['annotations']).toEqual({
          'io.github.multiarch-build.run': '4711-1-mab-0000000001',
          'io.github.multiarch-build.part.platform': 'linux/amd64',
          'io.github.multiarch-build.part.variant': 'Slim',
          'io.github.multiarch-build.part.commit': event.sha,
          'io.github.multiarch-build.part.scope': expect.stringMatching(/^[0-9a-f]{8}$/),
        })
        expect(index['manifests']).toHaveLength(2)
        const { image, size } = amd
        expect(published?.platforms).toEqual([
          { platform: 'linux/amd64', digest: image.digest, size, content: onlyProvenance },
        ])
        expect(entries.map(({ kind }) => kind).sort()).toEqual(['manifest', 'manifest', 'part', 'part', 'tag', 'tag'])
        expect(entries.slice(-2).map(({ kind }) => kind)).toEqual(['part', 'part'])
      },
      paths,
    )
  })

  test('without attestations has an index as well', async () => {
    const plain = push('linux/amd64', { plain: true })
    await withPushed(
      [plain],
      async (client, registry) => {
        const published = await publishPart(registry, { pushed: [plain] })
        const { bytes } = await client.getManifest('acme/app', published?.digest ?? '')
        expect(JSON.parse(Buffer.from(bytes).toString())).toMatchObject({ manifests: [{ digest: plain.image.digest }] })
      },
      paths,
    )
  })

  test('of several platforms have no digest in common', async () => {
    await withPushed(
      [amd, arm],
      async (_, registry) => {
        const published = await publishPart(registry, { pushed: [amd, arm] })
        expect([published?.digest, published?.platforms.length, published?.tags.length]).toEqual(['', 2, 4])
      },
      paths,
    )
  })

  test('of a later attempt replaces that of an earlier one', async () => {
    await withPushed(
      [amd],
      async (_, registry) => {
        await publishPart(registry)
        const published = await publishPart(registry, { attempt: 2, key: 'mab-0000000002' })
        expect(registry.tags.get('acme/app:build-0123456-4711-linux-amd64')).toBe(published?.digest)
      },
      paths,
    )
  })

  test.each<[string, Given]>([
    ['the same part in the same attempt', { key: 'mab-0000000002' }],
    ['a part whose tag is the same', { variant: '', pushed: [amd], attempt: 2 }],
  ])('of another job stays: %s', async (title, given) => {
    await withPushed(
      [amd],
      async (_, registry) => {
        // Tags of variants are lower case, and differ there.
        const isOther = title.startsWith('a part')
        const first = await publishPart(registry, isOther ? { variant: 'X' } : {})
        const second = publishPart(registry, isOther ? { ...given, variant: 'x' } : given)
        const error = await failureOf(second)
        expect(error.message).toMatch(/^Another job of this run has pushed \S+:build-0123456-4711-linux-amd64(-x)?$/)
        expect(new Set(registry.tags.values())).toEqual(new Set([first?.digest]))
      },
      paths,
    )
  })

  test('that one repository refuses is a failure, whose tags post deletes', async () => {
    await withPushed(
      [amd],
      async (_, registry) => {
        registry.faults.push(onNext('PUT', '/acme/mirror/manifests/build-', 403, {}, refusal('DENIED', 'denied')))
        const entries: Entry[] = []
        const error = await failureOf(publishPart(registry, { entries }))
        expect(error.message).toBe('1 of 2 tags could not be updated')
        expect(entries.filter(({ kind }) => kind === 'part')).toEqual([])
      },
      paths,
    )
  })
})
