import { posix } from 'node:path'
import { expandDefault, isRemote, ownContext } from '../context.ts'
import { readRecordInput } from '../../lib/lists.ts'
import { shorten } from '../../lib/issues.ts'
import type { SettingsSource } from './source.ts'

/** `build-contexts`: more directories, images and repositories that a Dockerfile may name in FROM and COPY --from. */
export function readContexts({ text, event, files, report }: SettingsSource): Readonly<Record<string, string>> {
  const input = 'build-contexts'
  const contexts = readRecordInput({ input }, text(input), report)
  const resolve = (path: string) => posix.resolve(files.workspace, path)
  return Object.fromEntries(
    Object.entries(contexts).map(([name, given]) => {
      const value = expandDefault(given, ownContext(event))
      const wrong = (expected: string) => report({ input, given: shorten(`${name}=${value}`), expected })
      const layout = /^oci-layout:\/\/(.+)$/.exec(value)?.[1]
      if (layout !== undefined) return [name, `oci-layout://${resolve(layout)}`]
      if (isRemote(value) || value.startsWith('docker-image://')) return [name, value]
      if (value.startsWith('target:'))
        wrong(
          'names a target of a bake file, and there is none here: write a directory, a Git URL or `docker-image://…`',
        )
      else if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value))
        wrong('has an unknown scheme: write a directory, a URL, `docker-image://…` or `oci-layout://…`')
      else if (!files.exists(`${resolve(value)}/.`)) wrong(`is no directory: ${resolve(value)} was looked for`)
      return [name, resolve(value)]
    }),
  )
}
