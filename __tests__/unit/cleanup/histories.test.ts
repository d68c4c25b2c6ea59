import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { anyHistory } from '../../prove/arbitrary.ts'
import { play, Violation, type Mutation } from '../../prove/history.ts'
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

/**
 * The attacks of somebody who may push, but not delete; and one of the kind that every cleanup has to be safe from. Few
 * histories with its seed catch each: after a change of the generator it may take more.
 */
const caught: readonly (readonly [mutation: string, seed: number])[] = [
  ['takes unknown runs for dead', 1],
  ['takes any content under a temporary tag for its run’s', 1],
  ['takes what an index lists for content of the run that the index names', 4],
  ['takes what a part lists for content of the run that the part names', 5],
  ['believes an index that calls something an attestation', 1],
  ['deletes what an artifact of a run has as its subject', 4],
  ['takes whatever an index of a run lists for its run’s', 3],
  ['decides by the name of a tag for which pull request an image was built', 1],
  ['deletes with an old night what newer ones need', 2],
]

test.each(caught)(
  'random histories find out a cleanup that %s',
  async (name, seed) => {
    const mutation = mutations[name]
    const { failed, errorInstance } = await fc.check(property(mutation), { numRuns: 3000, seed, endOnFailure: true })
    expect(failed).toBe(true)
    expect(errorInstance).toBeInstanceOf(Violation)
  },
  unhurried,
)
