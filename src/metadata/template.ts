import { didYouMean, shorten, type Reject } from '../lib/issues.ts'

/** What stands between `{{` and `}}`: a name, at most one quoted text, and `tz='…'`. */
interface Call {
  readonly text?: string
  readonly tz?: string
}

/** The expressions a template may use, by name. A function that cannot answer tells why, and gives an empty text. */
export type Expressions = Readonly<Record<string, (call: Call, wrong: Reject) => string>>

const mustache = /\{\{\{?~?\s*([^{}]*?)\s*~?\}?\}\}/g
const call = /^([A-Za-z_][\w]*)(?:\s+(?:'([^']*)'|"([^"]*)"))?(?:\s+tz=(?:'([^']*)'|"([^"]*)"))?$/

/** PURE: puts in what the expressions say; `wrong` hears of each that is not understood. */
export function expand(template: string, expressions: Expressions, wrong: Reject): string {
  const expanded = template.replace(mustache, (_, inner: string) => evaluate(inner, expressions, wrong) ?? '')
  if (template.replace(mustache, '').includes('{{'))
    wrong('has `{{` without a matching `}}`: write an expression such as `{{branch}}`')
  return expanded
}

/**
 * The same for text that others' templates may be in, such as a label for a proxy: what is not understood stays as it
 * is.
 */
export function expandKnown(text: string, expressions: Expressions): string {
  return text.replace(mustache, (whole, inner: string) => {
    const problems: string[] = []
    const value = evaluate(inner, expressions, (problem) => problems.push(problem))
    return problems.length === 0 && value !== undefined ? value : whole
  })
}

/** Whether a template is one expression and nothing else. */
export function isOnly(template: string, name: string): boolean {
  return new RegExp(`^\\{\\{\\{?~?\\s*${name}\\s*~?\\}?\\}\\}$`).test(template.trim())
}

function evaluate(inner: string, expressions: Expressions, wrong: Reject): string | undefined {
  const [, name = '', single, double, tzSingle, tzDouble] = call.exec(inner) ?? []
  const word = name || (/^[^\s'"=]+/.exec(inner)?.[0] ?? '')
  const expression = Object.hasOwn(expressions, word) ? expressions[word] : undefined
  if (!expression) {
    const names = Object.keys(expressions)
    wrong(
      `holds \`{{${shorten(inner)}}}\`, which is no known expression (${names.join(', ')})${didYouMean(word, names)}`,
    )
    return undefined
  }
  if (name === '') {
    wrong(
      `holds \`{{${shorten(inner)}}}\`, which is not understood: write \`{{${word}}}\`, or for a date \`{{date 'YYYYMMDD' tz='Asia/Tokyo'}}\``,
    )
    return undefined
  }
  const text = single ?? double
  const tz = tzSingle ?? tzDouble
  return expression({ ...(text !== undefined && { text }), ...(tz !== undefined && { tz }) }, wrong)
}
