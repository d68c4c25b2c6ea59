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

  push(line: string): void {
    this.#last.push(line)
    if (this.#last.length <= OutputTail.longest) return
    const dropped = this.#last.shift() ?? ''
    if (this.#errors.length < OutputTail.mostErrors && errorWords.test(dropped)) this.#errors.push(dropped)
  }

  lines(): readonly string[] {
    return [...this.#errors, ...this.#last]
  }

  static readonly longest = 30
  static readonly mostErrors = 10
}
