import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../../farm/paths.ts'
import { waitForFile } from '../../../src/lib/time.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'guard-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

/** A command that is ready, and ends by itself when it gets a line. */
async function startCommand(undone: string) {
  const path = join(dir, 'command.mjs')
  const lines = [
    `import { startGuard } from '${join(projectRoot, 'src/cli/guard.ts')}'`,
    `const end = startGuard(['touch', '${undone}'], process.env)`,
    "process.stdin.once('data', () => { end(); process.stdin.destroy() })",
    "console.log('ready')",
  ]
  writeFileSync(path, lines.join('\n'))
  const command = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(command.stdout, 'data')
  return command
}

test('a command that is killed is undone', async () => {
  const undone = join(dir, 'undone')
  const command = await startCommand(undone)
  expect(existsSync(undone)).toBe(false)
  command.kill('SIGKILL')
  await waitForFile(undone, 30_000)
})

test('a command that ends by itself is not undone, and leaves no process', async () => {
  const undone = join(dir, 'undone')
  const command = await startCommand(undone)
  command.stdin.write('\n')
  // It ends after its guard.
  expect(await once(command, 'exit')).toEqual([0, null])
  expect(existsSync(undone)).toBe(false)
})
