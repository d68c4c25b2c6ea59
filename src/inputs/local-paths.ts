import { existsSync, readFileSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import type { IssueSink } from '../lib/issues.ts'
import { failFor, passes, type Fail } from './diagnostics.ts'
import { findLeavingLink, leavingMessage, readLink, type ReadLink } from './workspace-links.ts'

/** What the parsers may ask of the file system. */
export interface Files {
  /** Whether a path exists; `path/.` exists only if `path` is a directory. */
  readonly exists: (path: string) => boolean
  /** A file's text. @throws if it cannot be read */
  readonly read: (path: string) => string
  readonly readLink?: ReadLink
}

/** Bytes of a file that an input names: a configuration, a certificate or a key. */
const largestFile = 4 * 1024 * 1024

export const hostFiles: Files = { exists: existsSync, read: readRegularFile, readLink }

/** To read a named pipe would wait for another process, and a device may have no end. */
function readRegularFile(path: string): string {
  const stats = statSync(path)
  if (!stats.isFile() || stats.size > largestFile) throw new Error(`not a file of at most 4 MiB: ${path}`)
  return readFileSync(path, 'utf8')
}

/** Every path on the runner that the inputs name goes through here. */
export class LocalPaths {
  readonly workspace: string
  readonly #files: Files
  readonly #report: IssueSink

  /** @param workspace absolute; relative paths are relative to it */
  constructor(workspace: string, files: Files, report: IssueSink) {
    this.workspace = workspace
    this.#files = files
    this.#report = report
  }

  /** The absolute path that a text means. */
  absolute(text: string): string {
    return posix.resolve(this.workspace, text)
  }

  /**
   * The absolute path that the action or a build will read or write; an issue of the input that names it if a symbolic
   * link leads out of the workspace.
   */
  use(text: string, input: string): string {
    const path = this.absolute(text)
    const leaving = findLeavingLink(path, this.workspace, this.#files.readLink)
    if (leaving) failFor(this.#report, input)(leavingMessage(leaving, this.workspace), text)
    return path
  }

  /** The text of a file that a setting names; an issue if there is none, or if it must not be read. */
  readFile(text: string, fail: Fail): string {
    const path = this.absolute(text)
    const leaving = findLeavingLink(path, this.workspace, this.#files.readLink)
    const isUsable = passes(fail, text, [
      [leaving !== undefined, leaving ? leavingMessage(leaving, this.workspace) : ''],
      [!this.isFile(path), `was not found: ${path}`],
    ])
    return isUsable ? this.#read(path, fail) : ''
  }

  exists(path: string): boolean {
    return this.#files.exists(path)
  }

  isDirectory(path: string): boolean {
    return this.#files.exists(`${path}/.`)
  }

  isFile(path: string): boolean {
    return this.exists(path) && !this.isDirectory(path)
  }

  /** The text of a file; undefined if it cannot be read, as a socket. */
  tryRead(path: string): string | undefined {
    try {
      return this.#files.read(path).trim()
    } catch {
      return undefined
    }
  }

  #read(path: string, fail: Fail): string {
    const text = this.tryRead(path)
    if (text === undefined) fail(`cannot be read: the job's user must be able to read ${path}, a file of at most 4 MiB`)
    return text ?? ''
  }

  /** The end of a "not found" message; a missing checkout is the most common reason. */
  get checkoutHint(): string {
    return this.exists(posix.join(this.workspace, '.git'))
      ? ''
      : '; does a step with `actions/checkout` run before this one?'
  }
}
