/**
 * The fields of one CSV line, as buildx parses its options: `type=image,"name=a,b"`; undefined if quotes do not match.
 */
export function splitFields(text: string): readonly string[] | undefined {
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y
  const fields: string[] = []
  for (;;) {
    const match = field.exec(text)
    if (!match) return undefined
    fields.push(match[1] === undefined ? (match[2] ?? '').trim() : match[1].replaceAll('""', '"'))
    if (match[3] === '') return fields
  }
}

export function joinFields(fields: readonly string[]): string {
  return fields.map((field) => (/[",\n\r]|^\s|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')
}

export type Attribute = readonly [name: string, value: string]

/** `name=value` fields; undefined if one of them has another form. */
export function parseAttributes(text: string): readonly Attribute[] | undefined {
  const pairs = splitFields(text)?.map((field): Attribute | undefined => {
    const equals = field.indexOf('=')
    return equals < 1 ? undefined : [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1)]
  })
  return pairs?.every((pair) => pair !== undefined) ? pairs : undefined
}

export function joinAttributes(attributes: readonly Attribute[]): string {
  return joinFields(attributes.map(([name, value]) => `${name}=${value}`))
}

export function getAttribute(attributes: readonly Attribute[], name: string): string | undefined {
  return attributes.find(([key]) => key === name)?.[1]
}
