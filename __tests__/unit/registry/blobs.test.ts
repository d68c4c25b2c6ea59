import { beforeAll, describe, expect, test } from '@jest/globals'
import type { Fetch, RawFetch } from '../../../src/lib/http.ts'
import { createRawFetch } from '../../../src/lib/raw-fetch.ts'
import { createRegistryClient, type RegistryClient } from '../../../src/registry/client.ts'
import { withBlobServer, type BlobServer } from './blob-server.ts'
import { answer, fakeClock, sha256, withServer } from './server.ts'

const content = Buffer.alloc(20 * 1024 * 1024)
for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at)
const blob = { digest: sha256(content), size: content.length }
const small = Buffer.from('small')
const smallBlob = { digest: sha256(small), size: small.length }

interface Both {
  readonly source: BlobServer
  readonly target: BlobServer
  readonly put: (
    id?: typeof blob,
    mountFrom?: string,
    isVerifiedThere?: () => boolean,
  ) => ReturnType<RegistryClient['putBlob']>
  readonly slept: readonly number[]
}

/** With the connections of a job, and with a plain `fetch`. */
const transports: Readonly<Record<string, { readonly raw?: RawFetch; readonly fetch?: Fetch }>> = {
  job: { raw: createRawFetch({}) },
  fetch: { fetch: globalThis.fetch },
}
let transport = transports['job']

async function withBoth(use: (both: Both) => Promise<void>): Promise<void> {
  await withBlobServer((source) =>
    withBlobServer(async (target) => {
      const clock = fakeClock()
      source.blobs.set(blob.digest, content).set(smallBlob.digest, small)
      const [from, to] = [source, target].map(({ host }) =>
        createRegistryClient({ registry: host, clock, ...transport }),
      )
      const put: Both['put'] = (id = blob, mountFrom, isVerifiedThere) =>
        to!.putBlob('acme/app', {
          blob: id,
          ...(mountFrom !== undefined && { mountFrom }),
          read: from!.readBlob('acme/source', id, isVerifiedThere),
        })
      await use({ source, target, put, slept: clock.slept })
    }),
  )
}

const transfers = ({ seen }: BlobServer) => seen.filter((line) => /^(GET|PUT|PATCH)/.test(line)).map(withoutNames)
const withoutNames = (line: string) => line.replace(/\?.*?(?= |$)/, '').replace(/sha256:\w+/, 'BLOB')

describe.each(Object.keys(transports))('with the connections of %s, a blob', (name) => {
  beforeAll(() => {
    transport = transports[name]
  })

  test('is streamed in one request, with its length', async () => {
    await withBoth(async ({ source, target, put }) => {
      expect(await put()).toBe('uploaded')
      expect(target.blobs.get(blob.digest)?.equals(content)).toBe(true)
      expect(transfers(source)).toEqual(['GET /v2/acme/source/blobs/BLOB'])
      expect(transfers(target)).toEqual(['PUT /v2/acme/app/blobs/uploads/u0'])
      expect(await put()).toBe('existing')
      expect(transfers(target)).toHaveLength(1)
    })
  })

  test('without content, and with little of it', async () => {
    await withBoth(async ({ source, target, put }) => {
      const none = { digest: sha256(''), size: 0 }
      source.blobs.set(none.digest, Buffer.alloc(0))
      expect(await put(none)).toBe('uploaded')
      expect(await put(smallBlob)).toBe('uploaded')
      expect([...target.blobs.keys()]).toEqual([none.digest, smallBlob.digest])
    })
  })

  test('is mounted where the registry can', async () => {
    await withBoth(async ({ source, target, put }) => {
      target.mounts = 'yes'
      expect(await put(blob, 'acme/other')).toBe('mounted')
      expect(target.seen).toEqual([`POST /v2/acme/app/blobs/uploads/?mount=${blob.digest}&from=acme%2Fother`])
      expect(source.seen).toEqual([])
    })
  })

  test.each(['no', 'denied'] as const)('is uploaded if the registry answers a mount with %s', async (mounts) => {
    await withBoth(async ({ target, put }) => {
      target.mounts = mounts
      expect(await put(blob, 'acme/other')).toBe('uploaded')
      expect(target.blobs.get(blob.digest)?.equals(content)).toBe(true)
      expect(target.uploads.size).toBe(1)
    })
  })
})

