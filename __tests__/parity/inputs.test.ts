import { expect, test } from '@jest/globals'
import { readInputs } from '../../src/inputs/inputs.ts'
import { InputError } from '../../src/lib/issues.ts'
import { bakeTargets } from '../unit/fixtures/bake.ts'
import { checkout, jobWith, type Given } from '../unit/fixtures/job.ts'
import { builders } from './builders.cases.ts'
import { builds } from './builds.cases.ts'
import { logins } from './logins.cases.ts'

/** The inputs; a text: the names of those that are wrong. */
async function read(given: Given) {
  const result: unknown = await readInputs(...jobWith(given)).catch((error: unknown) => error)
  if (!(result instanceof InputError)) return result as Awaited<ReturnType<typeof readInputs>>
  return [...new Set(result.issues.map(({ input }) => input))].sort().join(', ')
}

const files = [...checkout, '/agent']

test.each(builds)('docker/build-push-action: %j', async (given, expected) => {
  const inputs = await read({ nodes: 'linux/amd64 = local', files, cache: 'off', ...given })
  const [target] = typeof inputs === 'string' ? [inputs] : Object.values(bakeTargets(inputs))
  expect(target).toMatchObject(expected)
})

test.each(logins)('docker/login-action: %j', async (given, expected) => {
  const inputs = await read(given)
  expect(typeof inputs === 'string' ? inputs : inputs.logins).toEqual(expected)
})

test.each(builders)('docker/setup-buildx-action: %j', async (given, expected) => {
  const inputs = await read({ nodes: '', ...given })
  if (typeof expected === 'string') expect(inputs).toBe(expected)
  else expect(typeof inputs === 'string' ? inputs : inputs.nodes[0]).toMatchObject(expected)
})

test('the tables have at least 60 builds, 40 logins and 30 builders', () => {
  expect([builds.length >= 60, logins.length >= 40, builders.length >= 30]).toEqual([true, true, true])
})
