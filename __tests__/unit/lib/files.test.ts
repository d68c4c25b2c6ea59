import { expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isExecutable, tryRead, tryReadTail } from '../../../src/lib/files.ts'

test('tryReadTail reads no more than the end of a file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'files-'))
  const path = join(dir, 'log')
  writeFileSync(path, `${'banner'.repeat(100_000)}\nPermission denied\n`)
  expect(tryReadTail(path, 18)).toBe('Permission denied\n')
  writeFileSync(path, 'short')
  expect([tryReadTail(path, 18), tryReadTail(join(dir, 'none'), 18)]).toEqual(['short', ''])
  rmSync(dir, { recursive: true })
})

test('tryRead reads regular files, also those whose size is not known, and no device', () => {
  expect(tryRead('/dev/zero')).toBe('')
  expect(tryRead('/proc/self/stat')).toContain(String(process.pid))
  expect(tryRead('/nowhere')).toBe('')
})

test('a directory in PATH with the name of a program is not executable', () => {
  expect([process.execPath, tmpdir(), '/nowhere'].map(isExecutable)).toEqual([true, false, false])
})
