import { splitList } from '../lib/lists.ts'
import { didYouMean } from '../lib/issues.ts'
import { passes } from './diagnostics.ts'
import type { Parser } from './table.ts'

const choices = ['node', 'local', 'emulate', 'skip', 'fail'] as const

/** What to do, in the order given, with the targets of a node that is unavailable. */
export type FallbackChoice = (typeof choices)[number]

/** Parses `fallback`; the default is `node, local`. What follows `skip` or `fail` would never be tried. */
export const parseFallback: Parser<readonly FallbackChoice[]> = (text, fail) => {
  const found: FallbackChoice[] = []
  for (const entry of splitList(text)) {
    const choice = choices.find((candidate) => candidate === entry)
    const last = found.find((before) => before === 'skip' || before === 'fail')
    const isValid = passes(fail, entry, [
      [
        choice === undefined,
        `is not one of ${choices.map((known) => `\`${known}\``).join(', ')}${didYouMean(entry, choices)}`,
      ],
      [choice !== undefined && found.includes(choice), 'is listed twice: list each word once, in the order to try'],
      [last !== undefined, `is never used after \`${last ?? ''}\`: move it before \`${last ?? ''}\`, or remove it`],
    ])
    if (isValid && choice !== undefined) found.push(choice)
  }
  return found.length > 0 ? found : ['node', 'local']
}
