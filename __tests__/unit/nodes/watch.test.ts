import { describe, expect, test } from '@jest/globals'
import { watchNode } from '../../../src/nodes/watch.ts'

const pace = { interval: 5, deadline: 5, patience: 40 }
const paces = { engine: pace, daemon: pace, emulatedDaemon: pace }
const never = new AbortController().signal
const silent = () => Promise.reject(new Error('no answer'))
const wait = (ms: number) => new Promise((resolve) => setTimeout(() => resolve('still available'), ms))

describe('watchNode', () => {
  test('the end of the connection is the reason', async () => {
    expect(
      await watchNode({ node: { lost: Promise.resolve('Timeout, server node not responding.') }, stop: never, paces }),
    ).toBe('Timeout, server node not responding.')
  })

  test('a node that is silent for too long is lost', async () => {
    expect(await watchNode({ node: { ping: silent }, stop: never, paces })).toMatch(
      /^no response over the open connection for \d+ s$/,
    )
  })

  test('a node that misses a ping at times is not lost; there are no pings after the end', async () => {
    const stop = new AbortController()
    let pings = 0
    const ping = () => (pings++ % 2 === 0 ? Promise.resolve() : silent())
    expect(await Promise.race([watchNode({ node: { ping }, stop: stop.signal, paces }), wait(200)])).toBe(
      'still available',
    )
    stop.abort()
    await wait(20)
    const before = pings
    await wait(50)
    expect(pings).toBe(before)
  })

  test('a pause of the runner does not count as silence of the node', async () => {
    const stop = new AbortController()
    let pings = 0
    let enough: (result: string) => void = () => undefined
    const often = new Promise<string>((resolve) => (enough = resolve))
    // A process that is stopped during a ping, or between two, finds no answer in time.
    const ping = () => {
      if (pings++ === 8) enough('still available')
      if (pings % 3 !== 2) return Promise.resolve()
      const end = performance.now() + 60
      while (performance.now() < end);
      return silent()
    }
    expect(await Promise.race([watchNode({ node: { ping }, stop: stop.signal, paces }), often])).toBe('still available')
    stop.abort()
  })

  test('a daemon that hangs behind an engine that answers is lost; the engine gets no more pings', async () => {
    let pings = 0
    const ping = () => Promise.resolve(pings++)
    expect(await watchNode({ node: { ping }, daemon: { ping: silent }, stop: never, paces })).toMatch(
      /^no response over the open connection from buildkitd for \d+ s; the Docker Engine responds$/,
    )
    await wait(20)
    const before = pings
    await wait(30)
    expect(pings).toBe(before)
  })

  test('an emulated daemon may take longer to answer', async () => {
    const stop = new AbortController()
    const slow = { ...paces, emulatedDaemon: { ...pace, patience: Infinity } }
    const watch = { node: {}, stop: stop.signal, paces: slow }
    const reason = watchNode({ ...watch, daemon: { ping: silent, emulated: true } })
    expect(await watchNode({ ...watch, daemon: { ping: silent } })).toMatch(/from buildkitd/)
    expect(await Promise.race([reason, wait(50)])).toBe('still available')
    stop.abort()
  })

  test('a daemon that makes progress gets no pings', async () => {
    const stop = new AbortController()
    let pings = 0
    const daemon = { ping: () => (pings++, silent()), lastProgress: () => performance.now() }
    expect(await Promise.race([watchNode({ node: {}, daemon, stop: stop.signal, paces }), wait(150)])).toBe(
      'still available',
    )
    stop.abort()
    expect(pings).toBe(0)
  })

  test('a daemon without progress gets pings', async () => {
    const at = performance.now()
    const daemon = { ping: silent, lastProgress: () => at }
    expect(await watchNode({ node: {}, daemon, stop: never, paces })).toMatch(/from buildkitd/)
  })
})
