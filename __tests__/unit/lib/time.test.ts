import { describe, expect, test } from '@jest/globals'
import { setImmediate } from 'node:timers/promises'
import { withAbort } from '../../../src/lib/time.ts'

describe('unlessAborted', () => {
  test('work that fails after the signal came is heard by nobody, and ends nothing', async () => {
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
