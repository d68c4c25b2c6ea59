import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { RawFetch } from '../../../src/lib/http.ts'
import { createHttpStream, type Bytes } from '../../../src/registry/http-stream.ts'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

const info = { host: 'a', subject: 'a/b', verb: 'read', secrets: [] } as const

/** A server that sends `bytes` every `pause` milliseconds, `count` times, or without end. */
function sending(bytes: number, pause: number, count = Infinity): RawFetch {
  return (_, { signal }) => {
    const body = async function* (): Bytes {
      for (let sent = 0; sent < count; sent++) {
        await new Promise<void>((resolve, reject) => {
          setTimeout(resolve, pause)
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
        yield Buffer.alloc(bytes)
      }
    }
    return Promise.resolve({ status: 200, headers: new Headers(), body: body() })
  }
}

async function* nothing(): Bytes {
  // A response without content.
}

/** Reads it all. @returns the bytes, and the error at the end */
async function read(raw: RawFetch, wait = 0): Promise<readonly [number, string]> {
  let size = 0
  try {
    const response = await createHttpStream(raw, undefined)({ method: 'GET', url: 'https://a/b' }, info)
    for await (const chunk of response.body) {
      size += chunk.length
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    }
    return [size, '']
  } catch (error) {
    return [size, error instanceof Error ? error.message : '']
  }
}

test.each<[name: string, raw: RawFetch, expected: readonly [number, string]]>([
  ['a byte a second', sending(1, 1000), [59, 'a/b: no answer from a (less than 64 KiB in 1 min)']],
  ['nothing', sending(1, 3_600_000), [0, 'a/b: no answer from a (no data for 1 min)']],
  [
    'enough, and then a byte a second',
    sendingThen(),
    [65_536 + 59, 'a/b: no answer from a (less than 64 KiB in 1 min)'],
  ],
  ['little, but enough', sending(2048, 1000, 300), [614_400, '']],
])('a server that sends %s', async (_, raw, expected) => {
  const result = read(raw)
  await jest.advanceTimersByTimeAsync(3_000_000)
  expect(await result).toEqual(expected)
})

function sendingThen(): RawFetch {
  return async (url, init) => {
    const [much, little] = await Promise.all([sending(65_536, 1000, 1)(url, init), sending(1, 1000)(url, init)])
    const body = async function* (): Bytes {
      yield* much.body
      yield* little.body
    }
    return { ...much, body: body() }
  }
}

test('the time in which the reader waits does not count', async () => {
  const result = read(sending(1, 1000, 50), 600_000)
  await jest.advanceTimersByTimeAsync(50 * 601_000)
  expect(await result).toEqual([50, ''])
})

test('a server that takes a byte of an upload a second', async () => {
  const taken: number[] = []
  const raw: RawFetch = async (_, { body, signal }) => {
    for await (const chunk of body as Bytes) {
      taken.push(chunk.length)
      await new Promise<void>((resolve, reject) => {
        setTimeout(resolve, 1000)
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    }
    return { status: 201, headers: new Headers(), body: nothing() }
  }
  const content = async function* (): Bytes {
    for (;;) yield await Promise.resolve(Buffer.alloc(1))
  }
  const result = createHttpStream(raw, undefined)({ method: 'PUT', url: 'https://a/b', body: content }, info).catch(
    (error: unknown) => error,
  )
  await jest.advanceTimersByTimeAsync(3_000_000)
  expect(await result).toMatchObject({ message: 'a/b: no answer from a (less than 64 KiB in 1 min)' })
  expect(taken).toHaveLength(60)
})
