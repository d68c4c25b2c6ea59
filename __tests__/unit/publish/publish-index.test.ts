import { describe, expect, test } from '@jest/globals'
import { IndexError } from '../../../src/publish/index-manifest.ts'
import { moveTags, publishIndex } from '../../../src/publish/publish-index.ts'
import { openRegistry, type RegistryClient } from '../../../src/registry/client.ts'
import {
  answer,
  fakePacing,
  onNext,
  refusal,
  sha256,
  user,
  withRegistry,
  type FakeRegistry,
} from '../registry/server.ts'
import { platform, push, type Pushed } from './parts.ts'

const name = 'acme/app'

async function withPushed(
  pushed: readonly Pushed[],
  use: (client: RegistryClient, registry: FakeRegistry) => Promise<void>,
): Promise<void> {
  await withRegistry('bearer', async (registry) => {
    for (const { part, image, attestations, config } of pushed) {
      for (const { digest, bytes, mediaType } of [image, ...attestations, { ...part, bytes: Buffer.from(part.bytes) }])
        registry.manifests.set(`${name}@${digest}`, { bytes, type: mediaType })
      registry.blobs.set(`${name}@${sha256(config)}`, config)
    }
    await use(
      openRegistry({ registry: registry.host, credentials: user, willPush: true, pacing: fakePacing() }),
      registry,
    )
  })
}

const targets = (pushed: readonly Pushed[]) =>
  pushed.map(({ part }) => ({ platform: part.platform, digest: part.digest }))
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

describe('publishIndex', () => {
  const pushed = [push('linux/amd64'), push('linux/arm64', { attestations: 2 }), push('linux/arm/v7', { plain: true })]

  test('puts the index by its digest, and no tag', async () => {
    await withPushed(pushed, async (client, registry) => {
      const index = await publishIndex(client, name, targets(pushed), { 'org.example': 'x' })
      expect(registry.manifests.get(`${name}@${index.digest}`)?.bytes.equals(index.bytes)).toBe(true)
      expect(puts(registry)).toEqual([index.digest])
      expect(registry.tags.size).toBe(0)
      expect(index.platforms).toEqual(
        pushed.map(({ part, image, size }) => ({ platform: part.platform, digest: image.digest, size })),
      )
      expect(index.children).toHaveLength(6)
      for (const { digest } of pushed.flatMap(({ attestations }) => attestations))
        expect(registry.seen.some(({ method, url }) => method === 'HEAD' && url.endsWith(digest))).toBe(true)
    })
  })

  test('the same parts make the same index again', async () => {
    await withPushed(pushed, async (client) => {
      const order = ['linux/arm/v7', 'linux/amd64', 'linux/arm64'].map(platform)
      const first = await publishIndex(client, name, targets(pushed), {}, order)
      const second = await publishIndex(client, name, targets([...pushed].reverse()), {}, order)
      expect(second.digest).toBe(first.digest)
    })
  })

  test.each([
    ['os/architecture only', { os: 'linux', architecture: 'arm' }],
    ['the variant, too', { os: 'linux', architecture: 'arm', variant: 'v6' }],
  ])('a configuration with %s is as good', async (_, config) => {
    const one = [push('linux/arm/v6', { config })]
    await withPushed(one, async (client) => {
      await expect(publishIndex(client, name, targets(one), {})).resolves.toBeDefined()
    })
  })

  test.each([
    ['of another architecture', { os: 'linux', architecture: 'amd64' }, 'says linux/amd64'],
    ['of another variant', { os: 'linux', architecture: 'arm64', variant: 'v9' }, 'says linux/arm64/v9'],
    ['of no platform', {}, 'says no known platform'],
  ])('an image %s is found out before anything is put', async (_, config, message) => {
    const wrong = [push('linux/amd64'), push('linux/arm64', { config })]
    await withPushed(wrong, async (client, registry) => {
      expect(await failureOf(publishIndex(client, name, targets(wrong), {}))).toContain(message)
      expect(puts(registry)).toEqual([])
    })
  })

  test('an attestation or an image that is not there', async () => {
    await withPushed(pushed, async (client, registry) => {
      registry.manifests.delete(`${name}@${pushed[1]?.attestations[1]?.digest}`)
      expect(await failureOf(publishIndex(client, name, targets(pushed), {}, undefined, soon))).toContain(
        'linux/arm64: the attestation',
      )
      registry.manifests.delete(`${name}@${pushed[0]?.image.digest}`)
      expect(await failureOf(publishIndex(client, name, targets(pushed), {}, undefined, soon))).toMatchObject({
        kind: 'not-found',
      })
      expect(puts(registry)).toEqual([])
    })
  })

  test('what was pushed a moment ago may be missing on a replica; the index is told of before it is put', async () => {
    await withPushed(pushed, async (client, registry) => {
      const [image, attestation] = [pushed[0]?.part.digest ?? '', pushed[1]?.attestations[0]?.digest ?? '']
      const missing = (method: string, part: string) =>
        onNext(method, part, 404, {}, refusal('MANIFEST_UNKNOWN', 'manifest unknown'))
      registry.faults.push(
        missing('GET', image),
        missing('GET', image),
        missing('HEAD', attestation),
        missing('GET', '/blobs/'),
      )
      const told: [string, boolean][] = []
      const onIndex = (digest: string) => told.push([digest, registry.manifests.has(`${name}@${digest}`)])
      const index = await publishIndex(client, name, targets(pushed), {}, undefined, { ...soon, onIndex })
      expect(registry.faults).toEqual([])
      expect(told).toEqual([[index.digest, false]])
    })
  })

  test('a registry that does not keep what it was given', async () => {
    await withPushed(pushed, async (client, registry) => {
      registry.faults.push((request, response) => request.method === 'PUT' && answer(response, 201))
      expect(await failureOf(publishIndex(client, name, targets(pushed), {}, undefined, soon))).toMatchObject({
        kind: 'not-found',
      })
    })
  })
})

