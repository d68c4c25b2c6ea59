import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import type { Fail } from './diagnostics.ts'

/** What the parsers may ask of the file system. */
export interface Files {
  /** Whether a path exists; `path/.` exists only if `path` is a directory. */
  readonly exists: (path: string) => boolean
  /** A file's text. @throws if it cannot be read */
  readonly read: (path: string) => string
}

export const hostFiles: Files = { exists: existsSync, read: (path) => readFileSync(path, 'utf8') }

/** A path on the runner that an input names. */
interface LocalPath {
  readonly input: string
  /** Absolute. */
  readonly path: string
  readonly access: 'read' | 'write'
}

/** Every path on the runner that the inputs name goes through here. */
export class LocalPaths {
  readonly workspace: string
  readonly #files: Files
  readonly #paths: LocalPath[] = []

  /** @param workspace absolute; relative paths are relative to it */
  constructor(workspace: string, files: Files) {
    this.workspace = workspace
    this.#files = files
  }

  /** The absolute path that a text means. */
  absolute(text: string): string {
    return posix.resolve(this.workspace, text)
  }

  /** The absolute path that a build will read or write; recorded with the input that names it. */
  use(text: string, { input, access = 'read' }: Pick<LocalPath, 'input'> & Partial<LocalPath>): string {
    const path = this.absolute(text)
    this.#paths.push({ input, path, access })
    return path
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

  /** A file's text, trimmed; reports why it cannot be read. */
  read(path: string, fail: Fail): string | undefined {
    try {
      return this.#files.read(path).trim()
    } catch {
      fail(`cannot be read: the job's user must be able to read ${path}`)
      return undefined
    }
  }

  /** The end of a "not found" message; a missing checkout is the most common reason. */
  get checkoutHint(): string {
    return this.exists(posix.join(this.workspace, '.git'))
      ? ''
      : '; does a step with `actions/checkout` run before this one?'
  }

  get all(): readonly LocalPath[] {
    return this.#paths
  }
}