describe('a lost connection', () => {
  beforeAll(() => {
    transport = transports['job']
  })

  test('of the source is continued with a range, without a second upload', async () => {
    await withBoth(async ({ source, target, put, slept }) => {
      source.cuts.push(9_000_000, 5_000_000)
      expect(await put()).toBe('uploaded')
      expect(target.blobs.get(blob.digest)?.equals(content)).toBe(true)
      expect(transfers(source)).toHaveLength(3)
      expect(transfers(source)[1]).toMatch(/ bytes=\d+-$/)
      expect(transfers(target)).toHaveLength(1)
      expect(slept).toHaveLength(2)
    })
  })

  test('of a source without ranges: what came is skipped', async () => {
    await withBoth(async ({ source, target, put }) => {
      source.resumes = false
      source.cuts.push(9_000_000)
      expect(await put()).toBe('uploaded')
      expect(target.blobs.get(blob.digest)?.equals(content)).toBe(true)
      expect(transfers(target)).toHaveLength(1)
    })
  })

  test('of an upload is continued where it ended', async () => {
    await withBoth(async ({ source, target, put }) => {
      target.cuts.push(17_000_001)
      expect(await put()).toBe('uploaded')
      expect(target.blobs.get(blob.digest)?.equals(content)).toBe(true)
      expect(transfers(target)).toEqual([
        'PUT /v2/acme/app/blobs/uploads/u0',
        'GET /v2/acme/app/blobs/uploads/u0',
        `PATCH /v2/acme/app/blobs/uploads/u0 17000001-${content.length - 1}`,
        'PUT /v2/acme/app/blobs/uploads/u0',
      ])
      // From the last stored state of the digest on: up to 4 MiB and one chunk are read twice, not the whole blob.
      expect(Number(/bytes=(\d+)-/.exec(transfers(source)[1] ?? '')?.[1])).toBeGreaterThan(11_000_000)
    })
  })

  test('of an upload that the registry does not continue: begins again', async () => {
    await withBoth(async ({ target, put }) => {
      target.resumes = false
      target.cuts.push(9_000_000)
      expect(await put()).toBe('uploaded')
      expect(target.blobs.get(blob.digest)?.equals(content)).toBe(true)
      expect(target.uploads.size).toBe(2)
    })
  })

  test('that never holds ends the copy', async () => {
    await withBoth(async ({ source, target, put, slept }) => {
      source.cuts.push(...Array<number>(20).fill(10))
      await expect(put()).rejects.toMatchObject({ kind: 'network' })
      expect(slept).toHaveLength(5)
      expect(target.blobs.size).toBe(0)
    })
  })
})

describe('a receiver that verifies digests itself', () => {
  beforeAll(() => {
    transport = transports['job']
  })

  test('gets all content, whatever it is', async () => {
    await withBoth(async ({ source, target, put }) => {
      source.blobs.set(blob.digest, Buffer.from(content).fill(7, content.length - 1))
      await expect(put(blob, undefined, () => true)).rejects.toMatchObject({ status: 400 })
      expect(target.blobs.size).toBe(0)
      expect([...target.uploads.values()].map(({ length }) => length)).toEqual([content.length])
    })
  })

  test('nothing is read twice to continue an upload', async () => {
    await withBoth(async ({ source, target, put }) => {
      target.cuts.push(17_000_001)
      expect(await put(blob, undefined, () => true)).toBe('uploaded')
      expect(target.blobs.get(blob.digest)?.equals(content)).toBe(true)
      expect(transfers(source)[1]).toBe('GET /v2/acme/source/blobs/BLOB bytes=17000001-')
    })
  })

  test('that says so in the middle', async () => {
    await withBoth(async ({ target, put }) => {
      target.cuts.push(9_000_000)
      let asked = 0
      expect(await put(blob, undefined, () => asked++ > 5)).toBe('uploaded')
      expect(target.blobs.get(blob.digest)?.equals(content)).toBe(true)
    })
  })
})

