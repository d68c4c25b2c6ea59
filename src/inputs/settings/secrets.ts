import { posix } from 'node:path'
import { isRemote } from '../context.ts'
import { joinFields } from '../../lib/csv.ts'
import { parseRecord, splitList, splitRecords } from '../../lib/lists.ts'
import { shorten } from '../../lib/issues.ts'
import type { SettingsSource } from './source.ts'
import type { RunDir } from '../../run/run-dir.ts'

/** A secret of the build, by where its value is until a step asks for it. */
export type Secret =
  | { readonly kind: 'value'; readonly id: string; readonly value: string }
  /** The name of a variable of the job. */
  | { readonly kind: 'env'; readonly id: string; readonly name: string }
  /** Absolute. */
  | { readonly kind: 'file'; readonly id: string; readonly path: string }

/** `secrets`, `secret-envs` and `secret-files`; what a mistake tells of them is never a value. */
export function readSecrets(source: SettingsSource): readonly Secret[] {
  const { text, env, files, report, note } = source
  const entries = (input: string): readonly (readonly [string, string])[] =>
    Object.entries(
      parseRecord(
        { input },
        splitRecords(input, text(input), (mistake) => report(hidden(mistake))),
        (mistake) => report(input === 'secrets' ? hidden(mistake) : mistake),
      ),
    )
  const values = entries('secrets').flatMap(([id, value]): readonly Secret[] => {
    if (value !== '') return [{ kind: 'value', id, value }]
    note(
      `The build gets no secret \`${shorten(id)}\`, since its value is empty: a secret of the forge is where its name is wrong, and in runs for forks.`,
    )
    return []
  })
  // Names of variables hold no comma, so that commas separate them as well.
  const variables = Object.entries(
    parseRecord(
      { input: 'secret-envs' },
      splitRecords('secret-envs', text('secret-envs'), report).flatMap((entry) =>
        splitList(entry.text).map((text) => ({ ...entry, text })),
      ),
      report,
    ),
  ).map(([id, name]): Secret => {
    if (env[name] === undefined)
      report({
        input: 'secret-envs',
        given: shorten(`${id}=${name}`),
        expected: `names the variable ${shorten(name)}, which is not set: give it in the step's \`env\``,
      })
    return { kind: 'env', id, name }
  })
  const paths = entries('secret-files').map(([id, path]): Secret => {
    const full = posix.resolve(files.workspace, path)
    if (!files.exists(full) || files.exists(`${full}/.`))
      report({
        input: 'secret-files',
        given: shorten(`${id}=${path}`),
        expected: `names no file: ${full} was looked for`,
      })
    return { kind: 'file', id, path: full }
  })
  const all = [...values, ...variables, ...paths]
  for (const id of new Set(all.map((secret) => secret.id))) {
    if (all.filter((secret) => secret.id === id).length > 1)
      report({
        input: 'secrets',
        given: shorten(id),
        expected:
          'is the id of two secrets, in `secrets`, `secret-envs` and `secret-files` together: give each its own',
      })
  }
  return all
}

function hidden<T extends { readonly given?: string }>(mistake: T): T {
  return mistake.given === undefined ? mistake : { ...mistake, given: '***' }
}

/**
 * The forge's token for a private context of this repository, as build-push-action hands it over: for that host alone.
 */
export function gitToken(secrets: readonly Secret[], token: string, context: string, own: string): readonly Secret[] {
  const asked = token !== '' && own !== '' && isRemote(context) && context.startsWith(own)
  return asked && !secrets.some(({ id }) => /^GIT_AUTH_(TOKEN|HEADER)/.test(id))
    ? [{ kind: 'value', id: `GIT_AUTH_TOKEN.${new URL(own).host}`, value: token }]
    : []
}

/** How bake gets a secret: never its value. `dir` holds the files that `secretFiles` lists. */
export function secretSpec(secret: Secret, number: number, dir: RunDir): string {
  switch (secret.kind) {
    case 'value':
      return joinFields([`id=${secret.id}`, `src=${dir.secret(number)}`])
    case 'env':
      return joinFields([`id=${secret.id}`, `env=${secret.name}`])
    case 'file':
      return joinFields([`id=${secret.id}`, `src=${secret.path}`])
  }
}

/** `ssh`: `default`, or `id=path[,path…]` of a socket or keys, one a line. */
export function readSsh({ text, env, files, report }: SettingsSource): readonly string[] {
  return splitRecords('ssh', text('ssh'), report)
    .flatMap(({ text: line }) => joinPaths(splitList(line)))
    .map((entry) => {
      const [, id = '', rest] = /^([^=]*)(?:=(.*))?$/s.exec(entry) ?? []
      const wrong = (expected: string) => report({ input: 'ssh', given: shorten(entry), expected })
      if (!/^[A-Za-z0-9_.-]+$/.test(id)) wrong('has no id: write `default`, or `id=/path/to/key`')
      if (rest === undefined) {
        if (!env['SSH_AUTH_SOCK'])
          wrong(
            'needs an agent, and SSH_AUTH_SOCK names none: start one in a step before, or write `default=/path/to/key`',
          )
        return entry
      }
      const paths = splitList(rest).map((path) => posix.resolve(files.workspace, path))
      for (const path of paths) if (!files.exists(path)) wrong(`names no socket or key: ${path} was looked for`)
      return `${id}=${paths.join(',')}`
    })
}

/** `a=/x,/y,b` is the entries `a=/x,/y` and `b`. */
function joinPaths(parts: readonly string[]): string[] {
  return parts.reduce<string[]>((entries, part) => {
    const last = entries.at(-1)
    return /^[./]/.test(part) && last?.includes('=') ? [...entries.slice(0, -1), `${last},${part}`] : [...entries, part]
  }, [])
}
