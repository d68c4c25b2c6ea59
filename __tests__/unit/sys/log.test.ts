import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { disarm } from '../../../src/sys/log.ts'

// actions/runner: a line is obeyed if it starts with `::` after white space, or holds `##[`.
const obeyed = (line: string) => line.trimStart().startsWith('::') || line.includes('##[')

describe('disarm', () => {
  test('keeps what a reader sees', () => {
    expect(disarm('::set-output name=x::y').replaceAll('\u200b', '')).toBe('::set-output name=x::y')
    expect(disarm('plain: text ## heading')).toBe('plain: text ## heading')
  })

  test('no line is obeyed', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(':', '#', '[', ' ', 'a', '\t'), { maxLength: 12 }), (parts) => !obeyed(disarm(parts.join('')))))
  })
})
