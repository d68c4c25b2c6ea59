import { describe, expect, test } from '@jest/globals'
import { putIndex } from '../../../src/publish/publish.ts'
import { isFixedTag, updateTags } from '../../../src/publish/tags.ts'
import type { RegistryClient } from '../../../src/registry/client.ts'
import { onNext, refusal, sha256, type FakeRegistry } from '../registry/server.ts'
import { push, repository as name, targets, withPushed } from './parts.ts'

describe('updateTags', () => {
  const pushed = [push('linux/amd64')]
  const withIndex = (
    use: (
      client: RegistryClient,
      registry: FakeRegistry,
      index: Awaited<ReturnType<typeof putIndex>>['index'],
    ) => Promise<void>,
  ) =>
    withPushed(pushed, async (client, registry) =>
      use(client, registry, (await putIndex(client, name, { parts: targets(pushed), annotations: {} })).index),
    )

  test('updates all of them, and reports each', async () => {
    await withIndex(async (client, registry, index) => {
      registry.tags.set(`${name}:latest`, sha256('before'))
      const reported: string[] = []
      expect(
        await updateTags(
          client,
          { repository: name, tags: ['1.0', '1', 'latest'], index },
          { onUpdated: (tag) => reported.push(tag) },
        ),
      ).toEqual({ updated: ['1.0', '1', 'latest'], failed: [] })
      expect(reported.sort()).toEqual(['1', '1.0', 'latest'])
      expect([...registry.tags.values()]).toEqual([index.digest, index.digest, index.digest])
    })
  })

  test('a tag that the registry refuses does not prevent the others', async () => {
    await withIndex(async (client, registry, index) => {
      registry.faults.push(onNext('PUT', '/manifests/1.0', 409, {}, refusal('TAG_INVALID', 'tag is immutable')))
      const { updated, failed } = await updateTags(client, { repository: name, tags: ['1.0', 'latest'], index })
      expect(updated).toEqual(['latest'])
      expect(failed).toMatchObject([
        {
          tag: '1.0',
          reason:
            `${registry.host}/acme/app:1.0: ` +
            `${registry.host} rejected the request (409 TAG_INVALID: tag is immutable)`,
        },
      ])
    })
  })

  test('a tag that has another digest afterwards was not updated; a replica that lags behind gets time', async () => {
    await withIndex(async (client, registry, index) => {
      const stale = onNext('HEAD', '/manifests/latest', 200, { 'docker-content-digest': sha256('before') })
      const slept: number[] = []
      const sleep = (ms: number) => Promise.resolve(slept.push(ms))
      registry.faults.push(stale, onNext('HEAD', '/manifests/latest', 404))
      expect(await updateTags(client, { repository: name, tags: ['latest'], index }, { sleep })).toMatchObject({
        updated: ['latest'],
        failed: [],
      })
      expect(slept).toEqual([250, 1000])
      registry.faults.push(stale, stale, stale, stale)
      const { failed } = await updateTags(client, { repository: name, tags: ['latest'], index }, { sleep })
      expect(failed[0]?.reason).toContain(`refers to ${sha256('before')} a few seconds later`)
    })
  })

  test('without tags nothing is done', async () => {
    await withIndex(async (client, _, index) => {
      expect(await updateTags(client, { repository: name, tags: [], index })).toEqual({ updated: [], failed: [] })
    })
  })

  test('an immutable tag that names the image already counts as updated', async () => {
    await withIndex(async (client, registry, index) => {
      registry.tags.set(`${name}:1.0`, index.digest)
      registry.faults.push(onNext('PUT', '/manifests/1.0', 409, {}, refusal('TAG_INVALID', 'tag is immutable')))
      expect(await updateTags(client, { repository: name, tags: ['1.0'], index })).toEqual({
        updated: ['1.0'],
        failed: [],
      })
    })
  })

  test.each(['1.2.3', 'v1.2.3-slim', 'sha-0123abc', '0123abcd'])('%s names one build', (tag) =>
    expect(isFixedTag(tag)).toBe(true),
  )
  test.each(['1', '1.2', 'latest', 'main', 'pr-17', 'sha'])('%s is a moving tag', (tag) =>
    expect(isFixedTag(tag)).toBe(false),
  )
})
