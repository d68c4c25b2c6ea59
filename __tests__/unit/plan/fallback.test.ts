import { describe, expect, test } from '@jest/globals'
import { readFallback } from '../../../src/inputs/fallback.ts'

function read(text: string) {
  const mistakes: string[] = []
  const words = readFallback(text, ({ input, given, expected }) =>
    mistakes.push(`${input}: ${given ?? ''} ${expected}`),
  )
  return { words, mistakes }
}

describe('readFallback', () => {
  test.each([
    ['', ['node', 'local']],
    ['fail', ['fail']],
    ['node, local\nemulate', ['node', 'local', 'emulate']],
    ['# at night\nlocal\nskip', ['local', 'skip']],
  ])('%j', (text, words) => expect(read(text)).toEqual({ words, mistakes: [] }))

  test('tells every mistake, each with what is expected', () => {
    expect(read('nodes, local, local, qemu, fail, emulate').mistakes).toEqual([
      'fallback: nodes is not one of `node`, `local`, `emulate`, `skip`, `fail`; did you mean `node`?',
      'fallback: local is listed twice: list each word once, in the order in which to try',
      'fallback: qemu is not one of `node`, `local`, `emulate`, `skip`, `fail`',
      'fallback: emulate stands behind `fail`, which ends the list: put it before, or leave it out',
    ])
  })
})
