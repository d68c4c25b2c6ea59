import { serverHost } from '../../../src/registry/base-url.ts'
import { isLoopback } from '../../../src/lib/proxy.ts'
import type { RawFetch } from '../../../src/lib/http.ts'
import { createRawFetch } from '../../../src/lib/raw-fetch.ts'
import { RegistryError } from '../../../src/registry/error.ts'
import { describe, expect, test } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createRegistryClient, type RegistryOptions } from '../../../src/registry/client.ts'
import { answer, fakeClock, onNext, refusal, sha256, withRegistry, withServer, type FakeRegistry } from './server.ts'
import { ociIndex, ociManifest } from '../../../src/registry/manifest.ts'

const bytes = Buffer.from('{"schemaVersion":2}')
const digest = sha256(bytes)
const other = `sha256:${'1'.repeat(64)}`

async function withClient(
  use: (
    client: ReturnType<typeof createRegistryClient>,
    registry: FakeRegistry,
    slept: readonly number[],
  ) => Promise<void>,
  options: Partial<RegistryOptions> = {},
): Promise<void> {
  await withRegistry('none', async (registry) => {
    const clock = fakeClock()
    await use(createRegistryClient({ registry: registry.host, clock, ...options }), registry, clock.slept)
  })
}

const failureOf = async (work: Promise<unknown>): Promise<RegistryError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof RegistryError)) throw new Error(`no RegistryError but ${String(error)}`)
  expect(error.message).not.toContain('\n')
  return error
}

test('clients with the same connections find out once how a registry is reached', async () => {
  await withServer(
    (request, response) => answer(response, 200, {}, request.url ?? ''),
    async (host) => {
      const asked: string[] = []
      const direct = createRawFetch({})
      const raw: RawFetch = async (url, init) => {
        asked.push(new URL(url).pathname)
        return await direct(url, init)
      }
      const ask = () => createRegistryClient({ registry: host, raw }).listTags('a/b')
      await expect(ask()).rejects.toThrow('the list of tags is not valid')
      await expect(ask()).rejects.toThrow('the list of tags is not valid')
      expect(asked.filter((path) => path === '/v2/')).toHaveLength(1)
      expect(asked).toHaveLength(3)
    },
  )
})

test('clients that begin at the same time share that request, unless it is cancelled with its client', async () => {
  let held: (() => void) | undefined
  const asked: string[] = []
  const answerPing = (response: ServerResponse) => {
    if (asked.length === 1) held = () => answer(response, 200)
    else answer(response, 200)
  }
  const work = async (host: string, cancels: boolean) => {
    const raw = createRawFetch({})
    const cancel = new AbortController()
    const ask = (signal?: AbortSignal) =>
      createRegistryClient({ registry: host, raw, ...(signal && { signal }) }).headManifest('a/b', '1')
    const first = ask(cancel.signal)
    const second = ask()
    while (!held) await delay(1)
    if (cancels) {
      cancel.abort(new Error('cancelled'))
      await expect(first).rejects.toThrow('cancelled')
    } else {
      held()
      expect(await first).toBeUndefined()
    }
    expect(await second).toBeUndefined()
    return asked.splice(0)
  }
  await withServer(
    ({ url = '' }, response) => {
      asked.push(url)
      if (url === '/v2/') answerPing(response)
      else answer(response, 404)
    },
    async (host) => {
      expect(await work(host, false)).toEqual(['/v2/', '/v2/a/b/manifests/1', '/v2/a/b/manifests/1'])
      held = undefined
      expect(await work(host, true)).toEqual(['/v2/', '/v2/', '/v2/a/b/manifests/1'])
    },
  )
})

