import { afterEach, describe, expect, test } from '@jest/globals'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createFetch } from '../../../src/lib/http.ts'

const servers: Server[] = []
async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

describe('createFetch', () => {
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  test('without a proxy it is Node’s own', () => expect(createFetch({})).toBe(globalThis.fetch))

  test('with one, it asks through it, but for loopback: http as it is, https by a tunnel', async () => {
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
    const fetch = createFetch({ HTTP_PROXY: uri, HTTPS_PROXY: uri, NO_PROXY: 'direct.invalid' })
    expect(await (await fetch('http://registry.invalid/v2/')).text()).toBe('proxied')
    expect(await (await fetch(`http://127.0.0.1:${target}/v2/`)).text()).toBe('target')
    await expect(fetch('https://registry.invalid/v2/')).rejects.toThrow()
    await expect(fetch('http://direct.invalid/v2/')).rejects.toThrow()
    expect(asked).toEqual(['GET http://registry.invalid/v2/', 'CONNECT registry.invalid:443'])
  })
})
