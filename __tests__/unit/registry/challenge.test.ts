import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseChallenges } from '../../../src/registry/challenge.ts'

const read = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => ({ scheme, ...Object.fromEntries(parameters) }))

test.each([
  ['', []],
  ['Basic', [{ scheme: 'basic' }]],
  ['Basic realm="a, b"', [{ scheme: 'basic', realm: 'a, b' }]],
  [
    'BEARER Realm="https://t/x?y=1",service="r",scope="repository:a/b:pull,push"',
    [{ scheme: 'bearer', realm: 'https://t/x?y=1', service: 'r', scope: 'repository:a/b:pull,push' }],
  ],
  ['Bearer realm = "r" , service=plain', [{ scheme: 'bearer', realm: 'r', service: 'plain' }]],
  [
    'Basic realm="say \\"hi\\" \\\\", Bearer realm="r"',
    [
      { scheme: 'basic', realm: 'say "hi" \\' },
      { scheme: 'bearer', realm: 'r' },
    ],
  ],
  ['Negotiate, Basic realm=""', [{ scheme: 'negotiate' }, { scheme: 'basic', realm: '' }]],
  [',, Bearer realm="r",,', [{ scheme: 'bearer', realm: 'r' }]],
])('%j', (header, expected) => {
  expect(read(header)).toEqual(expected)
})

test('never throws with any header', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('Bearer', 'Basic', ' ', ',', '=', '"', '\\', 'realm="', 'scope=', '"x"', '__proto__'),
  )
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      for (const { scheme } of parseChallenges(pieces.join(''))) expect(scheme).toBe(scheme.toLowerCase())
    }),
  )
})

test('reads back any parameters that were quoted by the rules', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.stringMatching(/^[\x20-\x7e]*$/)), (parameters) => {
      const quoted = Object.entries(parameters).map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`)
      expect(read(`Bearer ${quoted.join(',')}`)).toEqual([{ scheme: 'bearer', ...parameters }])
    }),
  )
})

test('a long header without an end is parsed in linear time', () => {
  // Were it tried from every quote to every other, this would not end.
  expect(parseChallenges(`Bearer ${'realm="'.repeat(2000)}`)).toBeDefined()
})
