/** Logs progress to stderr; stdout is for the output of a command. */
export function log(line: string): void {
  process.stderr.write(`farm: ${line}\n`)
}
