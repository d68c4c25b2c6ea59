import { afterEach, expect, jest, test } from '@jest/globals'
import { plainOutput, printError, printNotice } from '../../../src/cli/output.ts'

const { stdout, stderr } = process
const terminals = { stdout: stdout.isTTY, stderr: stderr.isTTY }

afterEach(() => {
  jest.restoreAllMocks()
  setTerminals(terminals)
})

function setTerminals(values: Readonly<Record<'stdout' | 'stderr', boolean>>): void {
  stdout.isTTY = values.stdout
  stderr.isTTY = values.stderr
}

/** What the three ways of printing write. */
function print(line: string): string[] {
  const written: string[] = []
  for (const stream of [stdout, stderr])
    jest.spyOn(stream, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  plainOutput.print(line)
  printError(line, plainOutput)
  printNotice(line)
  return written
}

const hostile = '\x1b]52;c;Zm9v\x07\x1b[2J\x1b]0;title\x1b\\\x1b[31mred\x9b5A\r\x08\nnext'

test('on a terminal, text of others keeps its colors and does nothing else, also without a view', () => {
  setTerminals({ stdout: true, stderr: true })
  expect(print(hostile)).toEqual(Array.from({ length: 3 }, () => '\x1b[31mred5A\nnext\x1b[0m\n'))
})

test('a file or a pipe gets it as it is', () => {
  setTerminals({ stdout: false, stderr: false })
  expect(print(hostile)).toEqual(Array.from({ length: 3 }, () => `${hostile}\n`))
})
