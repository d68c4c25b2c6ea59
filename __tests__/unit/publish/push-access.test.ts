import { describe, expect, test } from '@jest/globals'
import { checkPushAccess, PushAccessCheck, type PushAccessRequest } from '../../../src/publish/push-access.ts'
import type { RegistryClient } from '../../../src/registry/client.ts'
import { RegistryError } from '../../../src/registry/error.ts'
import { UserError } from '../../../src/lib/errors.ts'

const variants = [
  { images: [{ registry: 'r.example', path: 'acme/app' }] },
  {
    images: [
      { registry: 'r.example', path: 'acme/app' },
      { registry: 'r.example', path: 'acme/other' },
    ],
  },
]

/** A registry that answers with these statuses; `requests` has those it received. */
function registry(answer: (path: string) => number, requests: string[] = []) {
  const fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { pathname } = new URL(input instanceof Request ? input.url : input)
    requests.push(`${init?.method ?? 'GET'} ${pathname}`)
    const status = pathname === '/v2/' ? 200 : answer(pathname)
    return Promise.resolve(
      new Response(status === 202 ? null : '{}', {
        status,
        headers: status === 202 ? { location: `${pathname}1` } : {},
      }),
    )
  }
  return { fetch, credentials: () => Promise.resolve(undefined), log: () => expect('a line').toBe('none') }
}

/** A check that has started and is enforced. */
function enforced(request: PushAccessRequest) {
  const access = new PushAccessCheck(request)
  access.start()
  access.enforce()
  return access
}

const unexpected = (text: string) => expect(text).toBe('no warning')

const settle = () => new Promise((resolve) => setTimeout(resolve, 50))

