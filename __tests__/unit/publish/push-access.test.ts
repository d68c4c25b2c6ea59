import { describe, expect, test } from '@jest/globals'
import { openAdmission, type AdmissionRequest } from '../../../src/publish/push-access.ts'
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

/** A registry that answers as told; `asked` has the requests it saw. */
function registry(answer: (path: string) => number, asked: string[] = []) {
  const fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { pathname } = new URL(input instanceof Request ? input.url : input)
    asked.push(`${init?.method ?? 'GET'} ${pathname}`)
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

/** One that asks, and heeds what it hears. */
function begin(request: AdmissionRequest) {
  const admission = openAdmission(request)
  admission.ask()
  admission.heed()
  return admission
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 50))

describe('whether a login may push', () => {
  test('is asked once a repository, and leaves nothing', async () => {
    const asked: string[] = []
    const { signal, end } = begin({
      inputs: { push: true, variants },
      registries: registry(() => 202, asked),
      signal: new AbortController().signal,
    })
    await settle()
    end()
    expect(signal.aborted).toBe(false)
    for (const path of ['/v2/acme/app/blobs/uploads/', '/v2/acme/other/blobs/uploads/']) {
      expect(asked.filter((one) => one === `POST ${path}`)).toHaveLength(1)
      expect(asked.filter((one) => one === `DELETE ${path}1`)).toHaveLength(1)
    }
  })

  test('is not asked where nothing is pushed', async () => {
    const asked: string[] = []
    begin({
      inputs: { push: false, variants },
      registries: registry(() => 401, asked),
      signal: new AbortController().signal,
    })
    await settle()
    expect(asked).toEqual([])
  })

  test.each([401, 403])('a clear refusal (%i) ends the run, and says which repository', async (status) => {
    const { signal } = begin({
      inputs: { push: true, variants },
      registries: registry((path) => (path.includes('other') ? status : 202)),
      signal: new AbortController().signal,
    })
    await settle()
    expect(signal.reason).toBeInstanceOf(UserError)
    expect(signal.reason).toMatchObject({ code: 'registry', message: 'Nothing can be pushed to r.example/acme/other' })
  })

  test.each([404, 405, 400])('other answers (%i) are left to the push', async (status) => {
    const { signal, end } = begin({
      inputs: { push: true, variants },
      registries: registry(() => status),
      signal: new AbortController().signal,
    })
    await settle()
    end()
    expect(signal.aborted).toBe(false)
  })

  test('a refusal that comes when the run is over is of no interest', async () => {
    const { signal, end } = begin({
      inputs: { push: true, variants },
      registries: registry(() => 403),
      signal: new AbortController().signal,
    })
    end()
    await settle()
    expect(signal.aborted).toBe(false)
  })

  test('a refusal counts from the moment on when it is heeded', async () => {
    const { signal, ask, heed } = openAdmission({
      inputs: { push: true, variants },
      registries: registry(() => 403),
      signal: new AbortController().signal,
    })
    heed()
    await settle()
    expect(signal.aborted).toBe(false)
    ask()
    await settle()
    expect(signal.aborted).toBe(true)
    const early = openAdmission({
      inputs: { push: true, variants },
      registries: registry(() => 403),
      signal: new AbortController().signal,
    })
    early.ask()
    await settle()
    expect(early.signal.aborted).toBe(false)
    early.heed()
    expect(early.signal.reason).toMatchObject({ message: 'Nothing can be pushed to r.example/acme/app' })
  })

  test('whoever cancels the run is heard as before', () => {
    const cancel = new AbortController()
    const { signal } = begin({
      inputs: { push: false, variants },
      registries: registry(() => 202),
      signal: cancel.signal,
    })
    cancel.abort()
    expect(signal.aborted).toBe(true)
  })
})
