import { afterAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { spellPath, uploadDepth, uploadNumbers } from '../../../src/buildx/context-uploads.ts'

const dirs: string[] = []
afterAll(() => dirs.forEach((dir) => rmSync(dir, { recursive: true })))

describe('uploadNumbers', () => {
  const target = (id: string, from: readonly string[] = ['type=registry,ref=a']) => ({
    id,
    cache: { name: id, from, to: '' },
  })
  const numbers = (targets: Parameters<typeof uploadNumbers>[0]) => Object.fromEntries(uploadNumbers(targets))

  test('each target that imports a cache has an upload of its own', () => {
    expect(numbers([target('a'), target('b'), target('c')])).toEqual({ a: 0, b: 1, c: 2 })
  })

  test('targets that import no cache share one', () => {
    expect(numbers([{ id: 'a' }, target('b', []), target('c'), target('d')])).toEqual({ c: 0, d: 1 })
  })
})

describe('spellPath', () => {
  const part = fc.stringMatching(/^[a-z][a-z. ]{0,5}$/)
  const path = fc.array(part, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`)

  test('the first upload has the path as it is', () => expect(spellPath('/w/app', 0, 3)).toBe('/w/app'))

  test('each upload has a spelling of its own, which bake does not clean away', () => {
    fc.assert(
      fc.property(path, fc.nat(6), (directory, depth) => {
        const spellings = [0, 1, 2, 3].map((upload) => posix.normalize(spellPath(directory, upload, depth)))
        expect(new Set(spellings).size).toBe(4)
      }),
    )
  })

  test('every spelling is the same directory, from any working directory up to that depth', () => {
    fc.assert(
      fc.property(path, path, fc.nat(6), fc.integer({ min: 1, max: 9 }), (directory, workspace, more, upload) => {
        const depth = workspace.split('/').filter(Boolean).length + more
        expect(posix.resolve(workspace, spellPath(directory, upload, depth))).toBe(directory)
      }),
    )
  })

  test.each(['https://github.com/acme/app.git#main', 'docker-image://alpine', 'oci-layout:///w/layout:1'])(
    'what is not a directory stays as it is: %s',
    (value) => expect(spellPath(value, 2, 3)).toBe(value),
  )
})

describe('uploadDepth', () => {
  const target = (context: string, id = 'a') => ({
    id,
    cache: { name: id, from: ['type=registry,ref=a'], to: '' },
    variant: { context },
  })
  const depthOf = (targets: Parameters<typeof uploadDepth>[0], request: Partial<Parameters<typeof uploadDepth>[1]>) =>
    uploadDepth(targets, { settings: { contexts: {} }, workspace: '/', isPersistent: false, ...request })
  /** A directory with files of these sizes. */
  const directory = (sizes: Readonly<Record<string, number>> = {}, dockerignore = '') => {
    const dir = mkdtempSync(join(realpathSync(tmpdir()), 'uploads-'))
    dirs.push(dir)
    for (const [name, size] of Object.entries({ ...sizes, '.dockerignore': 0 })) {
      mkdirSync(join(dir, name, '..'), { recursive: true })
      writeFileSync(join(dir, name), name === '.dockerignore' ? dockerignore : '')
      if (size > 0) truncateSync(join(dir, name), size)
    }
    return dir
  }
  const MB = 1_000_000

  test('the parents of the working directory, if several targets import a cache', () => {
    const context = directory()
    const [one, two] = [target(context), target(context, 'b')]
    expect(depthOf([one, two], { workspace: '/proc/self/' })).toBe(2)
    expect(depthOf([one, two], { workspace: '/' })).toBe(0)
    expect(depthOf([one], {})).toBeUndefined()
    expect(depthOf([one, { ...two, cache: { ...two.cache, from: [] } }], {})).toBeUndefined()
  })

  test('a persistent builder has the steps: one upload is enough', () => {
    const context = directory()
    expect(depthOf([target(context), target(context, 'b')], { isPersistent: true })).toBeUndefined()
  })

  test.each([
    ['a link to a deeper directory', 'one', 'a/b/c'],
    ['a link in a deeper directory', 'x/y/z', 'one'],
  ])('is enough by name and in the file system: %s', (_, link, linked) => {
    const dir = directory()
    for (const name of [linked, posix.dirname(link)]) mkdirSync(join(dir, name), { recursive: true })
    symlinkSync(join(dir, linked), join(dir, link))
    const targets = [target(dir), target(dir, 'b')]
    const depth = depthOf(targets, { workspace: dir }) ?? NaN
    expect(depthOf(targets, { workspace: join(dir, link) })).toBe(depth + 3)
  })

  interface Case {
    readonly what: string
    readonly count: number
    readonly sizes: Readonly<Record<string, number>>
    readonly dockerignore?: string
    readonly expected: boolean
  }
  test.each<Case>([
    { what: 'small files', count: 4, sizes: { a: 10 * MB, 'b/c': 20 * MB }, expected: true },
    { what: 'the same for more targets', count: 5, sizes: { a: 10 * MB, 'b/c': 20 * MB }, expected: false },
    { what: 'a large file for two targets', count: 2, sizes: { a: 101 * MB }, expected: false },
    {
      what: 'what `.dockerignore` excludes',
      count: 4,
      sizes: { a: MB, '.git/b': 99 * MB, c: 99 * MB },
      dockerignore: '# comment\n.git\n/c/\n',
      expected: true,
    },
    { what: 'such a name elsewhere', count: 4, sizes: { 'a/c': 99 * MB }, dockerignore: 'c\n', expected: false },
  ])('only if the node receives little more: $what', ({ count, sizes, dockerignore, expected }) => {
    const context = directory(sizes, dockerignore)
    const targets = Array.from({ length: count }, (_, index) => target(context, `t${index}`))
    expect(depthOf(targets, {}) !== undefined).toBe(expected)
  })

  test('named contexts are sent too', () => {
    const [context, lib] = [directory(), directory({ a: 101 * MB })]
    const targets = [target(context), target(context, 'b')]
    const contexts = { base: 'docker-image://alpine', layout: `oci-layout://${lib}`, git: 'https://example.com/x.git' }
    expect(depthOf(targets, { settings: { contexts } })).toBe(0)
    expect(depthOf(targets, { settings: { contexts: { ...contexts, lib } } })).toBeUndefined()
  })

  test('a remote context is not sent', () => {
    const url = 'https://example.com/x.git#main'
    expect(depthOf([target(url), target(url, 'b')], {})).toBe(0)
  })
})
