import { shorten, type IssueSink } from './issues.ts'

/** Parses YAML without guessing types, so `1.10` stays `1.10`; undefined if it is not valid, which is reported. */
export async function parseYaml(input: string, text: string, report: IssueSink): Promise<unknown> {
  // Loaded only when needed: most jobs have no YAML input.
  const { FAILSAFE_SCHEMA, load, YAMLException } = await import('js-yaml')
  try {
    return load(text, { schema: FAILSAFE_SCHEMA })
  } catch (error) {
    const { reason, mark } = error instanceof YAMLException ? error : { reason: 'it cannot be parsed' }
    const given = mark ? (text.split(/\r\n|\r|\n/)[mark.line] ?? '') : ''
    const where = mark ? ` in line ${mark.line + 1}` : ''
    report({
      input,
      ...(given.trim() !== '' && { given: shorten(given) }),
      expected: `is not valid YAML${where}: ${shorten(reason)}`,
    })
    return undefined
  }
}

/** The keys of a YAML map in their order: an object would put those that are numbers first. */
export async function parseYamlKeys(text: string): Promise<readonly string[]> {
  const { FAILSAFE_SCHEMA, load, realMapTag } = await import('js-yaml')
  const map = load(text, { schema: FAILSAFE_SCHEMA.withTags(realMapTag) })
  return map instanceof Map ? [...map.keys()].map(String) : []
}
