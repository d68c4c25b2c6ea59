import { posix } from 'node:path'
import type { Files } from '../plan/context.ts'
import { shorten, type Report } from '../plan/mistake.ts'

/** An input that was given in another's place: what it is called, and what the other would hold. */
export interface Word {
  readonly input: string
  readonly text: string
}

export interface TextFiles extends Files {
  /** The text of a file, by its absolute path; throws where it cannot be read. */
  readonly read: (path: string) => string
}

/** Reads what docker/setup-buildx-action can say in two ways: by our own input, the word that was given in its place. */
export function readSetupWords(given: (name: string) => string, files: TextFiles, report: Report): ReadonlyMap<string, Word> {
  const config = readConfigFile(given, files, report)
  return new Map([...(config === undefined ? [] : [['buildkitd-config-inline', { input: 'buildkitd-config', text: config }] as const])])
}

function readConfigFile(given: (name: string) => string, { workspace, exists, read }: TextFiles, report: Report): string | undefined {
  const name = given('buildkitd-config')
  if (name === '') return undefined
  const wrong = (expected: string) => report({ input: 'buildkitd-config', given: shorten(name), expected })
  const path = posix.resolve(workspace, name)
  if (given('buildkitd-config-inline') !== '') wrong('is given beside `buildkitd-config-inline`: give one of the two')
  else if (!exists(path)) wrong(/[\r\n=]/.test(name) ? 'is no path: write text into `buildkitd-config-inline`, or the path of a file here' : `does not exist: ${path} was looked for`)
  else if (exists(`${path}/.`)) wrong('is a directory: write the path of the file in it, such as `buildkitd.toml`')
  else {
    try {
      return read(path).trim()
    } catch {
      wrong(`cannot be read: ${path} must be a file that the job's user may read`)
    }
  }
  return undefined
}
