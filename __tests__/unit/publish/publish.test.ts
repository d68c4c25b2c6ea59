import { describe, expect, test } from '@jest/globals'
import type { BuiltTarget } from '../../../src/buildx/run.ts'
import type { UserError } from '../../../src/lib/errors.ts'
import { publish } from '../../../src/publish/publish.ts'
import type { Entry } from '../../../src/run/journal.ts'
import { testNode, testVariant } from '../fixtures/nodes.ts'
import { onNext, refusal, user, type FakeRegistry } from '../registry/server.ts'
import { platform, push, withPushed } from './parts.ts'

const pushed = [push('linux/amd64'), push('linux/arm64')]
const paths = ['acme/app', 'acme/mirror']
const node = testNode('a', ['linux/amd64', 'linux/arm64'])

/** Two variants with two tags each, in two repositories. */
function request(registry: FakeRegistry, entries: Entry[] = []) {
  const images = paths.map((path) => ({ registry: registry.host, path }))
  const variants = ['slim', 'full'].map((name) =>
    testVariant(name, {
      images,
      tags: images.flatMap((image) => ['1.0', 'latest'].map((tag) => ({ ...image, tag: `${tag}-${name}` }))),
      annotations: [{ level: 'index', key: 'variant', value: name }],
    }),
  )
  const built = variants.flatMap((variant) =>
    pushed.map(({ part: { platform, digest } }): BuiltTarget => ({
      target: { id: `${variant.name}-${platform}`, variant, platform, node },
      digest,
      metadata: {},
    })),
  )
  const log = () => undefined
  return {
    variants,
    built,
    targets: built.map(({ target }) => target),
    nonce: '1-1-x',
    ephemeral: false,
    journal: { note: (entry: Entry) => entries.push(entry) },
    log: { info: log, line: log, warn: log, debug: log, annotate: log, lines: () => undefined },
    signal: new AbortController().signal,
    registries: { fetch: globalThis.fetch, credentials: () => Promise.resolve(user), log },
    isEphemeral: () => false,
  }
}

/** The successful writes of manifests: `digest acme/app` or `tag acme/app`. */
const writes = ({ seen }: FakeRegistry) =>
  seen
    .filter(({ method, authorization }) => method === 'PUT' && authorization !== undefined)
    .map(({ url }) => /^\/v2\/(.*)\/manifests\/(sha256:)?/.exec(url) ?? [])
    .map(([, path, digest]) => `${digest === undefined ? 'tag' : 'digest'} ${path}`)

