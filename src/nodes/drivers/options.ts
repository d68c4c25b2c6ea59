/** The format of a driver option's value. */
interface OptionFormat {
  readonly pattern: RegExp
  /** Completes `needs …` in a message. */
  readonly expected: string
  readonly example: string
}

/** Driver options by name. */
export type OptionFormats = Readonly<Record<string, OptionFormat>>

export const boolean: OptionFormat = {
  pattern: /^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/,
  expected: '`true` or `false`',
  example: 'true',
}

export const integer: OptionFormat = { pattern: /^-?\d+$/, expected: 'a whole number', example: '1000' }

export const pairs: OptionFormat = {
  pattern: /^"?[^=,\s]+=[^=,]*(,[^=,\s]+=[^=,]*)*"?$/,
  expected: 'pairs',
  example: 'name=value,name=value',
}

export const quantity: OptionFormat = {
  pattern: /^\d+(\.\d+)?(m|k|[MGTPE]|[KMGTPE]i)?$/,
  expected: 'an amount such as `500m` or `4Gi`',
  example: '4Gi',
}

export const size: OptionFormat = {
  pattern: /^(-1|\d+(\.\d+)? ?([kKmMgGtTpP]?i?[bB]?))$/,
  expected: 'a size such as `4g`',
  example: '4g',
}

export const text: OptionFormat = { pattern: /\S/, expected: 'a value', example: '…' }

/** Whether a driver with these options accepts the option. Drivers that start a daemon also accept `env.NAME`. */
export function acceptsOption(
  { options, startsDaemon }: { readonly options: OptionFormats; readonly startsDaemon: boolean },
  name: string,
): boolean {
  return Object.hasOwn(options, name) || (startsDaemon && name.startsWith('env.'))
}
