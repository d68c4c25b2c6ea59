import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  formatRepository,
  formatTagReference,
  isTag,
  lowerCaseRepository,
  parseRepository,
  parseTagReference,
} from '../../../src/registry/reference.ts'

describe('lowerForgeNames', () => {
  test.each([
    ['ghcr.io/Acme/App', 'ghcr.io/acme/app'],
    ['ghcr.io/Acme/App-slim:V1', 'ghcr.io/acme/app-slim:V1'],
    ['ghcr.io/Acme/other', 'ghcr.io/acme/other'],
    ['Acme/App', 'acme/app'],
    ['Acme/other', 'acme/other'],
    ['ghcr.io/Somebody/App', 'ghcr.io/Somebody/App'],
    ['MyAcme/App', 'MyAcme/App'],
  ])('%s', (text, expected) => {
    expect(lowerCaseRepository(text, { repository: 'Acme/App' })).toBe(expected)
  })
})

describe('parseRepository', () => {
  test.each([
    ['ghcr.io/acme/app', 'ghcr.io', 'acme/app'],
    ['ghcr.io/acme/team/my_app', 'ghcr.io', 'acme/team/my_app'],
    ['acme/app', 'docker.io', 'acme/app'],
    ['nginx', 'docker.io', 'library/nginx'],
    ['docker.io/nginx', 'docker.io', 'library/nginx'],
    ['index.docker.io/acme/app', 'docker.io', 'acme/app'],
    ['registry-1.docker.io/nginx', 'docker.io', 'library/nginx'],
    ['localhost/x', 'localhost', 'x'],
    ['localhost:5000/x', 'localhost:5000', 'x'],
    ['127.0.0.1:5000/x', '127.0.0.1:5000', 'x'],
    ['[::1]:5000/x', '[::1]:5000', 'x'],
    ['registry:5000/a/b--c__d.e', 'registry:5000', 'a/b--c__d.e'],
  ])('%s', (text, registry, path) => {
    expect(parseRepository(text)).toEqual({ registry, path })
  })

  test.each([
    '',
    '/',
    ':',
    '@',
    'a//b',
    '/a',
    'a/',
    'a/_b',
    'a..b',
    'a___b',
    'localhost',
    'localhost:5000',
    '[::1]:5000',
    'ghcr.io/a b',
    'ghcr.io/é/x',
    'x:y:z',
    `a/${'b'.repeat(255)}`,
  ])('%j is refused with a reason', (text) => {
    const told: string[] = []
    expect(parseRepository(text, (expected) => told.push(expected))).toBeUndefined()
    expect(told).toHaveLength(1)
  })
})

test.each([
  ['ghcr.io/acme/app:1.2', 'ghcr.io/acme/app:1.2'],
  ['app:1', 'docker.io/library/app:1'],
  ['localhost:5000/x:latest', 'localhost:5000/x:latest'],
  ['[::1]:5000/x:a', '[::1]:5000/x:a'],
])('tag reference %s', (text, expected) => {
  expect(formatTagReference(parseTagReference(text)!)).toBe(expected)
})

test('what was read is written and read again as the same', () => {
  const name = fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,5})?$/)
  const host = fc.constantFrom(
    '',
    'ghcr.io/',
    'localhost:5000/',
    '[::1]:5000/',
    'git.example.com:3000/',
    'index.docker.io/',
  )
  fc.assert(
    fc.property(
      host,
      fc.array(name, { minLength: 2, maxLength: 4 }),
      fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/),
      (registry, parts, tag) => {
        const repository = parseRepository(`${registry}${parts.join('/')}`)
        if (!repository) return
        expect(parseRepository(formatRepository(repository))).toEqual(repository)
        expect(parseTagReference(formatTagReference({ ...repository, tag }))).toEqual({ ...repository, tag })
      },
    ),
  )
})

test('no text makes the parsers throw, and each refusal has one reason', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const parse of [parseRepository, parseTagReference]) {
        const told: string[] = []
        const read = parse(text, (expected) => told.push(expected))
        expect(told).toHaveLength(read ? 0 : 1)
      }
    }),
  )
})

test.each([
  ['a', true],
  ['_a', true],
  ['1.2-x_y', true],
  ['A'.repeat(128), true],
  ['A'.repeat(129), false],
  ['', false],
  ['.a', false],
  ['-a', false],
  ['a/b', false],
  ['a\n', false],
])('isTag %j', (text, expected) => {
  expect(isTag(text)).toBe(expected)
})
