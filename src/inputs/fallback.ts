import { splitList } from '../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../lib/issues.ts'

/** What to do, in the order given, with what a node that cannot be used should have built. */
export type FallbackWord = 'node' | 'local' | 'emulate' | 'skip' | 'fail'

const words: readonly FallbackWord[] = ['node', 'local', 'emulate', 'skip', 'fail']
const input = 'fallback'

/**
 * Reads `fallback`; without it, `node, local`. What stands behind `skip` or `fail` would never be tried, so it is a
 * mistake.
 */
export function readFallback(text: string, report: IssueSink): readonly FallbackWord[] {
  const found: FallbackWord[] = []
  for (const entry of splitList(text)) {
    const word = words.find((candidate) => candidate === entry)
    const last = found.find((before) => before === 'skip' || before === 'fail')
    if (word === undefined)
      report({
        input,
        given: shorten(entry),
        expected: `is not one of ${words.map((known) => `\`${known}\``).join(', ')}${didYouMean(entry, words)}`,
      })
    else if (found.includes(word))
      report({ input, given: word, expected: 'is listed twice: list each word once, in the order in which to try' })
    else if (last !== undefined)
      report({
        input,
        given: word,
        expected: `stands behind \`${last}\`, which ends the list: put it before, or leave it out`,
      })
    else found.push(word)
  }
  return found.length > 0 ? found : ['node', 'local']
}
