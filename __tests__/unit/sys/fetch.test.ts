import { afterEach, describe, expect, test } from '@jest/globals'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { openFetch } from '../../../src/sys/fetch.ts'

const servers: Server[] = []
async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

describe('openFetch', () => {
  const before = { ...process.env }
  afterEach(() => {
    process.env = { ...before }
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  test('without a proxy it is Node’s own', () => expect(openFetch({})).toBe(globalThis.fetch))

  test('with one, it asks through it, but for loopback', async () => {
    const target = await listen(createServer((_, answer) => answer.end('target')))
    const asked: string[] = []
    const proxy = createServer()
    proxy.on('connect', ({ url }, socket) => {
      asked.push(url ?? '')
      const onward = connect(target, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        onward.pipe(socket).pipe(onward)
      })
    })
    process.env['http_proxy'] = `http://127.0.0.1:${await listen(proxy)}`
    const fetch = openFetch(process.env)
    expect(await (await fetch('http://registry.example/v2/')).text()).toBe('target')
    expect(await (await fetch(`http://127.0.0.1:${target}/v2/`)).text()).toBe('target')
    expect(asked).toEqual(['registry.example:80'])
  })
})
