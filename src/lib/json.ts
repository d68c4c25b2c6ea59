/** `value` if it is a JSON object, else an empty one: to read documents from outside field by field. */
export function asRecord(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The text values of a JSON object. */
export function asTextRecord(value: unknown): Record<string, string> {
  const entries = Object.entries(asRecord(value))
  return Object.fromEntries(entries.flatMap(([key, text]) => (typeof text === 'string' ? [[key, text] as const] : [])))
}

/** `{ [key]: value }`, or nothing if the value has no entries: to be spread into an object. */
export function unlessEmpty(key: string, value: object): Record<string, unknown> {
  return Object.keys(value).length === 0 ? {} : { [key]: value }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** No document that this action reads has more levels; programs that read one recursively would exhaust their stack. */
const deepest = 100

/** The parsed text, or undefined if it is not JSON, or JSON with more than 100 levels. */
export function tryParseJson(text: string): unknown {
  if (isTooDeep(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether a JSON text has more levels than any document that this action reads. */
export function isTooDeep(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length && depth <= deepest; at++) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at)
    else if (char === '[' || char === '{') depth++
    else if (char === ']' || char === '}') depth--
  }
  return depth > deepest
}

/** The position of the quote that ends the string, which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let first = end
    while (text[first - 1] === '\\') first--
    if ((end - first) % 2 === 0) return end
  }
  return text.length
}
