import { didYouMean } from '../lib/issues.ts'
import { passes, type Fail } from './diagnostics.ts'

/** What a map in a YAML input may contain. */
interface FieldsForm {
  /** `a registry`, as in "is not a key of a registry". */
  readonly what: string
  readonly keys: readonly string[]
  /** Where in the input it is: ` in \`slim\``. */
  readonly where: string
}

/** A key's text without surrounding space; undefined if the map does not have it, or has no text there. */
type TextOf = (key: string) => string | undefined

/** Reports keys that are not known; returns how to read the texts of the others. */
export function parseFields(map: Readonly<Record<string, unknown>>, form: FieldsForm, fail: Fail): TextOf {
  const { what, keys, where } = form
  const known = keys.join(', ')
  for (const key of Object.keys(map))
    passes(fail, key, [
      [key === '<<', `is a YAML merge key, which is not supported${where}: repeat the settings`],
      [!keys.includes(key), `is not a key of ${what}${where}: valid keys are ${known}${didYouMean(key, keys)}`],
    ])
  return (key) => {
    const value = fieldOf(map, key)
    const isText = value === undefined || typeof value === 'string'
    passes(fail, key, [[!isText, `must be a single string${where}: write \`${key}: …\``]])
    return isText ? value?.trim() : undefined
  }
}

/** A key's value; undefined if the map does not have it. */
export function fieldOf(map: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined
}
