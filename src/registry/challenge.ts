interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string
  readonly parameters: ReadonlyMap<string, string>
}

// A name alone is a scheme; with `=` and a value it is a parameter of the scheme before it.
const element = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/y

/**
 * Parses a WWW-Authenticate header (https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate). Several headers are
 * joined by commas, as are parameters and challenges. Invalid parts are ignored.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  let position = 0
  while (position < header.length) {
    element.lastIndex = position
    const match = element.exec(header)
    if (!match) {
      position++
      continue
    }
    position = element.lastIndex
    const [text, name = '', quoted, bare] = match
    if (quoted === undefined && bare === undefined && text === name)
      challenges.push({ scheme: name.toLowerCase(), parameters: new Map() })
    else challenges.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '')
  }
  return challenges
}
