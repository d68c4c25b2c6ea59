import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { anyHistory } from '../../prove/arbitrary.ts'
import { play, type Mutation } from '../../prove/history.ts'
import { mutations } from '../../prove/mutations.ts'

/** Of a busy machine no more than so many seconds, but for the least. */
const budget = 20_000
const [least, most, chunk] = [1000, 3000, 250]
/** No clock of jest's ends it: a machine may be slow. */
const unhurried = 3_600_000

const property = (mutation?: Mutation) => fc.asyncProperty(anyHistory, async (history) => await play(history, mutation))

test(
  'in random histories nothing that lives is lost, and nothing dead is left',
  async () => {
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
    const end = performance.now() + budget
    for (let done = 0; done < most && (done < least || performance.now() < end); done += chunk)
      await fc.assert(property(), { numRuns: chunk, seed: seed + done })
  },
  unhurried,
)

/** Seeds that find it soon; `npm run prove -- --mutations` takes any. */
const seeds: Readonly<Record<string, number>> = {
  'restores nothing': 6,
  'takes unknown runs for dead': 6,
  'trusts lists that are stale, and nothing else': 4,
  'takes what an API does not show yet for gone': 1,
  'deletes what tells whose the rest is first': 1,
}

test.each(Object.entries(mutations))(
  'a cleanup that %s is found out',
  async (name, mutation) => {
    const { failed } = await fc.check(property(mutation), { numRuns: most, seed: seeds[name] ?? 7, endOnFailure: true })
    expect(failed).toBe(true)
  },
  unhurried,
)
