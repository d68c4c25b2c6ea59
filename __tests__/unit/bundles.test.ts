import { expect, test } from '@jest/globals'
import { readFileSync, statSync } from 'node:fs'

// Every job reads and compiles it before its first line: what few jobs need is in files that are loaded on demand.
test('the main bundle has at most 380 kB', () => {
  expect(statSync('dist/main/index.js').size).toBeLessThanOrEqual(380_000)
})

test('names stay in the bundles, for the stack of an unexpected error', () => {
  expect(readFileSync('dist/main/index.js', 'utf8')).toMatch(/class UserError extends Error/)
  expect(readFileSync('dist/main/index.js', 'utf8')).toMatch(/async function buildImage\(/)
})
