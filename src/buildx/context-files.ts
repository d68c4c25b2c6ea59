import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The paths of what is in a directory that buildx sends, at any depth and without following links: first of everything
 * in a directory, then of its subdirectories.
 *
 * @param ignored names that are left out at the top; see `ignoredNames`
 */
export function* contextFiles(context: string, ignored: ReadonlySet<string>): Generator<string, void> {
  const directories = [context]
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of list(directory)) {
      if (directory === context && ignored.has(entry.name)) continue
      const path = join(directory, entry.name)
      if (entry.isDirectory()) directories.push(path)
      yield path
    }
  }
}

function list(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch {
    // buildx reports what it cannot read.
    return []
  }
}

/**
 * The plain names in the `.dockerignore` of a context, such as `.git` or `/dist/`: usually those of large directories.
 * None if it has exceptions, which may be below them, or cannot be read.
 */
export function ignoredNames(context: string): ReadonlySet<string> {
  const path = join(context, '.dockerignore')
  // Whatever is in a checkout: reading a pipe would never end.
  if (!existsSync(path) || !lstatSync(path).isFile()) return new Set()
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
  if (lines.some((line) => line.startsWith('!'))) return new Set()
  return new Set(lines.map((line) => line.replace(/^\.?\/|\/$/g, '')))
}
