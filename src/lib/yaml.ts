import { shorten, type IssueSink } from './issues.ts'

/**
 * Reads YAML without guessing at types, so that `1.10` stays `1.10`; undefined where it is none, which was told then.
 */
export async function readYaml(input: string, text: string, report: IssueSink): Promise<unknown> {
  // Most jobs have no YAML input: loaded only where one has.
  const { FAILSAFE_SCHEMA, load, YAMLException } = await import('js-yaml')
  try {
    return load(text, { schema: FAILSAFE_SCHEMA })
  } catch (error) {
    const known = error instanceof YAMLException
    const line = known && error.mark ? error.mark.line : undefined
    const given = line === undefined ? undefined : text.split(/\r\n|\r|\n/)[line]
    const reason = known ? error.reason : 'it cannot be read'
    const where = line === undefined ? '' : ` in line ${line + 1}`
    report({
      input,
      ...(given !== undefined && given.trim() !== '' && { given: shorten(given) }),
      expected: `is not valid YAML${where}: ${shorten(reason)}`,
    })
    return undefined
  }
}

/** The keys of a map that `readYaml` has read, as they are written: an object puts those that are numbers first. */
export async function readKeys(text: string): Promise<readonly string[]> {
  const { FAILSAFE_SCHEMA, load, realMapTag } = await import('js-yaml')
  const map = load(text, { schema: FAILSAFE_SCHEMA.withTags(realMapTag) })
  return map instanceof Map ? [...map.keys()].map(String) : []
}
