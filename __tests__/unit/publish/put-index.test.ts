import { describe, expect, test } from '@jest/globals'
import { IndexError } from '../../../src/publish/index.ts'
import { putIndex } from '../../../src/publish/publish.ts'
import { dockerManifest, ociIndex } from '../../../src/registry/manifest.ts'
import { answer, onNext, refusal, type FakeRegistry } from '../registry/server.ts'
import { onlyProvenance, platform, push, repository as name, targets, withPushed } from './parts.ts'

const puts = ({ seen }: FakeRegistry) =>
  seen.flatMap(({ method, url, authorization }) =>
    method === 'PUT' && authorization !== undefined ? [url.split('/').at(-1)] : [],
  )
const soon = { sleep: () => Promise.resolve() }
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing failed',
    (error: unknown) => (error instanceof IndexError ? error.message : error),
  )

describe('putIndex', () => {
  const pushed = [push('linux/amd64'), push('linux/arm64', { attestations: 2 }), push('linux/arm/v7', { plain: true })]

  test('puts the index by its digest and updates no tag', async () => {
    await withPushed(pushed, async (client, registry) => {
      const { index, platforms } = await putIndex(client, name, {
        parts: targets(pushed),
        annotations: { 'org.example': 'x' },
      })
      expect(registry.manifests.get(`${name}@${index.digest}`)?.bytes.equals(index.bytes)).toBe(true)
      expect(puts(registry)).toEqual([index.digest])
      expect(registry.tags.size).toBe(0)
      const none = { ...onlyProvenance.attestations, found: [] }
      expect(platforms).toEqual(
        pushed.map(({ part, image, size, attestations }) => {
          const content = { ...onlyProvenance, ...(attestations.length === 0 && { attestations: none }) }
          return { platform: part.platform, digest: image.digest, size, content }
        }),
      )
      expect(index.children).toHaveLength(6)
      for (const { digest } of pushed.flatMap(({ attestations }) => attestations))
        expect(registry.seen.some(({ method, url }) => method === 'GET' && url.endsWith(digest))).toBe(true)
    })
  })

  test('the same parts make the same index again', async () => {
    await withPushed(pushed, async (client) => {
      const order = ['linux/arm/v7', 'linux/amd64', 'linux/arm64'].map(platform)
      const first = await putIndex(client, name, { parts: targets(pushed), annotations: {}, platforms: order })
      const second = await putIndex(client, name, {
        parts: targets([...pushed].reverse()),
        annotations: {},
        platforms: order,
      })
      expect(second.index.digest).toBe(first.index.digest)
    })
  })

  test.each([
    ['os/architecture only', { os: 'linux', architecture: 'arm' }],
    ['the variant, too', { os: 'linux', architecture: 'arm', variant: 'v6' }],
  ])('a configuration with %s is accepted', async (_, config) => {
    const one = [push('linux/arm/v6', { config })]
    await withPushed(one, async (client) => {
      await expect(putIndex(client, name, { parts: targets(one), annotations: {} })).resolves.toBeDefined()
    })
  })

  test.each([
    ['of another architecture', { os: 'linux', architecture: 'amd64' }, 'has linux/amd64'],
    ['of another variant', { os: 'linux', architecture: 'arm64', variant: 'v9' }, 'has linux/arm64/v9'],
    ['of no platform', {}, 'has no known platform'],
  ])('an image %s is rejected before anything is put', async (_, config, message) => {
    const mismatched = [push('linux/amd64'), push('linux/arm64', { config })]
    await withPushed(mismatched, async (client, registry) => {
      expect(await failureOf(putIndex(client, name, { parts: targets(mismatched), annotations: {} }))).toContain(
        message,
      )
      expect(puts(registry)).toEqual([])
    })
  })

  test('an attestation or an image that is missing', async () => {
    await withPushed(pushed, async (client, registry) => {
      registry.manifests.delete(`${name}@${pushed[1]?.attestations[1]?.digest}`)
      expect(await failureOf(putIndex(client, name, { parts: targets(pushed), annotations: {}, ...soon }))).toContain(
        'linux/arm64: the attestation',
      )
      registry.manifests.delete(`${name}@${pushed[0]?.image.digest}`)
      expect(
        await failureOf(putIndex(client, name, { parts: targets(pushed), annotations: {}, ...soon })),
      ).toMatchObject({
        kind: 'not-found',
      })
      expect(puts(registry)).toEqual([])
    })
  })

  test('content that was just pushed may be missing on a replica; the index is reported before it is put', async () => {
    await withPushed(pushed, async (client, registry) => {
      const [image, attestation] = [pushed[0]?.part.digest ?? '', pushed[1]?.attestations[0]?.digest ?? '']
      const missing = (method: string, part: string) =>
        onNext(method, part, 404, {}, refusal('MANIFEST_UNKNOWN', 'manifest unknown'))
      registry.faults.push(
        missing('GET', image),
        missing('GET', image),
        missing('GET', attestation),
        missing('GET', '/blobs/'),
      )
      const reported: [string, boolean][] = []
      const onIndex = (digest: string) => reported.push([digest, registry.manifests.has(`${name}@${digest}`)])
      const { index } = await putIndex(client, name, { parts: targets(pushed), annotations: {}, ...soon, onIndex })
      expect(registry.faults).toEqual([])
      expect(reported).toEqual([[index.digest, false]])
    })
  })

  test('a registry that does not store what was put', async () => {
    await withPushed(pushed, async (client, registry) => {
      registry.faults.push((request, response) => request.method === 'PUT' && answer(response, 201))
      expect(
        await failureOf(putIndex(client, name, { parts: targets(pushed), annotations: {}, ...soon })),
      ).toMatchObject({
        kind: 'not-found',
      })
    })
  })

  test('one image without attestations and annotations is what the tags name, without an index', async () => {
    const single = [push('linux/arm64', { plain: true })]
    await withPushed(single, async (client, registry) => {
      const ownership = { run: '1' }
      const { index, platforms } = await putIndex(client, name, { parts: targets(single), annotations: {}, ownership })
      expect([index.digest, index.mediaType]).toEqual([single[0]?.part.digest, single[0]?.part.mediaType])
      expect(platforms.map(({ digest }) => digest)).toEqual([index.digest])
      expect(puts(registry)).toEqual([])
      const annotated = await putIndex(client, name, { parts: targets(single), annotations: { a: '1' }, ownership })
      expect(annotated.index.mediaType).toBe(ociIndex)
    })
  })

  test('Docker media types stay as they are', async () => {
    const single = [push('linux/arm64', { plain: true, manifestType: dockerManifest })]
    await withPushed(single, async (client) => {
      const { index } = await putIndex(client, name, { parts: targets(single), annotations: {} })
      expect(index.mediaType).toBe(dockerManifest)
    })
  })

  test('an image without layers, for which BuildKit writes `null`', async () => {
    const single = [push('linux/arm64', { plain: true, layers: null })]
    await withPushed(single, async (client) => {
      const { platforms } = await putIndex(client, name, { parts: targets(single), annotations: {} })
      expect(platforms[0]?.size).toBe(single[0]?.config.length)
    })
  })

  test('the `os.version` of a plain Windows image is that of its configuration', async () => {
    const config = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.1', 'os.features': ['win32k'] }
    const mixed = [push('windows/amd64', { plain: true, config }), push('linux/amd64', { plain: true })]
    await withPushed(mixed, async (client) => {
      const { index } = await putIndex(client, name, { parts: targets(mixed), annotations: {} })
      expect(index.children.map(({ descriptor }) => descriptor.platform)).toEqual([
        config,
        { architecture: 'amd64', os: 'linux' },
      ])
    })
  })
})
