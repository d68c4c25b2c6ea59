import { expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostFiles, LocalPaths } from '../../../src/inputs/local-paths.ts'

test('a file that an input names is read if it is a regular file of a usual size', () => {
  const dir = mkdtempSync(join(tmpdir(), 'local-paths-'))
  const failures: string[] = []
  try {
    writeFileSync(join(dir, 'a.toml'), 'debug = true\n')
    writeFileSync(join(dir, 'large.toml'), Buffer.alloc(5 * 1024 * 1024, '#'))
    execFileSync('mkfifo', [join(dir, 'pipe.toml')])
    const paths = new LocalPaths(dir, hostFiles, () => undefined)
    const read = (path: string) => paths.readFile(path, (expected) => void failures.push(expected))
    expect(read('a.toml')).toBe('debug = true')
    expect(failures).toEqual([])
    expect(['large.toml', 'pipe.toml', '/dev/zero'].map(read)).toEqual(['', '', ''])
    expect(failures).toEqual(failures.map(() => expect.stringContaining('cannot be read')))
    expect(failures).toHaveLength(3)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
