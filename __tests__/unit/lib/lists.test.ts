import { describe, expect, test } from '@jest/globals'
import { parseRecordInput, splitLines, splitList, splitRecords } from '../../../src/lib/lists.ts'
import type { InputIssue } from '../../../src/lib/issues.ts'

test('lines, blank ones and comments', () => {
  expect(splitLines('a\r\n\n  # c\n b # kept \r')).toEqual([
    { text: 'a', line: 1 },
    { text: 'b # kept', line: 4 },
  ])
  expect(splitList('a, b,,\n#x,y\nc')).toEqual(['a', 'b', 'c'])
})

describe('records keep commas, and quoting is that of CSV', () => {
  test.each([
    ['A=1,2\nB=3', { A: '1,2', B: '3' }],
    ['"A=1,2"', { A: '1,2' }],
    ['"A=line 1\nline 2"\nB=3', { A: 'line 1\nline 2', B: '3' }],
    ['"A=say ""hi"""', { A: 'say "hi"' }],
    ['A="x y"', { A: '"x y"' }],
    ['A=b=c', { A: 'b=c' }],
    ['A=', { A: '' }],
    ['A= x', { A: ' x' }],
    ['A=1\nA=2', { A: '2' }],
    ['FROM_ENV\nUNSET', { FROM_ENV: 'yes' }],
    ['__proto__=x', Object.fromEntries([['__proto__', 'x']])],
  ])('%j', (text, expected) => {
    const mistakes: InputIssue[] = []
    expect(
      parseRecordInput({ input: 'build-args', lookUp: { FROM_ENV: 'yes' } }, text, (mistake) => mistakes.push(mistake)),
    ).toEqual(expected)
    expect(mistakes).toEqual([])
  })
})

test('an open quote is reported once, with its line', () => {
  const mistakes: InputIssue[] = []
  expect(splitRecords('labels', 'a=1\n"b=2\nc=3', (mistake) => mistakes.push(mistake))).toEqual([
    { text: 'a=1', line: 1 },
  ])
  expect(mistakes).toHaveLength(1)
})
