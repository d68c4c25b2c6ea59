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
})
