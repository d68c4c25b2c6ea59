import { once } from 'node:events'

/** A warning about a line of a file. */
export interface Annotation {
  readonly title: string
  readonly message: string
  /** Relative to the workspace. */
  readonly file?: string
  readonly line?: number
}

/** The log of the step. Much of it is text from outside, none of which may become a workflow command. */
export interface Log {
  readonly info: (text: string) => void
  readonly line: (text: string) => void
  readonly warn: (text: string) => void
  readonly debug: (text: string) => void
  readonly annotate: (annotation: Annotation) => void
  /** Many lines at once. Wait for the result before logging more: what the runner has not read stays in memory. */
  readonly lines: (texts: readonly string[]) => Promise<unknown> | undefined
}

/** Ends this process once the log is written: `process.exit` alone would drop what the runner has not read yet. */
export async function exit(): Promise<never> {
  await new Promise((resolve) => process.stdout.write('', resolve))
  process.exit()
}

/** Writes lines to the log; resolves when the runner can take more. */
export function writeLines(texts: readonly string[]): Promise<unknown> | undefined {
  process.stdout.write(texts.map((text) => `${escapeWorkflowCommands(text)}\n`).join(''))
  return process.stdout.writableNeedDrain ? once(process.stdout, 'drain') : undefined
}

/**
 * A build step may print workflow commands: `::command::` at the start of a line, `##[command]` anywhere in it
 * (actions/runner, ActionCommand.cs). An invisible character between the marks keeps the text readable and makes the
 * runner ignore the command.
 */
export function escapeWorkflowCommands(text: string): string {
  return text.replace(/(^|[\r\n])((?:[^\S\r\n]|\x85)*):(?=:)/g, '$1$2:\u200b').replace(/##(?=\[)/g, '##\u200b')
}
