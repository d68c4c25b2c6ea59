import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { RunDir } from '../../../src/run/run-dir.ts'

describe('RunDir.choose', () => {
  const given = mkdtempSync(join(tmpdir(), 'runner-'))
  afterAll(() => rmSync(given, { recursive: true }))

  test('the runner’s directory, if it is short, plain and there', () => {
    expect(dirname(RunDir.choose(given).path)).toBe(given)
    for (const path of [undefined, '', `${given}/not-there`, `${given}/${'x'.repeat(50)}`, `${given} x`])
      expect(dirname(RunDir.choose(path).path)).toBe(tmpdir())
  })

  test('not a directory of the workspace, which a build could contain', () => {
    expect(dirname(RunDir.choose(given, `${given}-2`).path)).toBe(given)
    expect(dirname(RunDir.choose(given, given).path)).toBe(tmpdir())
    const inherited = process.env['TMPDIR']
    process.env['TMPDIR'] = given
    try {
      expect(dirname(RunDir.choose(given, given).path)).toBe('/tmp')
    } finally {
      if (inherited === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = inherited
    }
  })
})
