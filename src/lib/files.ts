import { createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { homedir } from 'node:os'

const initialUmask = process.umask(0o077)
process.umask(initialUmask)

/** The umask that the job gave this process. */
export const jobUmask = initialUmask

/**
 * Makes the files that this process writes from now on readable by its own user only. Entry points call it: importing
 * a module must not change anything.
 */
export function setPrivateUmask(): void {
  process.umask(0o077)
}

/** HOME, or `/` for a user without an entry in passwd, as on some container platforms. */
export function homeDir(): string {
  try {
    return homedir()
  } catch {
    return '/'
  }
}

/** Bytes of a file that is read as a whole. */
const largestFile = 64 * 1024 * 1024

/**
 * @returns the text of a file; empty if the file cannot be read, or is not a regular one: a named pipe would block this
 *   process, and a device may have no end
 */
export function tryRead(path: string): string {
  try {
    const stats = statSync(path)
    return stats.isFile() && stats.size <= largestFile ? readFileSync(path, 'utf8') : ''
  } catch {
    return ''
  }
}

/** @returns the last `bytes` of a file as text; empty if the file cannot be read */
export function tryReadTail(path: string, bytes: number): string {
  try {
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      const tail = Buffer.alloc(Math.min(size, bytes))
      return tail.toString('utf8', 0, readSync(file, tail, 0, tail.length, size - tail.length))
    } finally {
      closeSync(file)
    }
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

/** The SHA-256 of a file, in hexadecimal. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
