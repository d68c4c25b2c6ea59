import { didYouMean, shorten, type Reject } from '../lib/issues.ts'

/** Arguments of an expression such as `{{date 'YYYYMMDD' tz='UTC'}}`. */
interface Arguments {
  readonly text?: string
  readonly tz?: string
}

/** The expressions of a template, by name. One that has no value reports why, and gives an empty text. */
export type Expressions = Readonly<Record<string, (args: Arguments, reject: Reject) => string>>

const mustache = /\{\{\{?~?\s*([^{}]*?)\s*~?\}?\}\}/g
const call = /^([A-Za-z_][\w]*)(?:\s+(?:'([^']*)'|"([^"]*)"))?(?:\s+tz=(?:'([^']*)'|"([^"]*)"))?$/
const unclosed = 'has `{{` without a matching `}}`: write an expression such as `{{branch}}`'

/** PURE: replaces the expressions of a template by their values; `reject` gets the problem of each invalid one. */
export function expand(template: string, expressions: Expressions, reject: Reject): string {
  const expanded = template.replace(mustache, (_, inner: string) => evaluate(inner, expressions, reject) ?? '')
  if (template.replace(mustache, '').includes('{{')) reject(unclosed)
  return expanded
}

/**
 * PURE: the same for a text that may hold templates of other tools, such as a label for a proxy: what is not one of
 * `expressions` stays as it is.
 */
export function expandKnown(text: string, expressions: Expressions): string {
  return text.replace(mustache, (whole, inner: string) => {
    const problems: string[] = []
    const value = evaluate(inner, expressions, (problem) => problems.push(problem))
    return problems.length === 0 && value !== undefined ? value : whole
  })
}

/** Whether a template consists of one expression. */
export function isOnly(template: string, name: string): boolean {
  return new RegExp(`^\\{\\{\\{?~?\\s*${name}\\s*~?\\}?\\}\\}$`).test(template.trim())
}

function evaluate(inner: string, expressions: Expressions, reject: Reject): string | undefined {
  const match = call.exec(inner)
  const name = match?.[1] ?? /^[^\s'"=]+/.exec(inner)?.[0] ?? ''
  const expression = Object.hasOwn(expressions, name) ? expressions[name] : undefined
  if (expression && match) return expression(parseArguments(match), reject)
  reject(expression ? invalidCall(inner, name) : unknownExpression(inner, name, Object.keys(expressions)))
  return undefined
}

function parseArguments(match: RegExpExecArray): Arguments {
  const text = match[2] ?? match[3]
  const tz = match[4] ?? match[5]
  return { ...(text !== undefined && { text }), ...(tz !== undefined && { tz }) }
}

function unknownExpression(inner: string, name: string, names: readonly string[]): string {
  const known = names.join(', ')
  return `contains \`{{${shorten(inner)}}}\`, which is not a known expression (${known})${didYouMean(name, names)}`
}

function invalidCall(inner: string, name: string): string {
  const form = name.endsWith('date') ? `{{${name} 'YYYYMMDD' tz='Asia/Tokyo'}}` : `{{${name}}}`
  return `contains \`{{${shorten(inner)}}}\`, which is not valid: write \`${form}\``
}
