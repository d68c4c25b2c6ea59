import type { InputIssue } from '../lib/issues.ts'

/** All wrong inputs at a glance, one line each. */
export function describeMistakes(mistakes: readonly InputIssue[]): string {
  const count = new Set(mistakes.map(({ input }) => input)).size
  const headline = count === 1 ? '1 input is wrong' : `${count} inputs are wrong`
  return [headline, ...mistakes.map(describeMistake)].join('\n')
}

function describeMistake({ input, given, expected }: InputIssue): string {
  return `${input}: ${given === undefined ? '' : `"${given}" `}${expected}`
}
