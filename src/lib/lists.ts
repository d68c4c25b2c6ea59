import { splitFields } from './csv.ts'
import { shorten, type IssueSink } from './issues.ts'

/** One entry of a list input, with the line it begins on, counted from 1. */
export interface ListEntry {
  readonly text: string
  readonly line: number
  /** The entry was in double quotes, so its commas do not separate. */
  readonly quoted?: boolean
}

export type Env = Readonly<Record<string, string | undefined>>

/** Lines without blank ones and `#` comments. */
export function splitLines(text: string): readonly ListEntry[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line, index) => ({ text: line.trim(), line: index + 1 }))
    .filter((entry) => !isIgnored(entry.text))
}

/** Lines, separated by commas as well, as CSV: an entry in double quotes may contain commas. */
export function splitList(text: string): readonly string[] {
  return splitLines(text)
    .flatMap((entry) => splitFields(entry.text) ?? entry.text.split(','))
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

/** The entries that an earlier one equals, by `keyOf`. */
export function repeated(entries: readonly string[], keyOf = (entry: string) => entry): readonly string[] {
  const keys = entries.map(keyOf)
  return entries.filter((entry, index) => keys.indexOf(keyOf(entry)) < index)
}

/**
 * Lines that may contain commas. As in Docker's actions, an entry in double quotes may span lines, and `""` in it is
 * one quote: https://docs.docker.com/build/ci/github-actions/configure-builder/ reads such lists as CSV.
 */
export function splitRecords(input: string, text: string, report: IssueSink): readonly ListEntry[] {
  const lines = text.split(/\r\n|\r|\n/)
  const entries: ListEntry[] = []
  for (let index = 0; index < lines.length; index++) {
    const line = (lines[index] ?? '').trim()
    const begin = index + 1
    if (isIgnored(line)) continue
    if (!line.startsWith('"')) {
      entries.push({ text: line, line: begin })
      continue
    }
    const quoted = readQuoted(lines, index)
    index += quoted.length - 1
    const value = unquote(quoted.join('\n'))
    if (value !== undefined) entries.push({ text: value, line: begin, quoted: true })
    else report({ input, given: shorten(line), expected: `is quoted incorrectly in line ${begin}: ${quoteForm}` })
  }
  return entries
}

const quoteForm =
  'put the whole entry between double quotes, `"NAME=value"`, and write `""` for each quote in the value'

function isIgnored(line: string): boolean {
  return line === '' || line.startsWith('#')
}

/** The lines of a quoted entry, up to its closing quote. */
function readQuoted(lines: readonly string[], first: number): readonly string[] {
  let end = first + 1
  while (end < lines.length && !isClosed(lines.slice(first, end).join('\n'))) end++
  return lines.slice(first, end)
}

function isClosed(quoted: string): boolean {
  return (quoted.match(/"/g)?.length ?? 0) % 2 === 0
}

/** The content of an entry in double quotes; undefined if the text is not one. */
export function unquote(quoted: string): string | undefined {
  return /^"(?:[^"]|"")*"$/.test(quoted.trim()) ? quoted.trim().slice(1, -1).replaceAll('""', '"') : undefined
}

interface RecordForm {
  readonly input: string
  /** The values of names without `=`; without it, such a name is an issue. */
  readonly lookUp?: Env
  /** Added to the issues, for example ` of \`slim\``. */
  readonly where?: string
}

/** Parses `NAME=value` entries; of several with one name the last wins, as in Docker. */
export function parseRecord(
  form: RecordForm,
  entries: readonly ListEntry[],
  report: IssueSink,
): Readonly<Record<string, string>> {
  return Object.fromEntries(entries.flatMap((entry) => parsePair(form, entry, report)))
}

/** Parses an input of `NAME=value` lines. */
export function parseRecordInput(form: RecordForm, text: string, report: IssueSink): Readonly<Record<string, string>> {
  return parseRecord(form, splitRecords(form.input, text, report), report)
}

function parsePair(
  { input, lookUp, where = '' }: RecordForm,
  { text }: ListEntry,
  report: IssueSink,
): readonly (readonly [string, string])[] {
  const equals = text.indexOf('=')
  const name = equals < 0 ? text : text.slice(0, equals)
  const value = equals < 0 ? lookUp?.[name] : text.slice(equals + 1)
  const isName = lookUp !== undefined && !/[\s:]/.test(name)
  const problem = pairProblem(name, equals >= 0 || isName)
  if (problem !== undefined) {
    report({ input, given: shorten(text), expected: `${problem[0]}${where}: ${problem[1]}` })
    return []
  }
  return value === undefined ? [] : [[name, value]]
}

function pairProblem(name: string, isComplete: boolean): readonly [problem: string, form: string] | undefined {
  if (name.trim() === '') return ['has no name before `=`', 'write `NAME=value`']
  if (!isComplete) return ['has no `=`', 'write `NAME=value`, one per line']
  return /\s/.test(name) ? ['has a space before `=`', 'write `NAME=value`'] : undefined
}
