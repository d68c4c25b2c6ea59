/** A terminal that carries out what is written, as far as the view uses it; lines wrap at its last column. */
export class TestTerminal {
  columns: number
  rows = 24
  accepts = true
  lines: string[] = ['']
  #row = 0
  readonly drains: (() => void)[] = []

  constructor(columns: number) {
    this.columns = columns
  }

  write(text: string): boolean {
    for (const [part] of text.matchAll(/\x1b\[[\d;]*[A-Za-z]|[\s\S]/gu)) this.#apply(part)
    return this.accepts
  }

  once(_: 'drain', listener: () => void): void {
    this.drains.push(listener)
  }

  /** Wraps lines as a terminal does that becomes narrower; the cursor stays below them. */
  resize(columns: number): void {
    this.columns = columns
    const chunks = (line: string) => line.match(new RegExp(`.{1,${columns}}`, 'gu')) ?? ['']
    this.lines = this.lines.slice(0, this.#row).flatMap(chunks).concat([''])
    this.#row = this.lines.length - 1
  }

  #apply(part: string): void {
    const [, count = '', command = ''] = /^\x1b\[([\d;]*)([A-Za-z])$/.exec(part) ?? []
    if (command === 'A') this.#row -= Number(count)
    else if (command === 'J') this.lines = [...this.lines.slice(0, this.#row), '']
    else if (command === 'm' || part === '\r') return
    else if (part === '\n') this.#newLine()
    else this.lines[this.#row] = `${this.lines[this.#row] ?? ''}${part}`
  }

  #newLine(): void {
    this.#row++
    if (this.lines.length <= this.#row) this.lines.push('')
  }
}
