/** One wrong input, told so that its author can mend it without reading anything else. */
export interface InputIssue {
  /** The input's name, as in action.yml. */
  readonly input: string
  /** What was given, never a secret; the offending line, not the whole input. */
  readonly given?: string
  /** What is wrong and which form is expected: reads on from `given`, one sentence without a final full stop. */
  readonly expected: string
}

/** Collects mistakes, so that parsers can go on after the first and the author sees all of them at once. */
export type IssueSink = (mistake: InputIssue) => void

/** Told by parsers of a single value, which know neither the input's name nor its line. */
export type Reject = (expected: string) => void

/** All mistakes of all inputs: nothing was done yet. */
export class InputError extends Error {
  readonly issues: readonly InputIssue[]

  constructor(mistakes: readonly InputIssue[]) {
    super(`wrong inputs: ${[...new Set(mistakes.map(({ input }) => input))].join(', ')}`)
    this.name = 'InputError'
    this.issues = mistakes
  }
}

const longest = 100

/** One line that is safe to print: control characters are written out, and a long value loses its end. */
export function shorten(text: string): string {
  const characters = Array.from(text.trim())
  const kept = characters.length > longest ? [...characters.slice(0, longest - 1), '…'] : characters
  return kept.join('').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\t') return ' '
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}

/** The known word that was probably meant; undefined where none is near enough to suggest. */
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

/** Counts a swap of neighbours as one edit, since that is how words are mistyped. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const swap = swapped ? (beforePrevious[column - 2] ?? 0) + 1 : Infinity
      current.push(Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, substitution, swap))
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length] ?? 0
}
