import { expect, test } from '@jest/globals'
import { didYouMean, shorten } from '../../../src/lib/issues.ts'
import { formatInputIssues } from '../../../src/report/input-issues.ts'

test('counts inputs, not issues', () => {
  expect(formatInputIssues([{ input: 'push', given: 'yes', expected: 'is neither' }])).toBe(
    '1 invalid input\npush: "yes" is neither',
  )
  expect(
    formatInputIssues([
      { input: 'a', expected: 'is empty' },
      { input: 'b', expected: 'x' },
      { input: 'a', expected: 'y' },
    ]),
  ).toBe('2 invalid inputs\na: is empty\nb: x\na: y')
})

test('a value is one short line', () => {
  expect(shorten('a\nb\u001b[31m\u202e')).toBe('a\\nb\\u001b[31m\\u202e')
  expect(shorten('😀'.repeat(200))).toHaveLength(199)
})

test.each([
  ['locla', 'local'],
  ['lcoal', 'local'],
  ['zzz', undefined],
])('%s: %s', (word, meant) => {
  expect(didYouMean(word, ['local', 'ssh'])).toBe(meant === undefined ? '' : `; did you mean \`${meant}\`?`)
})
