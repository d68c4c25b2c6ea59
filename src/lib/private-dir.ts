import { randomBytes } from 'node:crypto'
import { accessSync, constants, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// A Unix socket's path ends at about 104 characters, and ssh adds 17 of its own while it makes a control socket.
const longestBase = 50

/** Paths that ssh takes as they are: it splits at spaces, expands `%` and divides forwards at `:`. */
const plain = /^\/[\w.+@/-]*$/

/**
 * Where the run's directory will be: named before it is made, so that post knows of it whenever this step is killed.
 * Everything the run keeps on this machine lives in it, sockets too, so a runner's temporary directory is used only if
 * its path is short and plain.
 */
export function choosePrivateDir(runnerTemp: string | undefined): string {
  const base =
    [runnerTemp, tmpdir()].find((path) => path && path.length <= longestBase && plain.test(path) && isWritable(path)) ??
    '/tmp'
  return join(base, `mab-${randomBytes(5).toString('hex')}`)
}

/** Where a container's user is not the runner's, the directory may be named and be of no use. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Makes a directory that only this user can enter; throws if anything is there already. */
export function makePrivateDir(path: string): void {
  mkdirSync(path, { mode: 0o700 })
}

/** Writes a file that only this user can read. */
export function writePrivate(path: string, content: string): void {
  writeFileSync(path, content, { mode: 0o600 })
}

export function removeDir(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 })
}
