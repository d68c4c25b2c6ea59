import { expect, test } from '@jest/globals'
import { formatBytes, formatDuration } from '../../../src/lib/format.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [9949, '9.9 kB'],
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
  [60_000, '1 min 0 s'],
  [70_100, '1 min 10 s'],
  [3_600_000, '60 min 0 s'],
])('%d milliseconds', (ms, expected) => {
  expect(formatDuration(ms)).toBe(expected)
})