describe('manifests', () => {
  test('what was put can be had, by tag and by digest', async () => {
    await withClient(async (client) => {
      expect(await client.putManifest('acme/app', digest, bytes, ociManifest)).toBe(digest)
      expect(await client.headManifest('acme/app', '1.0')).toBeUndefined()
      expect(await client.putManifest('acme/app', '1.0', bytes, ociManifest)).toBe(digest)
      for (const reference of ['1.0', digest]) {
        expect(await client.headManifest('acme/app', reference)).toBe(digest)
        expect(await client.getManifest('acme/app', reference)).toEqual({ bytes, mediaType: ociManifest, digest })
      }
    })
  })

  test('a registry that supports only GET is queried with GET', async () => {
    await withClient(async (client, registry, slept) => {
      await client.putManifest('acme/app', '1.0', bytes, ociManifest)
      const refuse = (status: number) => registry.faults.push(onNext('HEAD', '/manifests/', status))
      refuse(405)
      expect(await client.headManifest('acme/app', '1.0')).toBe(digest)
      refuse(501)
      expect(await client.headManifest('acme/app', '2.0')).toBeUndefined()
      refuse(403)
      expect(await failureOf(client.headManifest('acme/app', '1.0'))).toMatchObject({ kind: 'denied' })
      expect(slept).toEqual([])
    })
  })

  test('a missing manifest is recognised', async () => {
    await withClient(async (client, { host }) => {
      const error = await failureOf(client.getManifest('acme/app', '1.0'))
      expect(error).toMatchObject({
        kind: 'not-found',
        status: 404,
        code: 'MANIFEST_UNKNOWN',
        host,
        repository: 'acme/app',
      })
      expect(error.message).toBe(
        `${host}/acme/app:1.0: ${host} does not have it, or does not show it without a login ` +
          '(404 MANIFEST_UNKNOWN: manifest unknown)',
      )
    })
  })

  test('content that does not match its digest is refused and not requested again', async () => {
    await withClient(async (client, registry, slept) => {
      registry.faults.push(onNext('GET', '/manifests/', 200, { 'content-type': ociManifest }, 'tampered'))
      expect(await failureOf(client.getManifest('acme/app', digest))).toMatchObject({ kind: 'protocol' })
      registry.faults.push(
        onNext('GET', '/manifests/', 200, { 'content-type': ociManifest, 'docker-content-digest': digest }, 'tampered'),
      )
      expect(await failureOf(client.getManifest('acme/app', 'tag'))).toMatchObject({ kind: 'protocol' })
      registry.faults.push(onNext('PUT', '/manifests/', 201, { 'docker-content-digest': other }))
      expect(await failureOf(client.putManifest('acme/app', 'tag', bytes, ociManifest))).toMatchObject({
        kind: 'protocol',
      })
      registry.faults.push(onNext('HEAD', '/manifests/', 200, { 'docker-content-digest': other }))
      expect(await failureOf(client.headManifest('acme/app', digest))).toMatchObject({ kind: 'protocol' })
      expect(await failureOf(client.putManifest('acme/app', other, bytes, ociManifest))).toMatchObject({
        kind: 'protocol',
      })
      expect(slept).toEqual([])
    })
  })

  test('a registry that names no digest and no media type', async () => {
    await withClient(async (client, registry) => {
      const index = JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [] })
      registry.faults.push(onNext('HEAD', '/manifests/', 200), onNext('GET', '/manifests/', 200, {}, index))
      expect(await client.headManifest('acme/app', 'tag')).toBe(sha256(index))
      registry.faults.push(onNext('GET', '/manifests/', 200, { 'content-type': 'text/plain; charset=utf-8' }, index))
      expect((await client.getManifest('acme/app', 'tag')).mediaType).toBe(ociIndex)
    })
  })

  test('more than 4 MiB are not read', async () => {
    await withClient(async (client, registry) => {
      registry.faults.push(onNext('GET', '/manifests/', 200, {}, ' '.repeat(4 * 1024 * 1024 + 1)))
      const error = await failureOf(client.getManifest('acme/app', 'tag'))
      expect(error).toMatchObject({ kind: 'protocol' })
      expect(error.message).toContain('longer than 4 MiB')
    })
  })

  test('deleting: a tag, what is not there, what is not allowed, and an answer that was lost', async () => {
    await withClient(async (client, registry) => {
      await client.putManifest('acme/app', '1.0', bytes, ociManifest)
      await client.deleteManifest('acme/app', '1.0')
      expect(await client.headManifest('acme/app', '1.0')).toBeUndefined()
      expect(await client.headManifest('acme/app', digest)).toBe(digest)
      expect(await failureOf(client.deleteManifest('acme/app', '1.0'))).toMatchObject({ kind: 'not-found' })
      registry.faults.push(
        onNext('DELETE', '/manifests/', 405, {}, refusal('UNSUPPORTED', 'The operation is unsupported.')),
      )
      expect(await failureOf(client.deleteManifest('acme/app', '1.0'))).toMatchObject({
        kind: 'protocol',
        status: 405,
        code: 'UNSUPPORTED',
      })
      registry.faults.push((request) => {
        request.socket.destroy()
        return true
      })
      await client.deleteManifest('acme/app', '1.0')
    })
  })
})

