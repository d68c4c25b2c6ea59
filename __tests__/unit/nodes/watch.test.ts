import { describe, expect, test } from '@jest/globals'
import { watchNode } from '../../../src/nodes/watch.ts'

const pace = { interval: 5, deadline: 5, patience: 40 }
const paces = { engine: pace, daemon: pace }
const never = new AbortController().signal
const silent = () => Promise.reject(new Error('no answer'))
const still = (ms: number) => new Promise((resolve) => setTimeout(() => resolve('still there'), ms))

describe('watchNode', () => {
  test('a connection that ends says why', async () => {
    expect(
      await watchNode({ node: { lost: Promise.resolve('Timeout, server node not responding.') }, stop: never, paces }),
    ).toBe('Timeout, server node not responding.')
  })

  test('what is silent for too long is lost', async () => {
    expect(await watchNode({ node: { ping: silent }, stop: never, paces })).toMatch(
      /^nothing has answered behind the connection for \d+ s$/,
    )
  })

  test('what misses a ping now and then is not, and nobody is asked after the end', async () => {
    const stop = new AbortController()
    let asked = 0
    const ping = () => (asked++ % 2 === 0 ? Promise.resolve() : silent())
    expect(await Promise.race([watchNode({ node: { ping }, stop: stop.signal, paces }), still(200)])).toBe(
      'still there',
    )
    stop.abort()
    await still(20)
    const before = asked
    await still(50)
    expect(asked).toBe(before)
  })

  test('a runner that is stopped for a while does not take its own silence for theirs', async () => {
    const stop = new AbortController()
    let asked = 0
    let enough: (word: string) => void = () => undefined
    const often = new Promise<string>((resolve) => (enough = resolve))
    // Whoever sleeps in the middle of a ping, or between two, finds that no answer came in time.
    const ping = () => {
      if (asked++ === 8) enough('still there')
      if (asked % 3 !== 2) return Promise.resolve()
      const end = performance.now() + 60
      while (performance.now() < end);
      return silent()
    }
    expect(await Promise.race([watchNode({ node: { ping }, stop: stop.signal, paces }), often])).toBe('still there')
    stop.abort()
  })

  test('a daemon that hangs behind an engine that answers is lost, and the engine is asked no more', async () => {
    let asked = 0
    const ping = () => Promise.resolve(asked++)
    expect(await watchNode({ node: { ping }, daemon: { ping: silent }, stop: never, paces })).toMatch(
      /^nothing has answered behind the connection but the engine: its buildkitd has been silent for \d+ s$/,
    )
    await still(20)
    const before = asked
    await still(30)
    expect(asked).toBe(before)
  })

  test('a daemon that says something by itself need not answer', async () => {
    const stop = new AbortController()
    let asked = 0
    const daemon = { ping: () => (asked++, silent()), heard: () => performance.now() }
    expect(await Promise.race([watchNode({ node: {}, daemon, stop: stop.signal, paces }), still(150)])).toBe(
      'still there',
    )
    stop.abort()
    expect(asked).toBe(0)
  })

  test('one that falls silent is asked then', async () => {
    const at = performance.now()
    const daemon = { ping: silent, heard: () => at }
    expect(await watchNode({ node: {}, daemon, stop: never, paces })).toMatch(/its buildkitd has been silent/)
  })
})
