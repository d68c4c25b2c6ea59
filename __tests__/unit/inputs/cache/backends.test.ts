import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  buildxVariables,
  cacheBackends,
  cacheEnvSecrets,
  cacheErrorPattern,
} from '../../../../src/inputs/cache/backends.ts'
import { cacheOf } from '../../../../src/inputs/cache/cache.ts'
import { cacheSecrets } from '../../../../src/inputs/cache/specs.ts'
import { readInputs } from '../../../../src/inputs/inputs.ts'
import { secretsToMask } from '../../../../src/inputs/secrets-to-mask.ts'
import { InputError } from '../../../../src/lib/issues.ts'
import { jobWith, type Given } from '../../fixtures/job.ts'

// A backend that no other code knows: one row is all that is needed for it.
beforeEach(() => {
  cacheBackends.set('tape', {
    name: { from: 'reel', to: 'reel' },
    defaultName: () => 'tape0',
    withSuffix: (name, suffix) => `${name}/${suffix}`,
    variables: { drive: 'TAPE_DRIVE' },
    secretAttributes: ['pin'],
    secretVariables: { TAPE_PIN: (pin) => [pin] },
    buildxVariables: ['TAPE_ROBOT'],
    problems: (attributes) => [[!attributes.some(([name]) => name === 'drive'), 'has no `drive`']],
    warnings: () => ['Tapes are slow.'],
    errors: { noCredentials: /drive locked/, createdMeanwhile: /tape in use/ },
  })
})
afterEach(() => {
  cacheBackends.delete('tape')
})

const read = (given: Given) => readInputs(...jobWith({ variants: 'slim: {platforms: linux/arm64}', ...given }))

test('its caches have a name for each target and the attributes of the job', async () => {
  const { cache, variants, warnings } = await read({ cache: 'type=tape,pin=1234', TAPE_DRIVE: 'd1' })
  expect(cacheOf(cache, variants[0]!, variants[0]!.platforms[0]!)).toEqual({
    name: 'type=tape, tape0/slim-linux-arm64',
    from: ['tape0/slim-linux-arm64', 'tape0/linux-arm64', 'tape0'].map(
      (reel) => `type=tape,pin=1234,drive=d1,reel=${reel}`,
    ),
    to: 'type=tape,pin=1234,drive=d1,reel=tape0/slim-linux-arm64,mode=max,ignore-error=true',
  })
  expect(warnings).toEqual(['Tapes are slow.'])
})

test('its problems are issues, which do not quote its credentials', async () => {
  const error: unknown = await read({ cache: 'type=tape', 'cache-from': 'type=tap,pin=S3CRET' }).catch(
    (thrown: unknown) => thrown,
  )
  expect(error instanceof InputError && error.issues).toEqual([
    expect.objectContaining({ input: 'cache-from', given: 'type=tap,pin=***' }),
    { input: 'cache', given: 'type=tape', expected: 'has no `drive`' },
  ])
})

test('its credentials are masked, its variables reach buildx, and its errors have a meaning', () => {
  expect(cacheSecrets('type=tape,pin=1234')).toEqual(['1234'])
  expect(cacheEnvSecrets({ TAPE_PIN: '5678' })).toContain('5678')
  expect(secretsToMask({ TAPE_PIN: '5678', 'INPUT_CACHE-TO': 'type=tape,pin=1234' })).toEqual(['1234', '5678'])
  expect(buildxVariables(['tape', 'registry', 'tape'])).toEqual(['TAPE_ROBOT'])
  expect(cacheErrorPattern('noCredentials').test('Drive locked')).toBe(true)
  expect(cacheErrorPattern('createdMeanwhile').test('tape in use')).toBe(true)
})

test('the errors of the known backends', () => {
  const [noCredentials, createdMeanwhile] = [cacheErrorPattern('noCredentials'), cacheErrorPattern('createdMeanwhile')]
  expect(noCredentials.test('failed to get credentials: no EC2 IMDS role found, operation error')).toBe(true)
  expect(createdMeanwhile.test('ERROR CODE: ContainerAlreadyExists')).toBe(true)
  expect([noCredentials, createdMeanwhile].map((pattern) => pattern.test('connection refused'))).toEqual([false, false])
})
