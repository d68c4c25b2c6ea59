import { describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitForExit, exec, startProcess } from '../../../src/lib/exec.ts'
import { jobUmask } from '../../../src/lib/files.ts'

describe('run', () => {
  test('the deadline holds, too, where a child of the process keeps its pipes', async () => {
    const { code, stdout } = await exec('sh', ['-c', 'echo said; (sleep 10; echo late) & exec sleep 10'], {
      deadline: 2000,
    })
    expect([code, stdout]).toEqual([124, 'said\n'])
  })

  test('a command that does not exist is an error', async () => {
    await expect(exec('/nowhere/at-all', [])).rejects.toThrow('ENOENT')
  })
})

test('processes write private files, unless they write for the job; the umask does not change', async () => {
  const usual = process.umask(0o027)
  const dir = mkdtempSync(join(tmpdir(), 'umask-'))
  const umaskOf = async (options: { writesForJob?: boolean }) => {
    await waitForExit(startProcess('sh', ['-c', 'umask > seen'], { cwd: dir, ...options }))
    return Number.parseInt(readFileSync(join(dir, 'seen'), 'utf8'), 8)
  }
  const seen: number[] = []
  try {
    seen.push(await umaskOf({}), await umaskOf({ writesForJob: true }))
  } finally {
    rmSync(dir, { recursive: true })
    seen.push(process.umask(usual))
  }
  expect(seen).toEqual([0o077, jobUmask, 0o027])
})