describe('PushAccessCheck', () => {
  test('checks each repository once, and leaves nothing there', async () => {
    const requests: string[] = []
    const access = enforced({
      inputs: { push: true, variants },
      registries: registry(() => 202, requests),
      signal: new AbortController().signal,
      warn: unexpected,
    })
    await settle()
    access.stop()
    expect(access.signal.aborted).toBe(false)
    for (const path of ['/v2/acme/app/blobs/uploads/', '/v2/acme/other/blobs/uploads/']) {
      expect(requests.filter((one) => one === `POST ${path}`)).toHaveLength(1)
      expect(requests.filter((one) => one === `DELETE ${path}1`)).toHaveLength(1)
    }
  })

  test('checks nothing if nothing is pushed', async () => {
    const requests: string[] = []
    enforced({
      inputs: { push: false, variants },
      registries: registry(() => 401, requests),
      signal: new AbortController().signal,
      warn: unexpected,
    })
    await settle()
    expect(requests).toEqual([])
  })

  test.each([401, 403])('a clear refusal (%i) aborts the run, and names the repository', async (status) => {
    const { signal } = enforced({
      inputs: { push: true, variants },
      registries: registry((path) => (path.includes('other') ? status : 202)),
      signal: new AbortController().signal,
      warn: unexpected,
    })
    await settle()
    expect(signal.reason).toBeInstanceOf(UserError)
    expect(signal.reason).toMatchObject({ code: 'registry', message: 'Nothing can be pushed to r.example/acme/other' })
  })

  test.each([404, 405, 400])('other responses (%i) are left to the push', async (status) => {
    const access = enforced({
      inputs: { push: true, variants },
      registries: registry(() => status),
      signal: new AbortController().signal,
      warn: unexpected,
    })
    await settle()
    access.stop()
    expect(access.signal.aborted).toBe(false)
  })

  test('a refusal after the check was stopped has no effect', async () => {
    const access = enforced({
      inputs: { push: true, variants },
      registries: registry(() => 403),
      signal: new AbortController().signal,
      warn: unexpected,
    })
    access.stop()
    await settle()
    expect(access.signal.aborted).toBe(false)
  })

  test('a refusal has an effect only once it is enforced', async () => {
    const access = new PushAccessCheck({
      inputs: { push: true, variants },
      registries: registry(() => 403),
      signal: new AbortController().signal,
      warn: unexpected,
    })
    access.enforce()
    await settle()
    expect(access.signal.aborted).toBe(false)
    access.start()
    await settle()
    expect(access.signal.aborted).toBe(true)
    const early = new PushAccessCheck({
      inputs: { push: true, variants },
      registries: registry(() => 403),
      signal: new AbortController().signal,
      warn: unexpected,
    })
    early.start()
    await settle()
    expect(early.signal.aborted).toBe(false)
    early.enforce()
    expect(early.signal.reason).toMatchObject({ message: 'Nothing can be pushed to r.example/acme/app' })
  })

  test('the signal also aborts with that of the request', () => {
    const cancel = new AbortController()
    const { signal } = enforced({
      inputs: { push: false, variants },
      registries: registry(() => 202),
      signal: cancel.signal,
      warn: unexpected,
    })
    cancel.abort()
    expect(signal.aborted).toBe(true)
  })

  test.each([
    ['ENOTFOUND', /The name of r\.example cannot be resolved/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /`registries: "r\.example: \{ca: \/path\/to\/ca\.pem\}"`/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /`registries: "r\.example: \{http: true\}"`/],
  ])('a registry that cannot be reached (%s) is a warning with what to write', async (code, hint) => {
    const error = new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) })
    const repository = { registry: 'r.example', path: 'acme/app' }
    const network = new RegistryError('no answer', { kind: 'network', host: 'r.example', code, cause: error })
    const client = { checkPush: () => Promise.reject(network) } as unknown as RegistryClient
    const { denied, failure } = await checkPushAccess(repository, () => Promise.resolve(client), {})
    expect([denied, failure?.message]).toEqual([false, 'Nothing can be pushed to r.example/acme/app'])
    expect(failure?.hint).toMatch(hint)
  })

  /** What a check of one repository does if the resolver answers with `code` about `hostname`. */
  async function resolve(code: string, hostname: string, mirrored = false) {
    const warnings: string[] = []
    const error = Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { code, hostname })
    const repository = { registry: 'r.example:5000', path: 'acme/app' }
    const { signal } = enforced({
      inputs: {
        push: true,
        variants: [mirrored ? { images: [], mirrors: [{ repository, tags: [] }] } : { images: [repository] }],
      },
      registries: {
        ...registry(() => 202),
        fetch: () => Promise.reject(new TypeError('fetch failed', { cause: error })),
      },
      signal: AbortSignal.timeout(2000),
      warn: (text) => warnings.push(text),
    })
    await settle()
    return { reason: signal.reason as unknown, warnings }
  }

  test('a registry whose name does not exist aborts the run, and names the host and the input', async () => {
    expect(await resolve('ENOTFOUND', 'r.example')).toMatchObject({
      reason: {
        code: 'registry',
        message: 'Nothing can be pushed to r.example:5000/acme/app',
        hint: 'The name of r.example:5000 cannot be resolved: check `image`.',
      },
      warnings: [],
    })
  })

  test('a name of a proxy, or of a mirror, that does not exist is a warning', async () => {
    const proxy = await resolve('ENOTFOUND', 'proxy.example')
    expect(proxy.reason).toBeUndefined()
    expect(proxy.warnings).toEqual([
      expect.stringMatching(/ from this runner\. .* no answer from .*\(ENOTFOUND\)\. The name of /),
    ])
    const mirror = await resolve('ENOTFOUND', 'r.example', true)
    expect([mirror.reason, mirror.warnings]).toEqual([
      undefined,
      [
        expect.stringMatching(
          /, which is a mirror: the run continues\. .*\(ENOTFOUND\)\. The name of r\.example:5000 /,
        ),
      ],
    ])
  })

  test('an unreachable registry is reported while the build runs', async () => {
    const warnings: string[] = []
    const error = Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    const { signal } = enforced({
      inputs: { push: true, variants: variants.slice(0, 1) },
      registries: {
        ...registry(() => 202),
        fetch: () => Promise.reject(new TypeError('fetch failed', { cause: error })),
      },
      signal: new AbortController().signal,
      warn: (text) => warnings.push(text),
    })
    await settle()
    expect(signal.aborted).toBe(false)
    expect(warnings).toEqual([
      expect.stringMatching(
        /^Nothing can be pushed to r\.example\/acme\/app from this runner\. .*EXTRA_CA_CERTS\. Set the /,
      ),
    ])
  })
})
