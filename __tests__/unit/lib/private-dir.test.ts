import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { choosePrivateDir } from '../../../src/lib/private-dir.ts'

describe('choosePrivateDir', () => {
  const given = mkdtempSync(join(tmpdir(), 'runner-'))
  afterAll(() => rmSync(given, { recursive: true }))

  test('the runner’s directory, if it is short, plain and there', () => {
    expect(dirname(choosePrivateDir(given))).toBe(given)
    for (const path of [undefined, '', `${given}/not-there`, `${given}/${'x'.repeat(50)}`, `${given} x`])
      expect(dirname(choosePrivateDir(path))).toBe(tmpdir())
  })
})