test('blobs', async () => {
  await withClient(async (client, registry) => {
    registry.blobs.set(`acme/app@${digest}`, bytes)
    expect(await client.headBlob('acme/app', digest)).toBe(true)
    expect(await client.headBlob('acme/app', other)).toBe(false)
    expect(Buffer.from(await client.getBlob('acme/app', digest)).equals(bytes)).toBe(true)
    registry.blobs.set(`acme/app@${other}`, bytes)
    expect(await failureOf(client.getBlob('acme/app', other))).toMatchObject({ kind: 'protocol' })
  })
})

test('a blob that a redirect leads to', async () => {
  await withServer(
    (_, response) => answer(response, 200, {}, bytes),
    async (storage) => {
      await withClient(async (client, registry) => {
        registry.faults.push(onNext('GET', '/blobs/', 307, { location: `http://${storage}/signed` }))
        expect(Buffer.from(await client.getBlob('acme/app', digest)).equals(bytes)).toBe(true)
      })
    },
  )
})

describe('tags', () => {
  test('are read page by page', async () => {
    await withClient(async (client, registry) => {
      const tags = Array.from({ length: 7 }, (_, number) => `t${number}`)
      tags.forEach((tag) => registry.tags.set(`acme/app:${tag}`, digest))
      registry.pageSize = 3
      expect(await client.listTags('acme/app')).toEqual(tags)
      expect(registry.seen).toHaveLength(3)
      expect(await client.listTags('acme/none')).toEqual([])
    })
  })

  test('a list that continues at another server, or in a circle, is refused', async () => {
    await withClient(async (client, registry) => {
      registry.faults.push(
        onNext(
          'GET',
          '/tags/',
          200,
          { link: '<http://elsewhere.example.com/v2/acme/app/tags/list>; rel="next"' },
          '{"tags":["a"]}',
        ),
      )
      expect((await failureOf(client.listTags('acme/app'))).message).toContain('another server')
      const circle = onNext(
        'GET',
        '/tags/',
        200,
        { link: '</v2/acme/app/tags/list?n=1000>; rel=next' },
        '{"tags":["a"]}',
      )
      registry.faults.push(circle)
      expect((await failureOf(client.listTags('acme/app'))).message).toContain('more than')
      registry.faults.push(onNext('GET', '/tags/', 200, {}, '<html>'))
      expect((await failureOf(client.listTags('acme/app'))).message).toContain('is not valid')
    })
  })

  test('names that are too long for tags are left out, and a list without an end is refused', async () => {
    await withClient(async (client, registry) => {
      const page = (tags: readonly string[], next = '') =>
        onNext('GET', '/tags/', 200, next === '' ? {} : { link: `<${next}>; rel="next"` }, JSON.stringify({ tags }))
      registry.faults.push(page(['a'.repeat(129), 'b'.repeat(128)]))
      expect(await client.listTags('acme/app')).toEqual(['b'.repeat(128)])
      for (let number = 0; number < 4; number++)
        registry.faults.push(
          page(
            Array.from({ length: 260_000 }, (_, at) => `${number}-${at}`),
            `/v2/acme/app/tags/list?last=${number}`,
          ),
        )
      expect((await failureOf(client.listTags('acme/app'))).message).toContain('more than 1000000 entries')
    })
  })
})

