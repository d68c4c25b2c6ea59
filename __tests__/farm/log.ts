/** Progress for people; on stderr, so that stdout stays free for what a command was asked for. */
export function log(line: string): void {
  process.stderr.write(`farm: ${line}\n`)
}
