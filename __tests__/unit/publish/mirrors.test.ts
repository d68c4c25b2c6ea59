import { expect, test } from '@jest/globals'
import { updateMirrors } from '../../../src/publish/mirrors.ts'
import type { Entry } from '../../../src/run/journal.ts'
import { behaviours, repository, withBehaviour, type Fake } from '../packages/oci/behaviour.ts'
import { makeImage } from '../packages/oci/images.ts'
import { answer, refusal, withServer } from '../registry/server.ts'

const { index } = makeImage('17-1-mab')

/** Copies the image of `source` to the mirrors, with the tags `1.2` and `latest`. */
async function mirror(source: Fake, hosts: readonly string[], fetch: typeof globalThis.fetch = globalThis.fetch) {
  const [entries, warnings]: [Entry[], string[]] = [[], []]
  const at = (registry: string) => ({ registry, path: repository })
  const outcomes = await updateMirrors(
    {
      from: at(source.host),
      digest: index.digest,
      mirrors: hosts.map((host) => ({
        repository: at(host),
        tags: ['1.2', 'latest'].map((tag) => ({ ...at(host), tag })),
      })),
    },
    {
      registries: { fetch, credentials: () => Promise.resolve(undefined), log: () => undefined },
      journal: { note: (entry) => entries.push(entry) },
      log: { info: () => undefined, warn: (text) => warnings.push(text) },
      signal: new AbortController().signal,
      ephemeral: true,
      isEphemeral: (tag) => tag === 'latest',
    },
  )
  return { outcomes, entries, warnings }
}

async function withImage(use: (source: Fake) => Promise<void>): Promise<void> {
  await withBehaviour(behaviours['distribution 3'], async (source) => {
    await source.hands.push(makeImage('17-1-mab'), [])
    await use(source)
  })
}

test('a mirror gets the image, then its tags; the journal has both first', async () => {
  await withImage((source) =>
    withBehaviour(behaviours.Zot, async (target) => {
      const { outcomes, entries, warnings } = await mirror(source, [target.host])
      expect(warnings).toEqual([])
      expect(outcomes).toMatchObject([{ tags: [{ tag: '1.2' }, { tag: 'latest' }] }])
      expect(await target.hands.missing('1.2')).toEqual([])
      expect([...target.tags.values()]).toEqual([index.digest, index.digest])
      const own = { registry: target.host, path: repository, digest: index.digest }
      expect(entries).toEqual([
        { kind: 'manifest', ...own },
        { kind: 'tag', ...own, tag: '1.2', ephemeral: false },
        { kind: 'tag', ...own, tag: 'latest', ephemeral: true },
      ])
    }),
  )
})

test('a mirror that refuses is a warning, and the next one is updated', async () => {
  await withImage((source) =>
    withServer(
      (request, response) => answer(response, request.url === '/v2/' ? 200 : 403, {}, refusal('DENIED', 'no')),
      (refusing) =>
        withBehaviour(behaviours.Zot, async (target) => {
          const { outcomes, warnings } = await mirror(source, [refusing, target.host])
          expect(outcomes.map(({ tags }) => tags.length)).toEqual([0, 2])
          expect(outcomes[0]?.failure).toContain('(403')
          expect(warnings).toEqual([expect.stringMatching(/^The mirror \S+ is not up to date: .*\(403\)\. Its/)])
          expect(target.tags.size).toBe(2)
        }),
    ),
  )
})

test('a tag that a mirror does not keep is named, and the other is updated', async () => {
  await withImage((source) =>
    withBehaviour(behaviours.Zot, async (target) => {
      const set = target.tags.set.bind(target.tags)
      target.tags.set = (tag, digest) => (tag === '1.2' ? target.tags : set(tag, digest))
      const { outcomes } = await mirror(source, [target.host])
      expect(outcomes[0]?.tags.map(({ tag }) => tag)).toEqual(['latest'])
      expect(outcomes[0]?.failure).toContain(`${target.host}/${repository}:1.2: `)
    }),
  )
})

test('an immutable tag of a mirror is named, and its other tags name their earlier image', async () => {
  await withImage((source) =>
    withBehaviour(behaviours.Zot, async (target) => {
      const old = makeImage('old')
      await target.hands.push(old, ['1.2', 'latest'])
      const refusing: typeof fetch = async (url, init) => {
        const isTag = init?.method === 'PUT' && (url as URL | string).toString().endsWith('/manifests/1.2')
        const refused = refusal('TAG_INVALID', 'the tag 1.2 is immutable')
        return isTag ? new Response(refused, { status: 400 }) : await fetch(url, init)
      }
      const { outcomes, warnings } = await mirror(source, [target.host], refusing)
      expect(outcomes[0]?.tags).toEqual([])
      expect(warnings).toEqual([expect.stringMatching(/:1\.2: .*is immutable\)\. Its other tags are as they were/)])
      expect([...target.tags]).toEqual([
        ['1.2', old.index.digest],
        ['latest', old.index.digest],
      ])
    }),
  )
})
