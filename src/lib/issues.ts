/** One invalid input, described so that the workflow author can correct it without reading anything else. */
export interface InputIssue {
  /** The input's name, as in action.yml. */
  readonly input: string
  /** The invalid value, never a secret; the invalid line, not the whole input. */
  readonly given?: string
  /** The problem and the expected form: continues `given` to one sentence, without a final full stop. */
  readonly expected: string
}

/** Collects issues: parsers continue after the first, and the workflow author sees all of them at once. */
export type IssueSink = (issue: InputIssue) => void

/** Called by parsers of a single value, which know neither the input's name nor its line. */
export type Reject = (expected: string) => void

/** The issues of all inputs; thrown before the step has any effect. */
export class InputError extends Error {
  readonly issues: readonly InputIssue[]
  /** What else the author should know about the inputs. */
  readonly warnings: readonly string[]

  constructor(issues: readonly InputIssue[], warnings: readonly string[] = []) {
    super(`invalid inputs: ${[...new Set(issues.map(({ input }) => input))].join(', ')}`)
    this.name = 'InputError'
    this.issues = issues
    this.warnings = warnings
  }
}

const maxLength = 100

/** One line that is safe to print: control characters are escaped, and a long value is cut off. */
export function shorten(text: string): string {
  const characters = Array.from(text.trim())
  const shown = characters.length > maxLength ? [...characters.slice(0, maxLength - 1), '…'] : characters
  return shown.join('').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\t') return ' '
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}

/** The known word that was probably meant; undefined if none is similar enough. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const candidates = known
    .map((candidate) => ({
      candidate,
      distance: editDistance(word.toLowerCase().slice(0, 64), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.distance - b.distance)
  const [best] = candidates
  return best && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined
}

/** `; did you mean …?` as the end of a sentence, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const meant = nearest(word, known)
  return meant === undefined ? '' : `; did you mean \`${meant}\`?`
}

/** Damerau–Levenshtein distance: a swap of neighbours, which is a common typing error, counts as one edit. */
function editDistance(a: string, b: string): number {
  const columns = Array.from({ length: b.length + 1 }, (_, index) => index)
  let beforePrevious: readonly number[] = []
  let previous: readonly number[] = columns
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (const column of columns.slice(1)) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const [left, above, diagonal] = [at(current, column - 1), at(previous, column), at(previous, column - 1)]
      const swap = isSwap ? at(beforePrevious, column - 2) + 1 : Infinity
      current.push(Math.min(above + 1, left + 1, diagonal + (isSame ? 0 : 1), swap))
    }
    beforePrevious = previous
    previous = current
  }
  return at(previous, b.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity
}
