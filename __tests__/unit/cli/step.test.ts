import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Signals } from '../../../src/cli/signals.ts'
import { runStep } from '../../../src/cli/step.ts'

let dir: string
let signals: Signals
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'step-'))
  signals = new Signals()
})
afterEach(() => {
  signals.close()
  rmSync(dir, { recursive: true })
})

/** A step that prints more than a pipe holds, and ends by itself unless it is cancelled. */
const program = `
process.on('SIGINT', () => process.exit(7))
const lines = Array.from({ length: 20_000 }, (_, index) => \`line \${index}\`)
process.stdout.write(lines.join('\\n') + '\\n', () => setTimeout(() => {}, process.env.LASTS))
`

async function runUnread(isPost: boolean, lasts: number) {
  const path = join(dir, 'program.mjs')
  writeFileSync(path, program)
  const closed = new AbortController()
  const printed: string[] = []
  // It closes at the first line, and never drains.
  const output = {
    print: (line: string) => {
      printed.push(line)
      closed.abort()
      return false
    },
    onDrain: () => undefined,
  }
  const env = { ...process.env, LASTS: String(lasts) }
  const code = await runStep({
    program: path,
    dir,
    env,
    masks: new Set(),
    output,
    signals,
    closed: closed.signal,
    isPost,
  })
  return { code, printed }
}

test('a step is cancelled when nobody reads its output any more', async () => {
  expect(await runUnread(false, 300_000)).toEqual({ code: 7, printed: ['line 0'] })
})

test('a post step finishes although nobody reads its output', async () => {
  expect(await runUnread(true, 0)).toEqual({ code: 0, printed: ['line 0'] })
})

test('errors go to standard error, and the rest of the log to the output', async () => {
  const path = join(dir, 'errors.mjs')
  writeFileSync(path, "console.log('line\\n::error title=x::one%0Atwo\\n::warning::w'); console.error('crash')")
  const [printed, errors]: [string[], string[]] = [[], []]
  const spy = jest.spyOn(process.stderr, 'write').mockImplementation((text) => errors.push(String(text)) > 0)
  const output = { print: (line: string) => printed.push(line) > 0, onDrain: () => undefined }
  const closed = new AbortController().signal
  try {
    await runStep({ program: path, dir, env: process.env, masks: new Set(), output, signals, closed })
  } finally {
    spy.mockRestore()
  }
  expect(printed).toEqual(['line', 'warning: w'])
  expect(errors.sort()).toEqual(['crash\n', 'error: one\ntwo\n'])
})

test.each([
  ['SIGINT', 'SIGINT', 130],
  ['SIGTERM', 'SIGTERM', 143],
  ['SIGHUP', 'SIGTERM', 129],
] as const)('%s reaches the step as %s, and the exit code of the command is %d', async (received, sent, exitCode) => {
  const path = join(dir, 'signals.mjs')
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP']
  const handlers = names.map((name) => `process.on('${name}', () => { console.log('${name}'); process.exit(0) })`)
  writeFileSync(path, [...handlers, "console.log('ready')", 'setTimeout(() => {}, 300_000)'].join('\n'))
  const printed: string[] = []
  const print = (line: string) => {
    if (line === 'ready') process.emit(received, received)
    return printed.push(line) > 0
  }
  const output = { print, onDrain: () => undefined }
  expect(signals.exitCode()).toBe(undefined)
  await runStep({
    program: path,
    dir,
    env: process.env,
    masks: new Set(),
    output,
    signals,
    closed: new AbortController().signal,
  })
  expect(printed).toEqual(['ready', sent])
  expect(signals.exitCode()).toBe(exitCode)
  process.emit('SIGTERM', 'SIGTERM')
  expect(signals.exitCode()).toBe(exitCode)
})
