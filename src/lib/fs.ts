import { readFileSync } from 'node:fs'

/** A file's text; empty where it cannot be read. */
export function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
