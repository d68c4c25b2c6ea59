import { describe, expect, test } from '@jest/globals'
import { run } from '../../../src/sys/process.ts'

describe('run', () => {
  test('the deadline holds, too, where a child of the process keeps its pipes', async () => {
    const { code, stdout } = await run('sh', ['-c', 'echo said; (sleep 3; echo late) & exec sleep 3'], { deadline: 500 })
    expect([code, stdout]).toEqual([124, 'said\n'])
  })

  test('a command that is not there is told by an error', async () => {
    await expect(run('/nowhere/at-all', [])).rejects.toThrow('ENOENT')
  })
})
