import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { createFetch, findErrorCode, isUntrusted, type HostAccess, type RawFetch } from '../../../src/lib/http.ts'
import { createRawFetch } from '../../../src/lib/raw-fetch.ts'
import { createRegistryClient } from '../../../src/registry/client.ts'
import { createCertificateEnv, saveRegistryHosts } from '../../../src/registry/hosts.ts'

const servers: Server[] = []
async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

type Hosts = Readonly<Record<string, HostAccess>>
type Get = (url: string) => Promise<string>

const clients: Readonly<Record<string, (env: NodeJS.ProcessEnv, hosts?: Hosts, authority?: string) => Get>> = {
  createFetch: (env, hosts) => {
    const fetch = createFetch(env, hosts)
    return async (url) => await (await fetch(url)).text()
  },
  createRawFetch: (env, hosts, authority) => readWith(createRawFetch(env, hosts, authority), false),
  'createRawFetch, large': (env, hosts, authority) => readWith(createRawFetch(env, hosts, authority), true),
}

function readWith(raw: RawFetch, isLarge: boolean): Get {
  return async (url) => {
    const { body } = await raw(url, { method: 'GET', headers: {}, signal: new AbortController().signal, isLarge })
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(Buffer.from(chunk))
    return Buffer.concat(chunks).toString()
  }
}

describe.each(Object.keys(clients))('%s', (name) => {
  const create = clients[name]!

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  test('with a proxy, http requests and https tunnels go through it, except to loopback addresses', async () => {
    const target = await listen(createServer((_, answer) => answer.end('target')))
    const asked: string[] = []
    const proxy = createServer(({ url }, answer) => {
      asked.push(`GET ${url}`)
      answer.end('proxied')
    })
    proxy.on('connect', ({ url }, socket) => {
      asked.push(`CONNECT ${url}`)
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
    const uri = `http://127.0.0.1:${await listen(proxy)}`
    const get = create({ HTTP_PROXY: uri, HTTPS_PROXY: uri, NO_PROXY: 'direct.invalid' })
    expect(await get('http://registry.invalid/v2/')).toBe('proxied')
    expect(await get(`http://127.0.0.1:${target}/v2/`)).toBe('target')
    await expect(get('https://registry.invalid/v2/')).rejects.toThrow()
    await expect(get('http://direct.invalid/v2/')).rejects.toThrow()
    expect(asked).toEqual(['GET http://registry.invalid/v2/', 'CONNECT registry.invalid:443'])
  })
})

const unproxied = 'without a proxy, createFetch sends the request with Node’s own fetch'
test(unproxied, async () => {
  const nodeFetch = jest.spyOn(globalThis, 'fetch').mockResolvedValue(new Response('ok'))
  const init = { method: 'PUT', body: 'x' }
  try {
    expect(await (await createFetch({})('https://registry.invalid/v2/', init)).text()).toBe('ok')
    expect(nodeFetch.mock.calls).toEqual([['https://registry.invalid/v2/', init]])
  } finally {
    nodeFetch.mockRestore()
  }
})

describe.each(Object.keys(clients))('certificates with %s', (name) => {
  const create = clients[name]!
  const dir = mkdtempSync(join(tmpdir(), 'certificates-'))
  const [caFile, keyFile] = [join(dir, 'ca.pem'), join(dir, 'key.pem')]
  let ca = ''
  let registry = ''
  let other = ''

  beforeAll(async () => {
    const subject = ['-subj', '/CN=fake', '-addext', 'subjectAltName=IP:127.0.0.1']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
    execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, '-out', caFile, ...subject], { stdio: 'ignore' })
    ca = readFileSync(caFile, 'utf8')
    const start = async () => {
      const server = createTlsServer({ cert: ca, key: readFileSync(keyFile) }, (_, response) => response.end('ok'))
      return `127.0.0.1:${await listen(server)}`
    }
    registry = await start()
    other = await start()
  })
  afterAll(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
    rmSync(dir, { recursive: true })
  })

  const access = { ca: '', http: false, insecure: false, mirrors: [] }
  const read = async (get: Get, host: string) =>
    await get(`https://${host}/v2/`).catch((error: unknown) =>
      isUntrusted(findErrorCode(error)) ? 'not trusted' : error,
    )

  test('an authority of one registry is trusted for that registry only', async () => {
    const get = create({}, { [registry]: { ...access, ca } })
    expect([await read(get, registry), await read(get, other)]).toEqual(['ok', 'not trusted'])
  })

  test('and by a registry client for its token server, unless that has settings of its own', async () => {
    const hosts = { [registry]: { ...access, ca } }
    expect(await read(create({}, hosts, registry), other)).toBe(name === 'createFetch' ? 'not trusted' : 'ok')
    expect(await read(create({}, hosts, 'ghcr.io'), other)).toBe('not trusted')
    expect(await read(create({}, { ...hosts, [other]: access }, registry), other)).toBe('not trusted')
  })

  test('`insecure` counts for its host only', async () => {
    const get = create({}, { [registry]: { ...access, insecure: true } }, registry)
    expect([await read(get, registry), await read(get, other)]).toEqual(['ok', 'not trusted'])
  })

  test('the authorities of the operating system are trusted', async () => {
    const get = create({ SSL_CERT_FILE: caFile })
    expect([await read(get, registry), await read(get, other)]).toEqual(['ok', 'ok'])
    expect(await read(create({ SSL_CERT_FILE: join(dir, 'missing.pem') }), registry)).toBe('not trusted')
  })

  test('the certificate of an insecure registry is passed on to buildx, which fetches tokens itself', async () => {
    const hosts = await saveRegistryHosts(join(dir, 'hosts.json'), {
      [registry]: { ...access, insecure: true },
      '127.0.0.1:1': { ...access, insecure: true },
    })
    expect(hosts[registry]?.certificate?.replace(/\s/g, '')).toBe(ca.replace(/\s/g, ''))
    expect(hosts['127.0.0.1:1']).not.toHaveProperty('certificate')
    const certificates = join(dir, 'certs')
    expect(createCertificateEnv(certificates, hosts)['SSL_CERT_DIR']).toContain(`:${certificates}`)
    expect(readFileSync(join(certificates, '0.pem'), 'utf8').replace(/\s/g, '')).toBe(ca.replace(/\s/g, ''))
  })

  test('an untrusted certificate: the message names the input', async () => {
    const client = createRegistryClient({ registry: other, raw: createRawFetch({ SSL_CERT_FILE: '/dev/null' }) })
    await expect(client.ping()).rejects.toMatchObject({
      message: expect.stringContaining('`ca` for it in `registries`'),
    })
  })
})

test('a socks proxy is refused, without its login in the message', async () => {
  const raw = createRawFetch({ HTTPS_PROXY: 'socks5://user:secret@proxy.example:1080' })
  const error = await createRegistryClient({ registry: 'registry.invalid', raw })
    .ping()
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    message:
      'registry.invalid: no answer from registry.invalid ' +
      '(the proxy socks5://proxy.example:1080 is not supported: use an http or https proxy)',
    transient: false,
  })
})
