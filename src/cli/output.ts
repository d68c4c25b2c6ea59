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

/** Every line as it comes. */
export const plainOutput: Output = {
  print: (line) => process.stdout.write(`${line}\n`),
  onDrain: (listener) => process.stdout.once('drain', listener),
}

/** Prints an error of a step. With a view it is part of the log, unless the user reads errors elsewhere. */
export function printError(line: string, output: Output): boolean {
  if (output.update && process.stderr.isTTY) return output.print(line)
  process.stderr.write(`${line}\n`)
  // The output, which this line did not go to, would not drain.
  return true
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
