import type { InputIssue } from '../lib/issues.ts'

/** PURE: all issues of the inputs, one per line below a headline that counts the inputs. */
export function formatInputIssues(issues: readonly InputIssue[]): string {
  const count = new Set(issues.map(({ input }) => input)).size
  return [`${count} invalid input${count === 1 ? '' : 's'}`, ...issues.map(formatIssue)].join('\n')
}

function formatIssue({ input, given, expected }: InputIssue): string {
  return `${input}: ${given === undefined ? '' : `"${given}" `}${expected}`
}
