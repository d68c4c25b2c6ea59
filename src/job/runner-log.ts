import * as core from '@actions/core'
import { escapeWorkflowCommands, writeLines, type Log } from '../lib/log.ts'
import { forReader } from './reader.ts'

/** The log of a step on a runner. */
export const runnerLog: Log = {
  info: (text) => core.info(escapeWorkflowCommands(forReader(text))),
  line: (text) => void writeLines([text]),
  warn: (text) => core.warning(forReader(text)),
  debug: (text) => core.debug(text),
  annotate: ({ title, message, file, line }) =>
    core.warning(message, {
      title,
      ...(file !== undefined && { file }),
      ...(line !== undefined && { startLine: line }),
    }),
  lines: writeLines,
}
