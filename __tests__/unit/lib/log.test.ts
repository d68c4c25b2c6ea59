import { describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { withoutMasked } from '../../../src/buildx/install/binary-cache.ts'
import { runnerLog } from '../../../src/job/runner-log.ts'
import { escapeWorkflowCommands } from '../../../src/lib/log.ts'

// actions/runner: a line is a command if it starts with `::` after white space, or contains `##[`.
const isCommand = (line: string) => line.trimStart().startsWith('::') || line.includes('##[')

describe('escapeWorkflowCommands', () => {
  test('does not change the visible text', () => {
    expect(escapeWorkflowCommands('::set-output name=x::y').replaceAll('\u200b', '')).toBe('::set-output name=x::y')
    expect(escapeWorkflowCommands('plain: text ## heading')).toBe('plain: text ## heading')
  })

  test('no line is run as a command', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(':', '#', '[', ' ', 'a', '\t'), { maxLength: 12 }),
        (parts) => !isCommand(escapeWorkflowCommands(parts.join(''))),
      ),
    )
  })
})

test('no text in the log is run as a workflow command', () => {
  const said: string[] = []
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0)
  try {
    for (const say of [runnerLog.info, runnerLog.line, runnerLog.warn, runnerLog.debug])
      say('an engine answers:\n::save-state name=buildx::x')
    void runnerLog.lines(['::stop-commands::x'])
  } finally {
    write.mockRestore()
  }
  expect(
    said
      .join('')
      .split('\n')
      .filter((line) => isCommand(line) && !/^::(warning|debug)::an engine/.test(line)),
  ).toEqual([])
})

test('masks of a child process apply to its output, also where the runner ignores them', () => {
  expect(withoutMasked('asked\n::add-mask::a%25b\n::add-mask::\n{"url":"x?sig=a%b"}\n')).toBe(
    'asked\n{"url":"x?sig=***"}\n',
  )
})
