import { test } from '@jest/globals'
import fc from 'fast-check'
import { anyHistory } from '../../prove/arbitrary.ts'
import { play } from '../../prove/history.ts'

test('in random histories nothing that lives is lost, and nothing dead is left', async () => {
  await fc.assert(fc.asyncProperty(anyHistory, async (history) => await play(history)), { numRuns: Number(process.env['HISTORIES'] ?? 3000), ...(process.env['SEED'] && { seed: Number(process.env['SEED']) }) })
}, 60_000)
