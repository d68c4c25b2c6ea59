import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../../src/inputs/inputs.ts'
import { InputError } from '../../../src/lib/issues.ts'
import { formatInputIssues } from '../../../src/report/input-issues.ts'
import { jobWith, type Given } from '../fixtures/job.ts'

const testsOf = async (given: Given) => (await readInputs(...jobWith(given))).variants.map(({ tests }) => tests)
const issuesOf = async (given: Given): Promise<string> => {
  const error: unknown = await readInputs(...jobWith(given)).catch((caught: unknown) => caught)
  if (!(error instanceof InputError)) throw new Error('the inputs are valid')
  return formatInputIssues(error.issues)
}
const minutes = 60_000

describe('test, test-target and test-timeout', () => {
  test.each<[string, Given, unknown]>([
    ['nothing', {}, undefined],
    ['only a timeout', { 'test-timeout': '5m' }, undefined],
    ['exec form', { test: '["/app", "--version"]' }, { command: ['/app', '--version'], timeout: 10 * minutes }],
    ['a script', { test: 'a\nb "$C"' }, { command: ['/bin/sh', '-ec', 'a\nb "$C"'], timeout: 10 * minutes }],
    ['a test command', { test: '[ -f /x ]' }, { command: ['/bin/sh', '-ec', '[ -f /x ]'], timeout: 10 * minutes }],
    ['numbers', { test: '["a", 1]' }, { command: ['/bin/sh', '-ec', '["a", 1]'], timeout: 10 * minutes }],
    ['a stage', { 'test-target': 'unit', 'test-timeout': '30s' }, { stage: 'unit', timeout: 30_000 }],
    ['hours', { 'test-target': 'unit', 'test-timeout': '2 hours' }, { stage: 'unit', timeout: 120 * minutes }],
  ])('%s', async (_, given, expected) => expect(await testsOf(given)).toEqual([expected]))

  test('a variant has its own, or those of the step; an empty text is none', async () => {
    const variants = [
      'a: {}',
      'b: {test: [/app, "-v"]}',
      'c: {test: "", test-target: unit}',
      'd: {test: "", test-target: ""}',
    ]
    expect(await testsOf({ test: 'true', variants: variants.join('\n') })).toEqual([
      { command: ['/bin/sh', '-ec', 'true'], timeout: 10 * minutes },
      { command: ['/app', '-v'], timeout: 10 * minutes },
      { stage: 'unit', timeout: 10 * minutes },
      undefined,
    ])
  })

  test.each<[string, Given, string]>([
    [
      'a timeout that is not one',
      { test: 'x', 'test-timeout': 'x' },
      'test-timeout: "x" is not a valid duration: write `30s` or `10m`',
    ],
    ['a timeout without a unit', { test: 'x', 'test-timeout': '600' }, 'test-timeout: "600" is not a valid duration'],
    ['no program', { test: '[]' }, 'test: "[]" has no program: write `["/app", "--version"]`'],
    ['an empty program', { test: '["", "x"]' }, 'has no program'],
    [
      'with call',
      { test: 'x', call: 'check', push: 'false' },
      'test: "x" has no effect with `call: check`, which builds nothing: remove it',
    ],
    [
      'a stage with call',
      { 'test-target': 'x', call: 'outline', push: 'false' },
      'test-target: "x" has no effect with `call: outline`',
    ],
    [
      'of a variant with call',
      { variants: 'a: {test: x}', call: 'check', push: 'false' },
      'variants: "x" has no effect with `call: check`',
    ],
    ['two stages', { 'test-target': 'a b' }, 'test-target: "a b" is not the name of a stage'],
    ['too long', { test: 'x'.repeat(60_000) }, 'is longer than 60,000 characters'],
    ['a map in a variant', { variants: 'a: {test: {b: c}}' }, 'variants: "test" must be a single string in `a`'],
  ])('refuses %s', async (_, given, issue) => expect(await issuesOf(given)).toContain(issue))
})
