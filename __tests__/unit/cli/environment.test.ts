import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stepEnvironment } from '../../../src/cli/environment.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'environment-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

const checkout = { name: 'app', branch: 'main', sha: '0123', url: 'https://github.example.com/acme/app' }

test.each([
  ['a build', {}, 'local/app'],
  ['a cleanup', { forRemote: true }, 'acme/app'],
  ['a cleanup outside of a clone', { forRemote: true, checkout: { ...checkout, url: '' } }, 'local/app'],
])('the repository of %s', (_, options, repository) => {
  const env = stepEnvironment({}, dir, { checkout, cwd: dir, trusted: false, ...options })
  expect(env['GITHUB_REPOSITORY']).toBe(repository)
})

test('variables of another job are left out', () => {
  const outer = { GITHUB_TOKEN: 'none', INPUT_IMAGE: 'never/used', HOME: '/home/me' }
  const env = stepEnvironment(outer, dir, { checkout, cwd: dir, trusted: false })
  expect([env['GITHUB_TOKEN'], env['INPUT_IMAGE'], env['HOME']]).toEqual([undefined, undefined, '/home/me'])
})
