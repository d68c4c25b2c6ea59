import { readFileSync, rmSync, writeFileSync } from 'node:fs'

/** A file's text; empty where it cannot be read. */
export function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Writes a file that only this user can read. */
export function writePrivate(path: string, content: string): void {
  writeFileSync(path, content, { mode: 0o600 })
}

/** Removes a directory with everything in it, if it exists. */
export function removeDir(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 })
}
