interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string
  readonly parameters: ReadonlyMap<string, string>
}

// A token, alone (a scheme) or with `=` and a value (a parameter of the scheme before it).
const word = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/y

/**
 * Reads a WWW-Authenticate header (https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate); several headers come
 * joined by commas, as do parameters and challenges. What cannot be read is passed over.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  let position = 0
  while (position < header.length) {
    word.lastIndex = position
    const found = word.exec(header)
    if (!found) {
      position++
      continue
    }
    position = word.lastIndex
    const [text, name = '', quoted, bare] = found
    if (quoted === undefined && bare === undefined && text === name)
      challenges.push({ scheme: name.toLowerCase(), parameters: new Map() })
    else challenges.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '')
  }
  return challenges
}
