/** Whether ssh finds a name in a list of patterns with `*`, `?` and `!`; `name` is in lower case. */
export function matchesAny(patterns: readonly string[], name: string, matches = matchesWildcard): boolean {
  const matching = patterns.filter((pattern) => matches(pattern.replace(/^!/, ''), name))
  return matching.length > 0 && !matching.some((pattern) => pattern.startsWith('!'))
}

/**
 * Matches `*` and `?` as ssh does (match.c). A regular expression could take a time that grows with the number of
 * stars, and `ssh-keygen -F` would need files and a process per host before all inputs are valid.
 */
export function matchesWildcard(text: string, name: string): boolean {
  const pattern = text.toLowerCase()
  let at = 0
  let star = -1
  let resume = 0
  let index = 0
  while (index < name.length) {
    if (pattern[at] === '?' || (pattern[at] === name[index] && pattern[at] !== '*')) {
      at++
      index++
    } else if (pattern[at] === '*') {
      star = at++
      resume = index
    } else if (star >= 0) {
      at = star + 1
      index = ++resume
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
