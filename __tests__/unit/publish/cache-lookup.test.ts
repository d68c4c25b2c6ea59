import { describe, expect, test } from '@jest/globals'
import type { TargetCache } from '../../../src/inputs/cache/cache.ts'
import { CacheLookup } from '../../../src/publish/cache-lookup.ts'
import { renderHistory } from '../../../src/publish/history/runs.ts'
import { registries } from '../stories/fixtures.ts'
import { answer, sha256, withRegistry, type FakeRegistry } from '../registry/server.ts'

const main = { ref: 'refs/heads/main', trust: 'trusted' } as const
const proposal = { ref: 'refs/pull/7/merge', trust: 'pr' } as const

function cacheIn({ host }: FakeRegistry, isProposal = false, name = 'slim'): TargetCache {
  const tags = [...(isProposal ? [`${name}-pr`] : []), name, 'plain', 'old']
  const from = tags.map((tag) => `type=registry,ref=${host}/acme/app:${tag}`)
  const [first = ''] = from
  return { name: `${host}/acme/app:${tags[0] ?? ''}`, from, to: first, ...(isProposal && { ofProposals: first }) }
}

function put(registry: FakeRegistry, tag: string, bytes: Uint8Array = Buffer.from(tag)): void {
  registry.manifests.set(`acme/app@${sha256(bytes)}`, {
    bytes: Buffer.from(bytes),
    type: 'application/vnd.oci.image.manifest.v1+json',
  })
  registry.tags.set(`acme/app:${tag}`, sha256(bytes))
}

/** The history of the caches of proposals, whose last writer had this ref. */
function putHistory(registry: FakeRegistry, ref: string): void {
  const past = (at: string) => ({ ref: at, runId: '1', seconds: 1, targets: new Map() })
  put(registry, 'slim-pr-stats', renderHistory([past(ref), past('refs/pull/5/merge'), past(proposal.ref)]))
}

interface Given {
  readonly event?: typeof main | typeof proposal | { readonly ref: string; readonly trust: 'fork' }
  readonly signal?: AbortSignal
  readonly isImage?: boolean
  readonly longestWait?: number
}

function open({ host }: FakeRegistry, { event = main, isImage = true, ...more }: Given = {}): CacheLookup {
  return new CacheLookup({
    event,
    images: isImage ? [{ registry: host, path: 'acme/app' }] : [],
    registries: { ...registries, isPlain: () => true },
    signal: new AbortController().signal,
    longestWait: 60_000,
    debug: () => undefined,
    ...more,
  })
}

/** The tags that the build imports. */
async function choose(lookup: CacheLookup, cache: TargetCache): Promise<string> {
  const [target] = await lookup.choose([{ cache }])
  return (target?.cache.from ?? []).map((from) => from.replace(/^.*:/, '')).join(' ')
}

const asked = ({ seen }: FakeRegistry) => seen.flatMap(({ url }) => /manifests\/(.*)$/.exec(url)?.[1] ?? [])

describe('of the caches in a registry, a build imports', () => {
  test.each([
    [['slim', 'plain', 'old'], 'slim', ['slim']],
    [['plain', 'old'], 'plain', ['slim', 'plain']],
    [['old'], 'old', ['slim', 'plain', 'old']],
    [[], '', ['slim', 'plain', 'old']],
  ])('the first that exists, of %j: %s, and nothing else is asked for', async (tags, expected, requests) => {
    await withRegistry('bearer', async (registry) => {
      tags.forEach((tag) => put(registry, tag))
      expect(await choose(open(registry), cacheIn(registry))).toBe(expected)
      expect([...new Set(asked(registry))]).toEqual(requests)
      expect(registry.seen.filter(({ method }) => !['GET', 'HEAD'].includes(method))).toEqual([])
    })
  })

  test.each([
    ['this pull request', proposal.ref, proposal, 'slim-pr'],
    ['another pull request', 'refs/pull/8/merge', proposal, 'slim'],
    ['nobody', undefined, proposal, 'slim'],
    ['this pull request, which is now a fork’s', proposal.ref, { ...proposal, trust: 'fork' as const }, 'slim'],
  ])('for a proposal, if %s wrote the cache of proposals last', async (_, writer, event, expected) => {
    await withRegistry('bearer', async (registry) => {
      for (const tag of ['slim-pr', 'slim', 'plain']) put(registry, tag)
      if (writer !== undefined) putHistory(registry, writer)
      expect(await choose(open(registry, { event }), cacheIn(registry, true))).toBe(expected)
    })
  })

  test('for a proposal, that of other proposals if there is none of accepted code', async () => {
    await withRegistry('none', async (registry) => {
      for (const tag of ['slim-pr', 'plain']) put(registry, tag)
      expect(await choose(open(registry, { event: proposal }), cacheIn(registry, true))).toBe('slim-pr')
    })
  })

  test('all that may exist, if the registry refuses', async () => {
    await withRegistry('none', async (registry) => {
      for (const tag of ['slim', 'old']) put(registry, tag)
      registry.faults.push(({ url = '' }, response) => url.endsWith('/slim') && answer(response, 403))
      expect(await choose(open(registry), cacheIn(registry))).toBe('slim plain old')
    })
  })

  test('all that may exist, if the registry does not answer in time', async () => {
    await withRegistry('none', async (registry) => {
      const hang = (): number => registry.faults.push(({ url = '' }) => url.includes('acme') && hang() > 0)
      hang()
      expect(await choose(open(registry, { longestWait: 20 }), cacheIn(registry))).toBe('slim plain old')
    })
  })

  test('all, if the run is cancelled', async () => {
    await withRegistry('none', async (registry) => {
      put(registry, 'slim')
      const signal = AbortSignal.abort(new Error('cancelled'))
      expect(await choose(open(registry, { signal }), cacheIn(registry))).toBe('slim plain old')
      expect(registry.seen).toEqual([])
    })
  })

  test('all of a registry on the node, which is not this machine', async () => {
    await withRegistry('none', async (registry) => {
      put(registry, 'slim')
      expect(await choose(open(registry, { isImage: false }), cacheIn(registry))).toBe('slim plain old')
      expect(registry.seen).toEqual([])
    })
  })
})

test('each is asked for once, also if several targets may read it', async () => {
  await withRegistry('none', async (registry) => {
    put(registry, 'old')
    const lookup = open(registry)
    const caches = Array.from({ length: 9 }, (_, index) => cacheIn(registry, false, `v${index}`))
    lookup.start(caches)
    const targets = await lookup.choose(caches.map((cache) => ({ cache })))
    expect(new Set(targets.flatMap(({ cache }) => cache.from))).toEqual(new Set([caches[0]!.from[2]]))
    expect(asked(registry).filter((tag) => tag === 'old')).toHaveLength(1)
    expect(asked(registry)).toHaveLength(11)
  })
})

test('other caches and targets without one stay as they are', async () => {
  await withRegistry('none', async (registry) => {
    const gha = { name: 'type=gha, a', from: ['type=gha,scope=a-b', 'type=gha,scope=a'], to: 'type=gha,scope=a-b' }
    const targets = [{ cache: gha }, {}]
    expect(await open(registry).choose(targets)).toEqual(targets)
    expect(registry.seen).toEqual([])
  })
})
