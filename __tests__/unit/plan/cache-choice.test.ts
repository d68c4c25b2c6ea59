import { expect, test } from '@jest/globals'
import { chooseCache, type CacheState } from '../../../src/plan/cache-choice.ts'

const accepted = { name: 'slim', from: ['slim', 'plain', 'old'], to: 'slim' }
const proposed = { name: 'slim-pr', from: ['slim-pr', 'slim', 'plain', 'old'], to: 'slim-pr', ofProposals: 'slim-pr' }

/** `filled`: `slim`; `unknown`: `slim?`; all others are empty. */
function choose(isProposal: boolean, given: string, isOwn = false): string {
  const known = new Map(
    given.split(' ').map((name) => [name.replace('?', ''), name.endsWith('?') ? 'unknown' : 'filled'] as const),
  )
  const stateOf = (from: string): CacheState => known.get(from) ?? 'empty'
  return chooseCache(isProposal ? proposed : accepted, stateOf, isOwn).from.join(' ')
}

test.each([
  ['slim plain old', 'slim'],
  ['plain old', 'plain'],
  ['old', 'old'],
  ['', ''],
  ['slim plain? old?', 'slim'],
  ['slim? plain old', 'slim plain old'],
  ['slim? old', 'slim old'],
  ['plain? old?', 'plain old'],
])('accepted code, of %s: imports %s', (given, expected) => {
  expect(choose(false, given)).toBe(expected)
  expect(choose(false, given, true)).toBe(expected)
})

test.each([
  ['slim-pr slim plain old', 'slim-pr', 'slim'],
  ['slim-pr plain old', 'slim-pr', 'slim-pr'],
  ['slim old', 'slim', 'slim'],
  ['plain old', 'plain', 'plain'],
  ['', '', ''],
  ['slim-pr? slim old', 'slim-pr slim old', 'slim'],
  ['slim-pr slim? old', 'slim-pr', 'slim-pr slim old'],
  ['slim-pr? slim? plain? old?', 'slim-pr slim plain old', 'slim-pr slim plain old'],
])('a proposal, of %s: imports %s if it wrote the last one, otherwise %s', (given, own, other) => {
  expect([choose(true, given, true), choose(true, given)]).toEqual([own, other])
})

test('what is written stays', () => {
  expect(chooseCache(proposed, () => 'filled', true)).toEqual({ ...proposed, from: ['slim-pr'] })
})
