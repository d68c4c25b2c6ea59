import { shorten } from '../lib/issues.ts'
import { splitRecords } from '../lib/lists.ts'
import type { InputSource } from './source.ts'
import type { VariantSpec } from './variants.ts'

const variable = /[\s,]([A-Z_][A-Z0-9_]*)=/
const dottedKey = /\s((?:[a-z-]+(?:\[[^\]]*\])?:)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)=/
const contextName = /\s([\w./-]+)=/

/** Inputs with one `NAME=value` per line → how another entry in a value begins. */
const otherEntries: Readonly<Record<string, RegExp>> = {
  'build-args': variable,
  labels: dottedKey,
  annotations: dottedKey,
  secrets: /\s([A-Z_][A-Z0-9_]*)=/,
  'secret-files': contextName,
  'build-contexts': contextName,
}

/** Several entries on one line, as YAML folds them with `>`, are one value that the author did not mean. */
export function warnFolded(variants: readonly VariantSpec[], { text, warn }: InputSource): void {
  const ofVariants = variants.flatMap(({ buildArgs }) => Object.entries(buildArgs))
  for (const [input, pattern] of Object.entries(otherEntries)) {
    const values = new Map([...entriesOf(text(input), input), ...(input === 'build-args' ? ofVariants : [])])
    for (const [name, value] of values) {
      const part = otherPart(value, pattern)
      if (part !== undefined) warn(message(input, name, input === 'secrets' ? 'another entry' : part))
    }
  }
}

/** Entries in quotes are meant as they are. */
function entriesOf(text: string, input: string): readonly (readonly [string, string])[] {
  return splitRecords(input, text, () => undefined)
    .filter(({ quoted }) => !quoted)
    .map((entry) => [entry.text.split('=', 1).join(''), entry.text.slice(entry.text.indexOf('=') + 1)])
}

function otherPart(value: string, pattern: RegExp): string | undefined {
  const other = pattern.exec(value)?.[1]
  if (other !== undefined) return `\`${other}=\``
  return /\s#\s/.test(value) ? 'a comment' : undefined
}

function message(input: string, name: string, part: string): string {
  return (
    `\`${input}\`: the value of \`${shorten(name)}\` contains ${part}. Entries and comments need a line of ` +
    'their own: use `|`, not `>`, for lists of several lines.'
  )
}
