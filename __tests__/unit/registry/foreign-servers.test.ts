import { beforeEach, describe, expect, test } from '@jest/globals'
import type { RawFetch } from '../../../src/lib/http.ts'
import { createRawFetch } from '../../../src/lib/raw-fetch.ts'
import { createRegistryClient, type RegistryClient } from '../../../src/registry/client.ts'
import { sha256, withServer } from './server.ts'

// A public registry names servers of this machine. The registry is played by `raw`; this machine's server is real.
const registry = '192.0.2.1'
const bytes = Buffer.from('a blob')
const digest = sha256(bytes)

let reached: string[]
let connections: number
beforeEach(() => {
  reached = []
  connections = 0
})

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

async function* generate(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  await Promise.resolve()
  yield* chunks
}

/** Answers for the registry, and connects to every other server. */
function rawWith(name: string, answer: () => Answer, hosts: object, connected?: () => string): RawFetch {
  const real = createRawFetch({}, { ...hosts })
  return async (address, init) => {
    const url = new URL(address)
    if (url.hostname !== name) return await real(address, init)
    const { status, headers = {} } = answer()
    const get = (header: string) => headers[header.toLowerCase()] ?? null
    return { status, headers: { get }, body: generate(), address: connected?.() }
  }
}

const clientOf = (raw: RawFetch, name = registry) =>
  createRegistryClient({ registry: name, raw, credentials: { username: 'ci', password: 'secret' } })

type Attack = readonly [
  name: string,
  answer: (url: string) => Answer,
  use: (client: RegistryClient) => Promise<unknown>,
]
const read = async (client: RegistryClient) => {
  const chunks = client.readBlob('acme/app', { digest, size: bytes.length })(0)
  expect((await chunks.next()).value).toEqual(bytes)
}
/** Large ones have a connection of their own. */
const readLarge = async (client: RegistryClient) => {
  await client
    .readBlob('acme/app', { digest, size: 64 * 1024 * 1024 })(0)
    .next()
}
const write = (client: RegistryClient) => {
  const blob = { digest, size: bytes.length }
  return client.putBlob('acme/app', { blob, mountFrom: 'acme/base', read: () => generate(bytes) })
}
const attacks: readonly Attack[] = [
  [
    'a redirect',
    (location) => ({ status: 307, headers: { location } }),
    (client) => client.getBlob('acme/app', digest),
  ],
  ['a redirect of a stream', (location) => ({ status: 302, headers: { location } }), read],
  ['a redirect of a large stream', (location) => ({ status: 302, headers: { location } }), readLarge],
  [
    'a redirect of a manifest',
    (location) => ({ status: 301, headers: { location } }),
    (client) => client.getManifest('acme/app', 'v1'),
  ],
  ['an upload', (location) => ({ status: 202, headers: { location } }), write],
  [
    'a token server',
    (realm) => ({ status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}"` } }),
    (client) => client.headBlob('acme/app', digest),
  ],
]

/** Runs an attack with a server of this machine, which notes requests and has what the client wants. */
async function run(
  [, answer, use]: Attack,
  addressOf: (host: string) => string,
  {
    name = registry,
    hosts = () => ({}),
    connected,
  }: { name?: string; hosts?: (host: string) => object; connected?: () => string } = {},
): Promise<unknown> {
  let error: unknown
  await withServer(
    (request, response) => {
      reached.push(`${request.method ?? ''} ${String(request.headers.authorization)}`)
      request.resume().on('end', () => {
        const isToken = request.url?.includes('scope=') === true
        response.writeHead(request.method === 'PUT' ? 201 : 200, { 'content-type': 'application/json' })
        response.end(request.method === 'HEAD' ? undefined : isToken ? '{"token":"t"}' : bytes)
      })
    },
    async (host) => {
      const raw = rawWith(
        name,
        () => answer(`${name === registry ? 'https' : 'http'}://${addressOf(host)}/x`),
        hosts(host),
        connected,
      )
      await use(clientOf(raw, name)).catch((thrown: unknown) => {
        error = thrown
      })
    },
    () => connections++,
  )
  return error
}

const portOf = (host: string) => host.split(':')[1] ?? ''
const addresses: Readonly<Record<string, (host: string) => string>> = {
  '127.0.0.1': (host) => host,
  'another form of 127.0.0.1': (host) => `0x7f.1:${portOf(host)}`,
  localhost: (host) => `localhost:${portOf(host)}`,
  'an address in IPv6': (host) => `[::ffff:127.0.0.1]:${portOf(host)}`,
  '0.0.0.0': (host) => `0.0.0.0:${portOf(host)}`,
}

describe.each(attacks)('%s of a public registry', (...attack) => {
  test.each(Object.entries(addresses))('to %s is not followed', async (_, addressOf) => {
    expect(await run(attack, addressOf)).toMatchObject({
      message: expect.stringMatching(
        /the registry refers to .*, an address of this machine .* list that host in `registries`/,
      ),
      transient: false,
    })
    expect(connections).toBe(0)
  })

  test.each(['169.254.169.254', '[::1]:1', '[fe80::1]', '[fd00:ec2::254]', '100.100.100.200', '168.63.129.16'])(
    'to %s is not followed',
    async (address) => {
      expect(await run(attack, () => address)).toMatchObject({
        message: expect.stringContaining('the registry refers to'),
      })
    },
  )

  test('to a host of `registries` is followed; only a token server gets the login', async () => {
    const hosts = (host: string) => ({ [host]: { ca: '', http: true, insecure: false } })
    await run(attack, (host) => host, { hosts })
    expect(reached.length).toBeGreaterThan(0)
    expect(reached.some((line) => line.includes(' Basic '))).toBe(attack[0] === 'a token server')
  })
})

test.each(attacks)('%s of a registry of this machine is followed', async (...attack) => {
  await run(attack, (host) => host, { name: 'localhost' })
  expect(reached.length).toBeGreaterThan(0)
})

// `localhost` stands for a name whose lookup says that it is of this machine, and whose connections say that it is not.
test.each(attacks)('%s of a registry that is of this machine only for a lookup is not followed', async (...attack) => {
  const error = await run(attack, (host) => host, { name: 'localhost', connected: () => '192.0.2.1' })
  expect(error).toMatchObject({ message: expect.stringContaining('the registry refers to') })
  expect(connections).toBe(0)
})

test('a response has the address of its server', async () => {
  await withServer(
    (_, response) => response.end(),
    async (host) => {
      const init = { method: 'GET', headers: {}, signal: AbortSignal.timeout(10_000) }
      expect(await createRawFetch({})(`http://${host}/`, init)).toMatchObject({ address: '127.0.0.1' })
    },
  )
})
