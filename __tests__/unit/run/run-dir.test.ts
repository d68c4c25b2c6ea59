import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { RunDir } from '../../../src/run/run-dir.ts'

describe('RunDir.choose', () => {
  const given = mkdtempSync(join(tmpdir(), 'runner-'))
  afterAll(() => rmSync(given, { recursive: true }))

  test('the runner’s directory, if it is short, plain and there', () => {
    expect(dirname(RunDir.choose(given).path)).toBe(given)
    for (const path of [undefined, '', `${given}/not-there`, `${given}/${'x'.repeat(50)}`, `${given} x`])
      expect(dirname(RunDir.choose(path).path)).toBe(tmpdir())
  })

  test('not a directory that a build uses, whatever the name by which the inputs call it', () => {
    symlinkSync(given, `${given}.link`)
    try {
      for (const used of ['/', dirname(given), given, `${given}.link`, `${given}/../${basename(given)}/`])
        expect(dirname(RunDir.choose(given, ['/elsewhere', used]).path)).not.toBe(given)
      for (const used of [`${given}-2`, `${given}/below`, given.slice(0, -1)])
        expect(dirname(RunDir.choose(given, [used]).path)).toBe(given)
    } finally {
      unlinkSync(`${given}.link`)
    }
  })

  test('not a directory of the workspace, which a build could contain', () => {
    expect(dirname(RunDir.choose(given, [`${given}-2`]).path)).toBe(given)
    expect(dirname(RunDir.choose(given, [given]).path)).toBe(tmpdir())
    const inherited = process.env['TMPDIR']
    process.env['TMPDIR'] = given
    try {
      expect(dirname(RunDir.choose(given, [given]).path)).toBe('/tmp')
    } finally {
      if (inherited === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = inherited
    }
  })
})
