import { describe, expect, test } from '@jest/globals'
import { endOfOutput, OutputCapture, OutputTail } from '../../../src/buildx/output-tail.ts'

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

describe('the output of a test', () => {
  const captured = (chunks: readonly string[]) => {
    const capture = new OutputCapture()
    chunks.forEach((chunk) => capture.push(Buffer.from(chunk)))
    return capture.text()
  }

  test('is kept as it is up to 64 KiB', () => {
    expect(captured(['a\n', 'b'])).toBe('a\nb')
    const longest = 'x'.repeat(64 * 1024)
    expect(captured([longest])).toBe(longest)
  })

  test.each([1, 2, 3, 10, 50])('of %s times 64 KiB the end is kept, in whole lines', (times) => {
    const lines = Array.from({ length: times * 7000 }, (_, index) => `${String(index).padStart(9, 'ü')}\n`)
    const text = captured(lines)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(64 * 1024 + 60)
    expect(text).toMatch(/^\[Only the end of the output; the log has more\]\nü*\d+\n/)
    expect(lines.join('').endsWith(text.slice(text.indexOf('\n') + 1))).toBe(true)
  })

  test('without a line end the last characters are kept', () => {
    expect(endOfOutput(Buffer.from('abcdef'), 3)).toBe('[Only the end of the output; the log has more]\ndef')
  })
})
