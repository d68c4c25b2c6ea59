import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readCleanupInputs } from '../../../src/inputs/cleanup-inputs.ts'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { UserError, UserErrors } from '../../../src/lib/errors.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { cleanupSets, inputSets } from '../../prove/input-sets.ts'
import { bakeDefinition } from '../fixtures/bake.ts'
import { jobWith } from '../fixtures/job.ts'

// `npm run fuzz` tries many more, and bake on the definitions.
test('random input sets are valid, or an InputError', async () => {
  let accepted = 0
  const property = fc.asyncProperty(inputSets, async (given) => {
    const error: unknown = await readInputs(...jobWith(given))
      .then(
        (inputs) => {
          accepted++
          bakeDefinition(inputs)
          return undefined
        },
        (thrown: unknown) => thrown,
      )
      .catch((thrown: unknown) => (thrown instanceof UserError || thrown instanceof UserErrors ? undefined : thrown))
    if (error !== undefined) expect(error).toBeInstanceOf(InputError)
  })
  await fc.assert(property, { numRuns: 500 })
  expect(accepted).toBeGreaterThan(20)
})

test('random inputs of the cleanup action are valid, or an InputError', async () => {
  const property = fc.asyncProperty(cleanupSets, async (given) => {
    const [env, event, files] = jobWith(given)
    const error: unknown = await readCleanupInputs(env, event, files).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (error !== undefined) expect(error).toBeInstanceOf(InputError)
  })
  await fc.assert(property, { numRuns: 300 })
})
