import { describe, expect, test } from '@jest/globals'
import { tryParseJson } from '../../../src/lib/json.ts'

describe('tryParseJson', () => {
  test('is undefined for text that is not JSON', () => {
    expect(['', '{', '[1,]', 'x'].map(tryParseJson)).toEqual([undefined, undefined, undefined, undefined])
    expect(tryParseJson('{"a":[1]}')).toEqual({ a: [1] })
  })

  test('accepts 100 levels, not 101: no document of a hostile server exhausts the stack of its readers', () => {
    const nested = (levels: number) => `${'{"a":['.repeat(levels / 2)}${']}'.repeat(levels / 2)}`
    expect(JSON.stringify(tryParseJson(nested(100)))).toBe(nested(100))
    expect(tryParseJson(`[${nested(100)}]`)).toBeUndefined()
    expect(tryParseJson('['.repeat(8 * 1024 * 1024))).toBeUndefined()
  })

  test('does not count brackets in texts, which may end in escaped quotes and backslashes', () => {
    const brackets = '[{'.repeat(200)
    const values = [brackets, `"${brackets}`, `\\"${brackets}`, `${brackets}\\`, { [`\\${brackets}`]: brackets }]
    expect(tryParseJson(JSON.stringify(values))).toEqual(values)
    expect(tryParseJson(`["\\\\",${'['.repeat(100)}${']'.repeat(100)}]`)).toBeUndefined()
  })
})