describe('a source that is not honest', () => {
  test.each([
    ['other content', Buffer.from(content).fill(7, content.length - 1), /has the digest sha256:/],
    ['more content', Buffer.concat([content, small]), /longer than the 20971520 bytes/],
    ['less content', content.subarray(0, -1), /ended after 20971519 of 20971520 bytes/],
  ])('%s: the upload stays incomplete', async (_, other, message) => {
    await withBoth(async ({ source, target, put }) => {
      source.blobs.set(blob.digest, other)
      await expect(put()).rejects.toThrow(message)
      expect(target.blobs.size).toBe(0)
      for (const received of target.uploads.values()) expect(received.length).toBeLessThan(content.length)
    })
  })

  test('gets no login where it redirects to, nor does an upload elsewhere', async () => {
    const seen: (string | undefined)[] = []
    await withServer(
      (request, response) => {
        request.resume().once('end', () => {
          seen.push(request.headers.authorization)
          answer(response, request.method === 'PUT' ? 201 : 200, {}, request.method === 'PUT' ? '' : small)
        })
      },
      async (storage) => {
        const registry = (request: Parameters<typeof answer>[0]['req'], response: Parameters<typeof answer>[0]) => {
          if (request.headers.authorization === undefined)
            return answer(response, 401, { 'www-authenticate': 'Basic realm="here"' })
          if (request.method === 'GET') return answer(response, 307, { location: `http://${storage}/blob` })
          return answer(response, request.method === 'POST' ? 202 : 404, { location: `http://${storage}/upload` })
        }
        await withServer(registry, async (host) => {
          const credentials = { username: 'ci', password: 'secret' }
          const raw = createRawFetch({})
          const client = createRegistryClient({ registry: host, credentials, clock: fakeClock(), raw })
          const read = client.readBlob('acme/app', smallBlob)
          expect(await client.putBlob('acme/app', { blob: smallBlob, read })).toBe('uploaded')
        })
      },
    )
    expect(seen).toEqual([undefined, undefined])
  })
})

test('a token for a mount covers both repositories, the destination first', async () => {
  const scopes: string[][] = []
  await withServer(
    (request, response) => {
      const url = new URL(request.url ?? '', 'http://server')
      if (url.pathname === '/token') {
        scopes.push(url.searchParams.getAll('scope'))
        return answer(response, 200, {}, JSON.stringify({ token: 'abc' }))
      }
      const realm = `Bearer realm="http://${request.headers.host ?? ''}/token",service="s"`
      if (request.headers.authorization === undefined) return answer(response, 401, { 'www-authenticate': realm })
      return answer(response, 201)
    },
    async (host) => {
      const client = createRegistryClient({ registry: host, clock: fakeClock() })
      const read = client.readBlob('acme/source', smallBlob)
      expect(await client.putBlob('acme/app', { blob: smallBlob, mountFrom: 'acme/source', read })).toBe('mounted')
    },
  )
  expect(scopes.at(-1)).toEqual(['repository:acme/app:pull,push', 'repository:acme/source:pull'])
})

test('a cancelled copy ends its connections', async () => {
  await withBlobServer(async (source) => {
    source.blobs.set(blob.digest, content)
    source.cuts.push(1000)
    const cancel = new AbortController()
    const client = createRegistryClient({ registry: source.host, signal: cancel.signal, raw: createRawFetch({}) })
    const read = client.readBlob('acme/source', blob)(0)
    setTimeout(() => cancel.abort(), 5)
    await expect(
      (async () => {
        for await (const chunk of read) expect(chunk.length).toBeGreaterThan(0)
      })(),
    ).rejects.toThrow(/abort/)
  })
})