describe('moveTags', () => {
  const pushed = [push('linux/amd64')]
  const withIndex = (
    use: (
      client: RegistryClient,
      registry: FakeRegistry,
      index: Awaited<ReturnType<typeof publishIndex>>,
    ) => Promise<void>,
  ) =>
    withPushed(pushed, async (client, registry) =>
      use(client, registry, await publishIndex(client, name, targets(pushed), {})),
    )

  test('moves all of them, and tells of each', async () => {
    await withIndex(async (client, registry, index) => {
      registry.tags.set(`${name}:latest`, sha256('before'))
      const told: string[] = []
      expect(await moveTags(client, name, ['1.0', '1', 'latest'], index, { onMoved: (tag) => told.push(tag) })).toEqual(
        { moved: ['1.0', '1', 'latest'], failed: [] },
      )
      expect(told.sort()).toEqual(['1', '1.0', 'latest'])
      expect([...registry.tags.values()]).toEqual([index.digest, index.digest, index.digest])
    })
  })

  test('a tag that the registry refuses keeps no other from moving', async () => {
    await withIndex(async (client, registry, index) => {
      registry.faults.push(onNext('PUT', '/manifests/1.0', 409, {}, refusal('TAG_INVALID', 'tag is immutable')))
      const { moved, failed } = await moveTags(client, name, ['1.0', 'latest'], index)
      expect(moved).toEqual(['latest'])
      expect(failed).toMatchObject([
        {
          tag: '1.0',
          reason: `${registry.host}/acme/app:1.0: ${registry.host} does not take the request (409 TAG_INVALID: tag is immutable)`,
        },
      ])
    })
  })

  test('a tag that names something else afterwards did not move; a replica that lags behind is waited for', async () => {
    await withIndex(async (client, registry, index) => {
      const stale = onNext('HEAD', '/manifests/latest', 200, { 'docker-content-digest': sha256('before') })
      const slept: number[] = []
      const sleep = (ms: number) => Promise.resolve(slept.push(ms))
      registry.faults.push(stale, onNext('HEAD', '/manifests/latest', 404))
      expect(await moveTags(client, name, ['latest'], index, { sleep })).toMatchObject({
        moved: ['latest'],
        failed: [],
      })
      expect(slept).toEqual([250, 1000])
      registry.faults.push(stale, stale, stale, stale)
      const { failed } = await moveTags(client, name, ['latest'], index, { sleep })
      expect(failed[0]?.reason).toContain(`names ${sha256('before')} a few seconds later`)
    })
  })

  test('no tags are nothing to do', async () => {
    await withIndex(async (client, _, index) => {
      expect(await moveTags(client, name, [], index)).toEqual({ moved: [], failed: [] })
    })
  })
})
