import { expect, test } from '@jest/globals'
import { OutputTail } from '../../../src/buildx/output-tail.ts'

const keep = (lines: readonly string[]) => {
  const tail = new OutputTail()
  lines.forEach((line) => tail.push(line))
  return tail.lines()
}
const numbered = (count: number) => Array.from({ length: count }, (_, number) => `line ${number}`)

test('short output is kept completely', () => expect(keep(numbered(30))).toEqual(numbered(30)))

test('of long output the last lines, and before them the lines with an error', () => {
  const lines = numbered(500)
  lines[100] = "main.c:3: error: 'x' undeclared"
  lines[200] = 'FATAL: out of cheese'
  expect(keep(lines)).toEqual([lines[100], lines[200], ...lines.slice(-30)])
})

test('of many lines with an error the first ones: later ones follow from them', () => {
  expect(keep(numbered(200).map((line) => `error in ${line}`))).toHaveLength(40)
  expect(keep(numbered(200).map((line) => `error in ${line}`))[0]).toBe('error in line 0')
})
