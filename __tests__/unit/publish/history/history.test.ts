import { describe, expect, test } from '@jest/globals'
import { RunHistory } from '../../../../src/publish/history/history.ts'
import { emptyBlob, emptyContent, type PastRun } from '../../../../src/publish/history/runs.ts'
import { registries } from '../../stories/fixtures.ts'
import { withRegistry as withAnyRegistry, type FakeRegistry } from '../../registry/server.ts'

const main = { ref: 'refs/heads/main', trust: 'trusted', defaultBranch: 'main' } as const
const proposal = { ref: 'refs/pull/7/merge', trust: 'pr', baseRef: 'main', defaultBranch: 'main' } as const
const past = (ref: string, runId: string): PastRun => ({ ref, runId, seconds: 30, targets: new Map() })

/** A registry that has the empty blob: uploads are tested with a real one. */
async function withRegistry(use: (registry: FakeRegistry) => Promise<void>): Promise<void> {
  await withAnyRegistry('bearer', async (registry) => {
    registry.blobs.set(`acme/app@${emptyBlob.digest}`, emptyContent)
    await use(registry)
  })
}

interface Given {
  readonly event: typeof main | typeof proposal | (Omit<typeof proposal, 'trust'> & { readonly trust: 'fork' })
  readonly writes?: boolean
  readonly cache?: string
}

function open({ host }: FakeRegistry, { event, writes = true, cache }: Given) {
  const debug: string[] = []
  const suffix = event.trust === 'trusted' ? '' : '-pr'
  const history = new RunHistory({
    cache: cache ?? `${host}/acme/app:buildcache-linux-amd64${suffix}`,
    event,
    writes,
    registries: { ...registries, isPlain: () => true },
    signal: new AbortController().signal,
    debug: (text) => debug.push(text),
  })
  return { history, debug }
}

/** Reads, and returns the run that it is compared with. */
async function read(registry: FakeRegistry, given: Given): Promise<string | undefined> {
  const { history } = open(registry, given)
  await history.read()
  return history.previous()?.runId
}

async function write(registry: FakeRegistry, given: Given, run: PastRun): Promise<readonly string[]> {
  const { history, debug } = open(registry, given)
  await history.read()
  await history.write(run)
  return debug
}

describe('the history of a cache', () => {
  test('the second run is compared with the first, the third with the second', async () => {
    await withRegistry(async (registry) => {
      expect(await read(registry, { event: main })).toBeUndefined()
      for (const id of ['1', '2']) {
        expect(await write(registry, { event: main }, past(main.ref, id))).toEqual([])
        expect(await read(registry, { event: main })).toBe(id)
      }
      expect([...registry.tags.keys()]).toEqual(['acme/app:buildcache-linux-amd64-stats'])
    })
  })

  test('a proposal is compared with itself, at first with its base; accepted code reads nothing of it', async () => {
    await withRegistry(async (registry) => {
      await write(registry, { event: main }, past(main.ref, '1'))
      expect(await read(registry, { event: proposal })).toBe('1')
      await write(registry, { event: proposal }, past(proposal.ref, '2'))
      expect(await read(registry, { event: proposal })).toBe('2')
      // A proposal may claim to be the default branch.
      await write(registry, { event: proposal }, past(main.ref, '3'))
      expect(await read(registry, { event: main })).toBe('1')
    })
  })

  test('a fork reads both and writes nothing', async () => {
    await withRegistry(async (registry) => {
      const fork = { ...proposal, trust: 'fork' as const }
      await write(registry, { event: main }, past(main.ref, '1'))
      registry.seen.length = 0
      expect(await write(registry, { event: fork, writes: false }, past(fork.ref, '2'))).toEqual([])
      expect(await read(registry, { event: fork })).toBe('1')
      expect(registry.seen.filter(({ method }) => !['GET', 'HEAD'].includes(method))).toEqual([])
    })
  })

  test('a run that ended in the meantime is not lost', async () => {
    await withRegistry(async (registry) => {
      const { history } = open(registry, { event: main })
      await history.read()
      await write(registry, { event: { ...main, ref: 'refs/heads/main' } }, past('refs/heads/other', '1'))
      await history.write(past(main.ref, '2'))
      const other = open(registry, { event: main })
      await other.history.read()
      expect(other.history.previous()?.runId).toBe('2')
      const [tag] = registry.tags.values()
      expect(registry.manifests.get(`acme/app@${tag ?? ''}`)?.bytes.toString()).toContain('refs/heads/other')
    })
  })

  test.each(['type=gha, buildkit-linux-amd64', 'type=local, cache/linux-amd64', `registry.test/a:${'x'.repeat(125)}`])(
    'a cache that has no place for it is no error: %s',
    async (cache) => {
      await withRegistry(async (registry) => {
        expect(await write(registry, { event: main, cache }, past(main.ref, '1'))).toEqual([])
        expect(registry.seen).toEqual([])
      })
    },
  )

  test.each([403, 404, 405, 500])(
    'a registry that answers %i costs only the comparison',
    async (status) => {
      await withRegistry(async (registry) => {
        const refuse = () =>
          registry.faults.push((request, response) => {
            refuse()
            if (!(request.url ?? '').includes('acme')) return false
            response.writeHead(status).end()
            return true
          })
        refuse()
        const debug = await write(registry, { event: main }, past(main.ref, '1'))
        expect(debug.join('\n')).toContain('No comparison with an earlier run')
        expect(registry.tags.size).toBe(0)
      })
    },
    30_000,
  )
})
