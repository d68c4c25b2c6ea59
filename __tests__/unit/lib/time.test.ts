import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { setImmediate } from 'node:timers/promises'
import { logWait, withAbort } from '../../../src/lib/time.ts'

describe('unlessAborted', () => {
  test('work that fails after the signal is ignored', async () => {
    const unheard: unknown[] = []
    const hear = (reason: unknown) => unheard.push(reason)
    process.on('unhandledRejection', hear)
    const late = setImmediate().then(() => Promise.reject(new Error('late')))
    await expect(withAbort(AbortSignal.abort(new Error('cancelled')), late)).rejects.toThrow('cancelled')
    for (let turn = 0; turn < 3; turn++) await setImmediate()
    process.off('unhandledRejection', hear)
    expect(unheard).toEqual([])
  })
})

describe('logWait', () => {
  afterEach(() => void jest.useRealTimers())

  test('says after 5 s, after 30 s and every 30 s what is waited for, until the work has ended', async () => {
    jest.useFakeTimers()
    const lines: string[] = []
    let end: (() => void) | undefined
    const work = new Promise<void>((resolve) => (end = resolve))
    const waiting = logWait('the node arm', work, (line) => lines.push(line))
    jest.advanceTimersByTime(4999)
    expect(lines).toEqual([])
    jest.advanceTimersByTime(60_001)
    expect(lines).toEqual([5, 30, 60].map((seconds) => `Waiting for the node arm (${seconds} s)`))
    end?.()
    await waiting
    jest.advanceTimersByTime(600_000)
    expect(lines).toHaveLength(3)
  })
})
