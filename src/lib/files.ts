import { createHash } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
  type Stats,
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

/** Whether the path leads to a regular file; false if it cannot be read, as below a directory of another user. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Whether the path leads to a file that this user can execute; directories have this permission too. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return isFile(path)
  } catch {
    return false
  }
}

/** The names in a directory; none if it cannot be read. */
export function tryList(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}

/** Bytes of a file that an input names: a configuration, a certificate or a key. */
const largestInput = 4 * 1024 * 1024

/**
 * The text of a file that an input names. To read a named pipe would wait for another process, and a device may have no
 * end.
 *
 * @throws if it is no regular file, is too large or cannot be read
 */
export function readRegularFile(path: string): string {
  const stats = statSync(path)
  if (!stats.isFile() || stats.size > largestInput) throw new Error(`not a file of at most 4 MiB: ${path}`)
  return readFileSync(path, 'utf8')
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

/** What a path is if it is neither a regular file nor a directory: to read it may block, or never end. */
export type SpecialKind = 'a named pipe' | 'a socket' | 'a device'

/** What a path, or the target of a link, is; undefined for files, for directories and if it does not exist. */
export function specialKind(path: string): SpecialKind | undefined {
  try {
    const stats = statSync(path)
    return kinds.find(([matches]) => matches(stats))?.[1]
  } catch {
    return undefined
  }
}

const kinds: readonly (readonly [(stats: Stats) => boolean, SpecialKind])[] = [
  [(stats) => stats.isFIFO(), 'a named pipe'],
  [(stats) => stats.isSocket(), 'a socket'],
  [(stats) => stats.isCharacterDevice() || stats.isBlockDevice(), 'a device'],
]

/** Whether a directory is a path or contains it, also by other names of the two. */
export function contains(directory: string, path: string): boolean {
  const [outer, inner] = [directory, path].map((one) => `${realPath(one)}/`.replace('//', '/')) as [string, string]
  return inner.startsWith(outer)
}

/** A path without links; of what does not exist, the path itself. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
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
