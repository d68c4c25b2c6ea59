import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { wordingOf } from '../forge/wording.ts'
import { readRegularFile, specialKind, type SpecialKind } from '../lib/files.ts'
import type { IssueSink } from '../lib/issues.ts'
import { failFor, passes, type Fail, type Problem } from './diagnostics.ts'
import {
  findLeavingLink,
  isWithin,
  leavingMessage,
  readLink,
  specialMessage,
  type ReadLink,
} from './workspace-links.ts'

/** What the parsers may ask of the file system. */
export interface Files {
  /** Whether a path exists; `path/.` exists only if `path` is a directory. */
  readonly exists: (path: string) => boolean
  /** A file's text. @throws if it cannot be read */
  readonly read: (path: string) => string
  readonly readLink?: ReadLink
  readonly specialKind?: (path: string) => SpecialKind | undefined
}

/** What a path is used for, by which it depends what may be there: a directory and an archive may not exist yet. */
type Use = 'read' | 'connect' | 'archive' | 'directory'

export const hostFiles: Files = { exists: existsSync, read: readRegularFile, readLink, specialKind }

/** Every path on the runner that the inputs name goes through here. */
export class LocalPaths {
  readonly workspace: string
  readonly #files: Files
  readonly #report: IssueSink
  readonly #used = new Set<string>()

  /** @param workspace absolute; relative paths are relative to it */
  constructor(workspace: string, files: Files, report: IssueSink) {
    this.workspace = workspace
    this.#files = files
    this.#report = report
  }

  /** Every path that was passed to `use`; for a Dockerfile its directory, all of which a frontend may ask for. */
  get used(): readonly string[] {
    return [...this.#used]
  }

  /** The absolute path that a text means. */
  absolute(text: string): string {
    return posix.resolve(this.workspace, text)
  }

  /**
   * The absolute path that the action or a build will read or write; an issue of the input that names it if a symbolic
   * link leads out of the workspace, or if what is there cannot be used.
   */
  use(text: string, input: string, use: Use = 'read'): string {
    const path = this.absolute(text)
    this.#used.add(['file', 'variants'].includes(input) && this.isFile(path) ? posix.dirname(path) : path)
    const leaving = findLeavingLink(path, this.workspace, this.#files.readLink)
    if (leaving) failFor(this.#report, input)(leavingMessage(leaving, this.workspace), text)
    else passes(failFor(this.#report, input), text, this.#problems(path, use))
    return path
  }

  /** An export into a pipe or device outside is what the workflow asks for; nobody else can create one there. */
  #problems(path: string, use: Use): readonly Problem[] {
    const kind = this.#files.specialKind?.(path)
    const isAllowed = use === 'connect' ? kind === 'a socket' : use === 'archive' && !isWithin(path, this.workspace)
    return [
      [kind !== undefined && !isAllowed, specialMessage(kind)],
      [use === 'archive' && this.isDirectory(path), 'is a directory: write the path of a file, such as `out.tar`'],
      [use === 'directory' && this.isFile(path), 'is a file: write the path of a directory, or remove the file'],
    ]
  }

  /** The text of a file that a setting names; an issue if there is none, or if it must not be read. */
  readFile(text: string, fail: Fail): string {
    const path = this.absolute(text)
    const leaving = findLeavingLink(path, this.workspace, this.#files.readLink)
    const isUsable = passes(fail, text, [
      [leaving !== undefined, leaving ? leavingMessage(leaving, this.workspace) : ''],
      [this.isDirectory(path), 'is a directory: write the path of a file'],
      [!this.exists(path), `was not found: ${path}`],
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
    return this.exists(posix.join(this.workspace, '.git')) ? '' : wordingOf('pathNotFound')
  }
}
