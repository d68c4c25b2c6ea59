/** Words that mark the cause of a failure in the output of a step. */
const errorWords =
  /\b(?:error|fatal|failed|failure|panic|exception|traceback|undefined|cannot|denied|not found|no such)\b/i

/**
 * What is kept of the output of a step, however long it is: its last lines, and before them the first lines with an
 * error that are no longer among the last.
 */
export class OutputTail {
  readonly #errors: string[] = []
  readonly #last: string[] = []

  /** @returns by how many characters more is kept than before */
  push(line: string): number {
    this.#last.push(line)
    if (this.#last.length <= OutputTail.longest) return line.length
    const dropped = this.#last.shift() ?? ''
    const isKept = this.#errors.length < OutputTail.mostErrors && errorWords.test(dropped)
    if (isKept) this.#errors.push(dropped)
    return line.length - (isKept ? 0 : dropped.length)
  }

  lines(): readonly string[] {
    return [...this.#errors, ...this.#last]
  }

  static readonly longest = 30
  static readonly mostErrors = 10
}

/** Bytes of the output of a test that are kept. */
const longestCapture = 64 * 1024
/** Chunks that are kept apart: each costs more memory than a short line. */
const mostChunks = 10_000

/** The output of a test: all of it, or of a long one the end. */
export class OutputCapture {
  #chunks: Uint8Array[] = []
  #length = 0

  push(data: Uint8Array): void {
    this.#chunks.push(data)
    this.#length += data.length
    // Not with every line, since all of it is copied. What is kept is still too long, so that `text` shortens it.
    if (this.#length > 3 * longestCapture || this.#chunks.length > mostChunks) this.#compact()
  }

  text(): string {
    this.#compact()
    return endOfOutput(Buffer.concat(this.#chunks), longestCapture)
  }

  #compact(): void {
    const end = Buffer.concat(this.#chunks).subarray(-2 * longestCapture)
    this.#chunks = [end]
    this.#length = end.length
  }
}

/** PURE: the output, or if it is longer than `most` bytes its last lines, after a line that says so. */
export function endOfOutput(output: Buffer, most: number): string {
  if (output.length <= most) return output.toString('utf8')
  const end = output.subarray(output.length - most)
  // Not in the middle of a line, which may be the middle of a character.
  return `[Only the end of the output; the log has more]\n${end.subarray(end.indexOf('\n') + 1).toString('utf8')}`
}

/** PURE: a line as it ends: a progress bar rewrites its line with carriage returns. */
export function lastRewrite(line: string): string {
  return line.includes('\r') ? (line.replace(/\r+$/, '').split('\r').pop() ?? '') : line
}

/** Adds a line to the last ones. */
export function keepTail(lines: string[], line: string, most: number): void {
  lines.push(line)
  if (lines.length > most) lines.shift()
}
