import { shorten, type IssueSink } from './issues.ts'

export function parseBoolean(input: string, text: string, report: IssueSink): boolean {
  // https://yaml.org/spec/1.2.2/#1032-tag-resolution, as in @actions/core
  if (/^(true|True|TRUE)$/.test(text)) return true
  if (!/^(false|False|FALSE)$/.test(text))
    report({ input, given: shorten(text), expected: 'is neither `true` nor `false`' })
  return false
}

/** Whether a flag of Go's programs is set (strconv.ParseBool). */
export function isTrue(text = ''): boolean {
  return /^(1|t|true)$/i.test(text)
}

/** Whether a flag of Go's programs is set to false, exactly as they read it. */
export function isFalse(text: string): boolean {
  return /^(0|f|F|false|False|FALSE)$/.test(text)
}

/** One of several values; undefined if the text is empty or another value, which is reported. */
export function parseChoice<T>(
  input: string,
  text: string,
  choices: Readonly<Record<string, T>>,
  report: IssueSink,
): T | undefined {
  const value = /^(true|True|TRUE|false|False|FALSE)$/.test(text) ? text.toLowerCase() : text
  if (value === '') return undefined
  if (Object.hasOwn(choices, value)) return choices[value]
  const values = Object.keys(choices).filter((choice) => choice !== 'true' && choice !== 'false')
  report({
    input,
    given: shorten(text),
    expected: `is not one of ${values.map((choice) => `\`${choice}\``).join(', ')}`,
  })
  return undefined
}
