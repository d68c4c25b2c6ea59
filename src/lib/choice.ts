import { shorten, type IssueSink } from './issues.ts'

export function readBoolean(input: string, text: string, report: IssueSink): boolean {
  // https://yaml.org/spec/1.2.2/#1032-tag-resolution, as @actions/core has it
  if (/^(true|True|TRUE)$/.test(text)) return true
  if (!/^(false|False|FALSE)$/.test(text))
    report({ input, given: shorten(text), expected: 'is neither `true` nor `false`' })
  return false
}

/** Whether a flag of Go's programs is set (strconv.ParseBool). */
export function isTrue(text = ''): boolean {
  return /^(1|t|true)$/i.test(text)
}

/** One of a few words; undefined where none was given, or a wrong one, which was told then. */
export function readChoice<T>(
  input: string,
  text: string,
  choices: Readonly<Record<string, T>>,
  report: IssueSink,
): T | undefined {
  const word = /^(true|True|TRUE|false|False|FALSE)$/.test(text) ? text.toLowerCase() : text
  if (word === '') return undefined
  if (Object.hasOwn(choices, word)) return choices[word]
  const words = Object.keys(choices).filter((choice) => choice !== 'true' && choice !== 'false')
  report({
    input,
    given: shorten(text),
    expected: `is not one of ${words.map((choice) => `\`${choice}\``).join(', ')}`,
  })
  return undefined
}
