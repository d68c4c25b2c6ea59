import { describe, expect, test } from '@jest/globals'
import type { Node } from '../../../src/nodes/node.ts'
import { watchNode } from '../../../src/nodes/watch.ts'

const pace = { interval: 5, deadline: 5, patience: 40 }
const node = (fields: Partial<Node>): Node => ({ spec: { name: 'n', endpoint: { kind: 'local' }, platforms: [], driverOpts: {}, buildkitdFlags: [], buildkitdConfig: '' }, driver: 'docker-container', socket: '', platforms: [], native: [], took: 0, ...fields })
const still = (ms: number) => new Promise((resolve) => setTimeout(() => resolve('still there'), ms))

describe('watchNode', () => {
  test('a connection that ends says why', async () => {
    expect(await watchNode(node({ lost: Promise.resolve('Timeout, server node not responding.') }), new AbortController().signal, pace)).toBe('Timeout, server node not responding.')
  })

  test('what is silent for too long is lost', async () => {
    const ping = () => Promise.reject(new Error('no answer'))
    expect(await watchNode(node({ ping }), new AbortController().signal, pace)).toMatch(/^nothing has answered behind the connection for/)
  })

  test('what misses a ping now and then is not, and nobody is asked after the end', async () => {
    const stop = new AbortController()
    let asked = 0
    const ping = () => (asked++ % 2 === 0 ? Promise.resolve() : Promise.reject(new Error('no answer')))
    expect(await Promise.race([watchNode(node({ ping }), stop.signal, pace), still(200)])).toBe('still there')
    stop.abort()
    await still(20)
    const before = asked
    await still(50)
    expect(asked).toBe(before)
  })
})
