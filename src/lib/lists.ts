import { shorten, type IssueSink } from './issues.ts'

/** One entry of a list input, with the line it begins on, counted from 1. */
export interface Entry {
  readonly text: string
  readonly line: number
  /** It stood between double quotes, so that its commas are its own. */
  readonly quoted?: boolean
}

export type Env = Readonly<Record<string, string | undefined>>

/** Lines without blank ones and `#` comments. */
export function splitLines(text: string): readonly Entry[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line, index) => ({ text: line.trim(), line: index + 1 }))
    .filter((entry) => entry.text !== '' && !entry.text.startsWith('#'))
}

/** Lines, and commas within them: for entries that hold no comma. */
export function splitList(text: string): readonly string[] {
  return splitLines(text)
    .flatMap((entry) => entry.text.split(','))
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

/**
 * Lines that keep their commas. As in docker's actions, an entry between double quotes may span lines, and `""` in it
 * is one quote: https://docs.docker.com/build/ci/github-actions/configure-builder/ reads such lists as CSV.
 */
export function splitRecords(input: string, text: string, report: IssueSink): readonly Entry[] {
  const lines = text.split(/\r\n|\r|\n/)
  const entries: Entry[] = []
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]?.trim() ?? ''
    const begin = index + 1
    if (line === '' || line.startsWith('#')) continue
    if (!line.startsWith('"')) {
      entries.push({ text: line, line: begin })
      continue
    }
    let quoted = lines[index]?.trimStart() ?? ''
    while (!isClosed(quoted) && index + 1 < lines.length) quoted += `\n${lines[++index] ?? ''}`
    const value = unquote(quoted)
    if (value !== undefined) entries.push({ text: value, line: begin, quoted: true })
    else
      report({
        input,
        given: shorten(line),
        expected: `is quoted wrongly in line ${begin}: put the whole entry between double quotes, \`"NAME=value"\`, and write a quote in it twice`,
      })
  }
  return entries
}

function isClosed(quoted: string): boolean {
  return (quoted.match(/"/g)?.length ?? 0) % 2 === 0
}

/** A whole entry between double quotes is what stands in them; undefined where it is none. */
export function unquote(quoted: string): string | undefined {
  return /^"(?:[^"]|"")*"$/.test(quoted.trim()) ? quoted.trim().slice(1, -1).replaceAll('""', '"') : undefined
}

interface RecordForm {
  readonly input: string
  /** What a name alone means; without it, it is a mistake. */
  readonly lookUp?: Env
  /** Said of the mistakes, for example ` of \`slim\``. */
  readonly where?: string
}

/** Reads `NAME=value` entries; of several with one name the last wins, as in docker. */
export function readRecord(
  form: RecordForm,
  entries: readonly Entry[],
  report: IssueSink,
): Readonly<Record<string, string>> {
  const found = new Map<string, string>()
  for (const entry of entries) {
    const pair = readPair(form, entry, report)
    if (pair) found.set(...pair)
  }
  return Object.fromEntries(found)
}

/** Reads an input of `NAME=value` lines. */
export function readRecordInput(form: RecordForm, text: string, report: IssueSink): Readonly<Record<string, string>> {
  return readRecord(form, splitRecords(form.input, text, report), report)
}

function readPair(
  { input, lookUp, where = '' }: RecordForm,
  { text }: Entry,
  report: IssueSink,
): readonly [string, string] | undefined {
  const given = shorten(text)
  const equals = text.indexOf('=')
  const name = equals < 0 ? text : text.slice(0, equals)
  if (name.trim() === '') {
    report({ input, given, expected: `has no name before \`=\`${where}: write \`NAME=value\`` })
    return undefined
  }
  if (equals < 0 && (!lookUp || /[\s:]/.test(name))) {
    report({ input, given, expected: `has no \`=\`${where}: write \`NAME=value\`, one a line` })
    return undefined
  }
  if (/\s/.test(name)) {
    report({ input, given, expected: `has a space before \`=\`${where}: write \`NAME=value\`` })
    return undefined
  }
  if (equals >= 0) return [name, text.slice(equals + 1)]
  const value = lookUp?.[name]
  return value === undefined ? undefined : [name, value]
}
