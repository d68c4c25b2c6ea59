import { describe, expect, test } from '@jest/globals'
import { failFor } from '../../../src/inputs/diagnostics.ts'
import { parseFallback } from '../../../src/inputs/fallback.ts'
import type { InputIssue } from '../../../src/lib/issues.ts'

function parse(text: string) {
  const issues: string[] = []
  const report = ({ input, given, expected }: InputIssue) => issues.push(`${input}: ${given ?? ''} ${expected}`)
  const choices = parseFallback(text, failFor(report, 'fallback'), { name: 'fallback', report })
  return { choices, issues }
}

describe('parseFallback', () => {
  test.each([
    ['', ['node', 'local']],
    ['fail', ['fail']],
    ['node, local\nemulate', ['node', 'local', 'emulate']],
    ['# at night\nlocal\nskip', ['local', 'skip']],
  ])('%j', (text, choices) => expect(parse(text)).toEqual({ choices, issues: [] }))

  test('reports every issue with what is expected', () => {
    expect(parse('nodes, local, local, qemu, fail, emulate').issues).toEqual([
      'fallback: nodes is not one of `node`, `local`, `emulate`, `skip`, `fail`; did you mean `node`?',
      'fallback: local is listed twice: list each word once, in the order to try',
      'fallback: qemu is not one of `node`, `local`, `emulate`, `skip`, `fail`',
      'fallback: emulate is never used after `fail`: move it before `fail`, or remove it',
    ])
  })
})
