import * as core from '@actions/core'
import { once } from 'node:events'

/** A warning that belongs to a line of a file. */
export interface Annotation {
  readonly title: string
  readonly message: string
  /** Relative to the workspace. */
  readonly file?: string
  readonly line?: number
}

/** What the run says aloud. Much of it is text of others, so that nothing said here can become a workflow command. */
export interface Log {
  readonly info: (text: string) => void
  readonly line: (text: string) => void
  readonly warn: (text: string) => void
  readonly debug: (text: string) => void
  readonly annotate: (annotation: Annotation) => void
  /** Many at once. To be waited for before more is said: what the runner has not taken yet stays in memory. */
  readonly lines: (texts: readonly string[]) => Promise<unknown> | undefined
}

export const runnerLog: Log = {
  info: (text) => core.info(disarm(text)),
  line: (text) => process.stdout.write(`${disarm(text)}\n`),
  warn: (text) => core.warning(text),
  debug: (text) => core.debug(text),
  annotate: ({ title, message, file, line }) =>
    core.warning(message, {
      title,
      ...(file !== undefined && { file }),
      ...(line !== undefined && { startLine: line }),
    }),
  lines: (texts) => {
    process.stdout.write(texts.map((text) => `${disarm(text)}\n`).join(''))
    return process.stdout.writableNeedDrain ? once(process.stdout, 'drain') : undefined
  },
}

/** Ends this process once everything said is out: `process.exit` alone would drop what the runner has not read yet. */
export async function exit(): Promise<never> {
  await new Promise((resolve) => process.stdout.write('', resolve))
  process.exit()
}

/**
 * A build step may print what the runner would obey: `::command::` at the start of a line, `##[command]` anywhere in it
 * (actions/runner, ActionCommand.cs). An invisible character between the marks keeps the text and takes its power.
 */
export function disarm(text: string): string {
  return text.replace(/(^|[\r\n])((?:[^\S\r\n]|\x85)*):(?=:)/g, '$1$2:\u200b').replace(/##(?=\[)/g, '##\u200b')
}
