import { parseBoolean, parseChoice } from '../lib/choice.ts'
import { splitList } from '../lib/lists.ts'
import type { IssueSink } from '../lib/issues.ts'
import { failFor, passes, type Fail, type Problem } from './diagnostics.ts'

/** Turns an input's text into its value; reports what is invalid and returns a value to go on with. */
export type Parser<T> = (text: string, fail: Fail, input: { readonly name: string; readonly report: IssueSink }) => T

/** One row: the input's name in action.yml and its parser. */
type Row<T> = readonly [input: string, parse: Parser<T>]

/** The values of a table's rows. */
export type Values<R> = { readonly [K in keyof R]: R[K] extends Row<infer T> ? T : never }

interface TableSource {
  readonly text: (name: string) => string
  readonly report: IssueSink
}

/** Parses all rows of a table: property → value. */
export function parseTable<T extends Readonly<Record<string, unknown>>>(
  rows: { readonly [K in keyof T]: Row<T[K]> },
  { text, report }: TableSource,
): T {
  const entries = Object.entries<Row<unknown>>(rows).map(([property, [name, parse]]) => [
    property,
    parse(text(name), failFor(report, name, text(name)), { name, report }),
  ])
  return Object.fromEntries(entries) as T
}

export const boolean =
  (byDefault = false): Parser<boolean> =>
  (text, _, { name, report }) =>
    parseBoolean(name, text || String(byDefault), report)

/** One of a few words; the first is the default. */
export const choice =
  <T>(words: Readonly<Record<string, T>>, byDefault: T): Parser<T> =>
  (text, _, { name, report }) =>
    parseChoice(name, text, words, report) ?? byDefault

/** Text that passes a check; empty if it does not, or if none was given. */
export const checkedText =
  (problemsOf: (text: string) => readonly Problem[]): Parser<string> =>
  (text, fail) =>
    text === '' || passes(fail, text, problemsOf(text)) ? text : ''

/** Entries on lines and between commas that pass a check. */
export const list =
  (problemsOf: (entry: string) => readonly Problem[] = () => []): Parser<readonly string[]> =>
  (text, fail) =>
    splitList(text).filter((entry) => passes(fail, entry, problemsOf(entry)))

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `3 days`, `12 hours`, `90m`, `2 weeks` → milliseconds; infinite if invalid, so that nothing is old enough. */
export const duration =
  (byDefault: string, examples = '3 days`, `12 hours` or `2 weeks'): Parser<number> =>
  (text, fail) => {
    const [, count = '', unit = ''] =
      /^(\d+(?:\.\d+)?)\s*(s|seconds?|m|minutes?|h|hours?|d|days?|w|weeks?)$/i.exec(text || byDefault) ?? []
    const length = Number(count) * (units[unit.charAt(0).toLowerCase()] ?? NaN)
    const form = `is not a valid duration: write \`${examples}\``
    return passes(fail, text, [[Number.isNaN(length), form]]) ? length : Infinity
  }
