import { describe, expect, test } from '@jest/globals'
import { namesProxy, proxyFor } from '../../../src/lib/proxy.ts'

const env = { HTTP_PROXY: 'http://p:1', HTTPS_PROXY: 'http://s:2' }
const direct = 'direct'
const ask = (url: string, given: Readonly<Record<string, string>> = env) => proxyFor(new URL(url), given) ?? direct

describe('proxyFor', () => {
  test.each([
    ['https', 'https://ghcr.io/v2/', env, 'http://s:2'],
    ['http', 'http://ghcr.io/v2/', env, 'http://p:1'],
    ['small letters', 'https://ghcr.io/', { https_proxy: 'http://s:2' }, 'http://s:2'],
    ['without a scheme', 'https://ghcr.io/', { HTTPS_PROXY: 's:2' }, 'http://s:2'],
    ['HTTP_PROXY is not for https', 'https://ghcr.io/', { HTTP_PROXY: 'http://p:1' }, direct],
    ['loopback', 'http://127.0.0.1:5000/', env, direct],
    ['loopback, IPv6', 'http://[::1]:5000/', env, direct],
    ['loopback by name', 'http://localhost:5000/', env, direct],
  ])('%s', (_, url, given, expected) => expect(ask(url, given)).toBe(expected))

  // https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
  test.each([
    ['*', 'https://a.corp.example/', true],
    ['corp.example', 'https://corp.example/', true],
    ['corp.example', 'https://registry.corp.example/', true],
    ['corp.example', 'https://mycorp.example/', false],
    ['CORP.example', 'https://registry.Corp.Example/', true],
    ['.corp.example', 'https://registry.corp.example/', true],
    ['.corp.example', 'https://corp.example/', false],
    ['*.corp.example', 'https://registry.corp.example/', true],
    ['corp.example:5000', 'https://corp.example:5000/', true],
    ['corp.example:5000', 'https://corp.example/', false],
    ['corp.example:443', 'https://corp.example/', true],
    ['192.0.2.7', 'https://192.0.2.7/', true],
    ['192.0.2.0/24', 'https://192.0.2.7/', true],
    ['192.0.2.0/24', 'https://192.0.3.7/', false],
    ['192.0.2.0/24', 'https://corp.example/', false],
    ['2001:db8::/32', 'https://[2001:db8::1]/', true],
    ['[2001:db8::1]:443', 'https://[2001:db8::1]/', true],
    ['192.0.2.0/99, nonsense/24,, ,', 'https://192.0.2.7/', false],
    ['a.example , corp.example', 'https://corp.example/', true],
    ['', 'https://corp.example/', false],
  ])('NO_PROXY=%s: %s goes directly: %s', (noProxy, url, expected) =>
    expect(ask(url, { ...env, NO_PROXY: noProxy }) === direct).toBe(expected),
  )
})

test.each([
  [{}, false],
  [{ HTTPS_PROXY: '' }, false],
  [{ http_proxy: 'x' }, true],
  [{ NO_PROXY: '*' }, false],
])('%j names a proxy: %s', (given, expected) => {
  expect(namesProxy(given)).toBe(expected)
})
