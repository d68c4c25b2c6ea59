import type { TargetState } from '../buildx/live.ts'
import { asRecord } from '../lib/json.ts'

/** Where the log of a step is printed. */
export interface Output {
  /** @returns false if it cannot take more for now */
  print(line: string): boolean
  onDrain(listener: () => void): void
  /** Shows what each target is doing; absent if there is no view. */
  update?(states: readonly TargetState[]): void
}

/** Every line as it comes; on a terminal without what else it would do there. */
export const plainOutput: Output = {
  print: (line) => process.stdout.write(`${forStream(line, process.stdout)}\n`),
  onDrain: (listener) => process.stdout.once('drain', listener),
}

/** Text for standard output or standard error, whatever they are. */
function forStream(text: string, { isTTY }: { readonly isTTY?: boolean }): string {
  return isTTY === true ? safeLine(text) : text
}

/** Prints an error of a step. With a view it is part of the log, unless the user reads errors elsewhere. */
export function printError(line: string, output: Output): boolean {
  if (output.update && process.stderr.isTTY) return output.print(line)
  printNotice(line)
  // The output, which this line did not go to, would not drain.
  return true
}

/** Prints a message of the command itself, which may contain text of a file. */
export function printNotice(text: string): void {
  process.stderr.write(`${forStream(text, process.stderr)}\n`)
}

/**
 * Aborts when the output cannot be written any more, as after `| head`. Without a listener, the first write to a closed
 * pipe would end this process at once, before it has removed what it created.
 */
export function watchOutput(): AbortSignal {
  const closed = new AbortController()
  const close = (error: Error) => {
    if (closed.signal.aborted) return
    closed.abort()
    if (asRecord(error)['code'] !== 'EPIPE')
      console.error(`multiarch-build: the output cannot be written: ${error.message}`)
  }
  for (const stream of [process.stdout, process.stderr]) stream.on('error', close)
  return closed.signal
}

const sequences = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)/g

/** PURE: a line of the log, which has text of others, that keeps its colors, and does nothing else to the terminal. */
export function safeLine(line: string): string {
  const text = line
    .replace(sequences, (sequence) => (/^\x1b\[[\d;]*m$/.test(sequence) ? sequence : ''))
    .replace(/[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g, '')
  return text.includes('\x1b') ? `${text}\x1b[0m` : text
}