describe('publish', () => {
  test('updates the tags last: when every index of every variant is in every repository', async () => {
    await withPushed(
      pushed,
      async (_, registry) => {
        const entries: Entry[] = []
        const published = await publish(request(registry, entries))
        const order = writes(registry)
        expect(order).toHaveLength(12)
        expect(order.slice(0, 4).sort()).toEqual(paths.flatMap((path) => [`digest ${path}`, `digest ${path}`]))
        expect(order.slice(4).every((write) => write.startsWith('tag '))).toBe(true)
        const lastIndex = registry.seen.findLastIndex(({ url }) => url.includes('/manifests/sha256:'))
        const firstTag = registry.seen.findIndex(({ url }) => /manifests\/(?:1\.0|latest)/.test(url))
        expect(lastIndex).toBeLessThan(firstTag)
        expect(entries.map(({ kind }) => kind)).toEqual([
          ...Array.from({ length: 4 }, () => 'manifest'),
          ...Array.from({ length: 8 }, () => 'tag'),
        ])
        expect(published.map(({ variant, tags, images }) => [variant.name, tags.length, images.length])).toEqual([
          ['slim', 4, 2],
          ['full', 4, 2],
        ])
        expect(new Set(registry.tags.values())).toEqual(new Set(published.map(({ digest }) => digest)))
      },
      paths,
    )
  })

  test('updates no tag if one index in one repository cannot be put', async () => {
    await withPushed(
      pushed,
      async (_, registry) => {
        registry.faults.push(onNext('PUT', '/acme/mirror/manifests/', 403, {}, refusal('DENIED', 'denied')))
        const error = (await publish(request(registry)).catch((error: unknown) => error)) as UserError
        expect(error.message).toBe(`The image index of ${registry.host}/acme/mirror could not be created`)
        expect(error.hint).toMatch(/^No tag was updated\. Check `username` and `password`/)
        expect(registry.tags.size).toBe(0)
      },
      paths,
    )
  })

  test('tries every tag, and lists which were not updated', async () => {
    await withPushed(
      pushed,
      async (_, registry) => {
        registry.faults.push(onNext('PUT', '/acme/mirror/manifests/1.0-full', 403, {}, refusal('DENIED', 'denied')))
        const error = (await publish(request(registry)).catch((error: unknown) => error)) as UserError
        expect(error.message).toBe('1 of 8 tags could not be updated')
        expect(error.details).toHaveLength(8)
        expect(error.details.at(-1)).toMatch(/^not updated: .*\/acme\/mirror:1\.0-full \(/)
      },
      paths,
    )
  })

  test('an immutable tag with a different image fails before the moving tags are updated', async () => {
    await withPushed(
      pushed,
      async (_, registry) => {
        const immutable = refusal('TAG_INVALID', "tag 'v1.0.0' is immutable and cannot be overwritten")
        registry.faults.push(onNext('PUT', '/acme/mirror/manifests/v1.0.0', 400, {}, immutable))
        const { variants, ...rest } = request(registry)
        const [slim = testVariant('')] = variants
        const tags = slim.images.flatMap((image) => ['latest', 'v1.0.0'].map((tag) => ({ ...image, tag })))
        const variant = { ...slim, tags }
        const built = rest.built
          .filter(({ target }) => target.variant === slim)
          .map((target) => ({ ...target, target: { ...target.target, variant } }))
        const targets = built.map(({ target }) => target)
        const publishing = publish({ ...rest, variants: [variant], built, targets })
        const error = (await publishing.catch((error: unknown) => error)) as UserError
        expect(error.message).toBe(`The tag ${registry.host}/acme/mirror:v1.0.0 is immutable and names another image`)
        expect([...registry.tags.keys()]).toEqual(['acme/app:v1.0.0'])
        expect(error.details[0]).toBe(`updated:     ${registry.host}/acme/app:v1.0.0`)
      },
      paths,
    )
  })

  test('an immutable `latest` leaves every tag that existed as it was, and no tag is created', async () => {
    await withPushed(
      pushed,
      async (_, registry) => {
        const { variants, ...rest } = request(registry)
        const [slim = testVariant('')] = variants
        const [image] = slim.images
        if (!image) throw new Error('no image')
        const names = ['latest', 'main', 'new']
        const variant = { ...slim, images: [image], tags: names.map((tag) => ({ ...image, tag })) }
        const built = rest.built
          .filter(({ target }) => target.variant === slim)
          .map((target) => ({ ...target, target: { ...target.target, variant } }))
        const before = [...registry.manifests.keys()][0] ?? ''
        const digest = before.slice(before.lastIndexOf('@') + 1)
        for (const tag of ['latest', 'main']) registry.tags.set(`${image.path}:${tag}`, digest)
        const immutable = refusal('DENIED', 'tag latest is immutable')
        registry.faults.push(onNext('PUT', `/${image.path}/manifests/latest`, 412, {}, immutable))
        const targets = built.map(({ target }) => target)
        const publishing = publish({ ...rest, variants: [variant], built, targets })
        const error = (await publishing.catch((error: unknown) => error)) as UserError
        expect(error.message).toMatch(/:latest is immutable and names another image$/)
        expect(error.details).toContain(`restored:    ${image.registry}/${image.path}:main`)
        expect(Object.fromEntries(registry.tags)).toEqual({
          [`${image.path}:latest`]: digest,
          [`${image.path}:main`]: digest,
        })
      },
      paths,
    )
  })

  test('an abort before the tags leaves them as they are', async () => {
    await withPushed(
      pushed,
      async (_, registry) => {
        const cancel = new AbortController()
        registry.faults.push((request) => {
          if (request.method === 'PUT') cancel.abort(new Error('cancelled'))
          return false
        })
        await expect(publish({ ...request(registry), signal: cancel.signal })).rejects.toThrow()
        expect(registry.tags.size).toBe(0)
      },
      paths,
    )
  })

  test('the index must have exactly the planned platforms', async () => {
    await withPushed(
      pushed,
      async (_, registry) => {
        const { built, ...rest } = request(registry)
        const missing = built.filter(({ target }) => target.platform !== platform('linux/arm64'))
        const error = (await publish({ ...rest, built: missing }).catch((error: unknown) => error)) as UserError
        expect(error.details).toEqual(['linux/arm64: was requested, but not built'])
      },
      paths,
    )
  })
})
