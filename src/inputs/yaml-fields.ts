import { isRecord } from '../lib/json.ts'
import { didYouMean, type IssueSink } from '../lib/issues.ts'
import { parseYaml } from '../lib/yaml.ts'
import { failFor, passes, type Fail } from './diagnostics.ts'

/** An input of YAML: what is reported if it has another form, and quoted then. */
interface YamlForm {
  readonly input: string
  readonly expected: string
  readonly given?: string
}

/** Parses a YAML list; undefined if the text is not one, which is reported. */
export async function parseYamlList(
  text: string,
  { input, expected, given }: YamlForm,
  report: IssueSink,
): Promise<readonly unknown[] | undefined> {
  const yaml = await parseYaml(input, text, report)
  const isList = Array.isArray(yaml)
  passes(failFor(report, input), given, [[yaml !== undefined && !isList, expected]])
  return isList ? yaml : undefined
}

/** Parses a YAML map; undefined if the text is not one, which is reported. */
export async function parseYamlMap(
  text: string,
  { input, expected }: YamlForm,
  report: IssueSink,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const yaml = await parseYaml(input, text, report)
  const isMap = isRecord(yaml)
  passes(failFor(report, input), text, [[yaml !== undefined && !isMap, expected]])
  return isMap ? yaml : undefined
}

/** What a map in a YAML input may contain. */
interface FieldsForm {
  /** `a registry`, as in "is not a key of a registry". */
  readonly what: string
  readonly keys: readonly string[]
  /** Where in the input it is: ` in \`slim\``. */
  readonly where?: string
}

/** A key's text without surrounding space; undefined if the map does not have it, or has no text there. */
type TextOf = (key: string) => string | undefined

/** Reports keys that are not known; returns how to read the texts of the others. */
export function parseFields(map: Readonly<Record<string, unknown>>, form: FieldsForm, fail: Fail): TextOf {
  const { what, keys, where = '' } = form
  const known = keys.join(', ')
  for (const key of Object.keys(map))
    passes(fail, key, [
      [key === '<<', `is a YAML merge key, which is not supported${where}: repeat the settings`],
      [!keys.includes(key), `is not a key of ${what}${where}: valid keys are ${known}${didYouMean(key, keys)}`],
    ])
  return (key) => {
    const value = fieldOf(map, key)
    const isText = value === undefined || typeof value === 'string'
    passes(fail, key, [[!isText, `must be a single string${where}: write \`${key}: …\` in one line`]])
    return isText ? value?.trim() : undefined
  }
}

/** A key's value; undefined if the map does not have it. */
export function fieldOf(map: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

/** The texts of a key that has one text or a list of them; other values are reported. */
export function listField(
  map: Readonly<Record<string, unknown>>,
  key: string,
  fail: Fail,
  forms = 'a string or a list of strings',
): readonly string[] {
  const values: readonly unknown[] = [fieldOf(map, key) ?? ''].flat()
  const texts = values.filter((value): value is string => typeof value === 'string')
  passes(fail, key, [[texts.length < values.length, `must be ${forms}`]])
  return texts.filter((text) => text.trim() !== '')
}