describe('patience', () => {
  test('a registry that fails, slows us down or hangs up for a moment', async () => {
    await withClient(async (client, registry, slept) => {
      registry.faults.push(
        onNext('PUT', '/manifests/', 503),
        onNext('PUT', '/manifests/', 429, { 'retry-after': '5' }, refusal('TOOMANYREQUESTS', 'slow down')),
        onNext('PUT', '/manifests/', 429, { 'retry-after': 'Thu, 01 Jan 2026 00:00:15 GMT' }),
        (request) => {
          request.socket.resetAndDestroy()
          return true
        },
      )
      expect(await client.putManifest('acme/app', '1.0', bytes, ociManifest)).toBe(digest)
      expect(slept).toEqual([300, 5000, 9700, 2400])
    })
  })

  test('a registry that keeps failing', async () => {
    await withClient(async (client, registry) => {
      registry.faults.push(...Array.from({ length: 6 }, () => onNext('HEAD', '/manifests/', 502)))
      expect(await failureOf(client.headManifest('acme/app', '1.0'))).toMatchObject({ kind: 'server', status: 502 })
      registry.faults.push(
        ...Array.from({ length: 6 }, () =>
          onNext('GET', '/manifests/', 429, {}, refusal('TOOMANYREQUESTS', 'slow\ndown')),
        ),
      )
      expect(await failureOf(client.getManifest('acme/app', '1.0'))).toMatchObject({
        kind: 'too-many',
        code: 'TOOMANYREQUESTS',
      })
    })
  })

  test('an answer that breaks off is requested again', async () => {
    await withClient(async (client, registry, slept) => {
      await client.putManifest('acme/app', '1.0', bytes, ociManifest)
      registry.faults.push((_, response) => {
        response.writeHead(200, { 'content-length': '100' })
        response.write('{', () => response.destroy())
        return true
      })
      expect((await client.getManifest('acme/app', '1.0')).digest).toBe(digest)
      expect(slept).toEqual([300])
    })
  })

  test.each([400, 403, 405, 413])('%d is not retried', async (status) => {
    await withClient(async (client, registry) => {
      registry.faults.push(
        onNext('PUT', '/manifests/', status, {}, refusal('DENIED', 'permission_denied: write_package')),
      )
      const error = await failureOf(client.putManifest('acme/app', '1.0', bytes, ociManifest))
      expect(error.kind).toBe(status === 403 ? 'denied' : 'protocol')
      expect(registry.seen).toHaveLength(1)
    })
  })

  test('no server', async () => {
    const clock = fakeClock()
    let host = ''
    await withServer(
      () => undefined,
      async (free) => void (host = await Promise.resolve(free)),
    )
    const error = await failureOf(createRegistryClient({ registry: host, clock }).ping())
    expect(error).toMatchObject({
      kind: 'network',
      code: 'ECONNREFUSED',
      message: `${host}: no answer from ${host} (ECONNREFUSED)`,
    })
    expect(clock.slept).toHaveLength(5)
  })

  test('an abort is no failure of the registry', async () => {
    const control = new AbortController()
    await withClient(
      async (client, registry) => {
        registry.faults.push(() => {
          control.abort(new Error('cancelled'))
          return true
        })
        await expect(client.getManifest('acme/app', '1.0')).rejects.toThrow('cancelled')
        await expect(client.ping()).rejects.toThrow('cancelled')
      },
      { signal: control.signal },
    )
  })
})

describe('the scheme', () => {
  test.each([
    ['localhost', true],
    ['localhost:5000', true],
    ['127.0.0.1:5000', true],
    ['127.255.0.3', true],
    ['[::1]:5000', true],
    ['128.0.0.1:5000', false],
    ['127.0.0.1.example.com', false],
    ['localhost.example.com', false],
    ['ghcr.io', false],
  ])('%s is loopback: %j', (host, expected) => {
    expect(isLoopback(host)).toBe(expected)
  })

  test('Docker Hub has a server of another name; other registries are spoken to in TLS only', async () => {
    const asked: string[] = []
    const fetch = ((url: string) => {
      asked.push(url)
      return Promise.resolve(new Response('{}'))
    }) as typeof globalThis.fetch
    await createRegistryClient({ registry: 'docker.io', fetch }).ping()
    await createRegistryClient({ registry: 'ghcr.io', fetch }).ping()
    expect(asked).toEqual(['https://registry-1.docker.io/v2/', 'https://ghcr.io/v2/'])
    expect(serverHost('index.docker.io')).toBe('registry-1.docker.io')
  })

  test.each([
    ['answers 400', 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'],
    ['hangs up', ''],
    [
      'sends us there',
      'HTTP/1.1 308 Permanent Redirect\r\nlocation: https://127.0.0.1/v2/\r\ncontent-length: 0\r\n\r\n',
    ],
  ])('a loopback server that %s to plain http is spoken to in TLS', async (_, reply) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(reply))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const asked: string[] = []
    const fetch = ((url: string, init: RequestInit) => {
      asked.push(url)
      return url.startsWith('https:') ? Promise.resolve(new Response('{}')) : globalThis.fetch(url, init)
    }) as typeof globalThis.fetch
    const client = createRegistryClient({ registry: host, fetch })
    await client.ping()
    await client.ping()
    expect(asked).toEqual([`http://${host}/v2/`, `https://${host}/v2/`, `https://${host}/v2/`, `https://${host}/v2/`])
    server.close()
  })

  test('a plain server that answers 400 to everything stays plain', async () => {
    await withServer(
      (_, response) => answer(response, 400, {}, refusal('NAME_INVALID', 'no')),
      async (host) => {
        expect(await failureOf(createRegistryClient({ registry: host }).ping())).toMatchObject({
          kind: 'protocol',
          status: 400,
        })
      },
    )
  })
})
