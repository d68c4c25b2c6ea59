import { expect, test } from '@jest/globals'
import { escapeMarkup, formatBytes, formatDuration, formatRow } from '../../../src/lib/format.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [9949, '9.9 kB'],
  [9950, '10 kB'],
  [999_499, '999 kB'],
  [999_500, '1.0 MB'],
  [28_000_000, '28 MB'],
  [4_300_000_000, '4.3 GB'],
  [5e15, '5000 TB'],
])('%d bytes', (size, expected) => {
  expect(formatBytes(size)).toBe(expected)
})

test.each([
  [0, '0.0 s'],
  [1249, '1.2 s'],
  [59_940, '59.9 s'],
  [59_949, '59.9 s'],
  [59_950, '1 min 0 s'],
  [60_000, '1 min 0 s'],
  [60_499, '1 min 0 s'],
  [60_500, '1 min 1 s'],
  [70_100, '1 min 10 s'],
  [119_499, '1 min 59 s'],
  [119_500, '2 min 0 s'],
  [3_599_999, '60 min 0 s'],
  [3_600_000, '60 min 0 s'],
])('%d milliseconds', (ms, expected) => {
  expect(formatDuration(ms)).toBe(expected)
})

test.each([
  ['set `fallback: node`, or `a`', 'set `fallback: node`, or `a`'],
  ['GITHUB_TOKEN *a* & b_c_d', 'GITHUB_TOKEN *a* & b_c_d'],
  ['[a](b)', '\\[a\\](b)'],
  ['![a](b) <b>', '!\\[a\\](b) \\<b>'],
  ['a`b', 'a\\`b'],
  ['`a\nb`', '\\`a\nb\\`'],
  ['``a`b`` [x]', '``a`b`` \\[x\\]'],
  ['`a``b` [`]', '`a``b` \\[\\`\\]'],
  ['\\`[a](b)`', '\\\\`[a](b)`'],
  ['```\n[a]', '\\`\\`\\`\n\\[a\\]'],
  ['~~~\n  # a', '\\~~~\n  \\# a'],
])('%j as text of Markdown', (text, expected) => {
  expect(escapeMarkup(text)).toBe(expected)
})

test('a cell of a table cannot begin another one, also in code', () => {
  expect(formatRow(['a|b', '`c|d`', 'e\\|f', '<g>\nh'])).toBe('| a\\|b | `c\\|d` | e\\\\\\|f | \\<g> h |')
})
