import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { anyHistory } from '../../prove/arbitrary.ts'
import { play, Violation, type History, type Mutation } from '../../prove/history.ts'
import { mutations } from '../../prove/mutations.ts'

// A short run of `npm run prove`, which plays as many as wanted, and takes every mutation.
const count = 150
/** No clock of jest's ends it: a machine may be slow. */
const unhurried = 600_000

const property = (mutation?: Mutation) => fc.asyncProperty(anyHistory, async (history) => await play(history, mutation))

test(
  'in random histories nothing in use is lost, and nothing expired remains',
  async () => {
    await fc.assert(property(), { numRuns: count, seed: Number(process.env['SEED'] ?? Date.now() % 2 ** 31) })
  },
  unhurried,
)

test(
  'an incorrect cleanup is found out',
  async () => {
    const mutation = mutations['takes unknown runs for dead']
    const { failed, errorInstance } = await fc.check(property(mutation), { numRuns: 3000, seed: 6, endOnFailure: true })
    expect(failed).toBe(true)
    expect(errorInstance).toBeInstanceOf(Violation)
  },
  unhurried,
)

test('a forged part for an image that is used by its digest costs it only if cleanup believes the part', async () => {
  const kinds = ['begin', 'pin', 'forge part', 'end', 'advance', 'advance', 'advance', 'cleanup'] as const
  const steps = kinds.map((kind) => ({ kind, pick: kind === 'pin' ? 1 : 0, after: 1000 }))
  const history: History = { seed: 1, lag: 0, freshGet: true, order: 'newest', pageSize: 100, steps }
  await play(history)
  const mutation = mutations['takes what a part lists for content of the run that the part names']
  await expect(play(history, mutation)).rejects.toThrow('which is used without a tag')
})
