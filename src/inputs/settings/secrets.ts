import type { Event } from '../../forge/event.ts'
import { joinFields } from '../../lib/csv.ts'
import { parseRecord, repeated, splitList, splitRecords, type ListEntry } from '../../lib/lists.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import type { RunDir } from '../../run/run-dir.ts'
import { isRemote, repositoryUrl } from '../context.ts'
import { failFor, passes } from '../diagnostics.ts'
import type { InputSource } from '../source.ts'

/** A secret of the build: where its value is until a step needs it. */
export type Secret =
  | { readonly kind: 'value'; readonly id: string; readonly value: string }
  /** The name of a variable of the job. */
  | { readonly kind: 'env'; readonly id: string; readonly name: string }
  /** Absolute. */
  | { readonly kind: 'file'; readonly id: string; readonly path: string }

/** What each input makes of an id and its value; undefined if the build gets no secret of it. */
const kinds: Readonly<Record<string, (id: string, value: string, source: InputSource) => Secret | undefined>> = {
  secrets: (id, value, { warn }) => {
    if (value !== '') return { kind: 'value', id, value }
    warn(`The secret \`${shorten(id)}\` has no value, so the build does not get it: ${emptySecret}.`)
    return undefined
  },
  'secret-envs': (id, name, { env, report }) => {
    const message = `names the variable ${shorten(name)}, which is not set: set it in the step's \`env\``
    passes(failFor(report, 'secret-envs'), `${id}=${name}`, [[env[name] === undefined, message]])
    return { kind: 'env', id, name }
  },
  // As in build-push-action a missing file is not an issue.
  'secret-files': (id, given, { paths, warn }) => {
    const path = paths.use(given, 'secret-files')
    if (paths.isFile(path)) return { kind: 'file', id, path }
    warn(`The build does not get the secret \`${shorten(id)}\`: \`secret-files\` names ${path}, which is not a file.`)
    return undefined
  },
}

/** The most common reason for an empty secret. */
export const emptySecret = 'secrets are empty if their name is misspelled, and in runs for forks'

/** `secrets`, `secret-envs` and `secret-files`; issues never quote a value. */
export function parseSecrets(source: InputSource): readonly Secret[] {
  const secrets = Object.entries(kinds).flatMap(([input, parse]) =>
    parseEntries(input, source).flatMap(([id, value]) => parse(id, value, source) ?? []),
  )
  for (const id of repeated(secrets.map((secret) => secret.id)))
    failFor(source.report, 'secrets')(
      'is the id of two secrets in `secrets`, `secret-envs` and `secret-files`: give each its own id',
      id,
    )
  return secrets
}

function parseEntries(input: string, { text, report }: InputSource): readonly (readonly [string, string])[] {
  const hide: IssueSink = (issue) =>
    report(input === 'secret-envs' || issue.given === undefined ? issue : { ...issue, given: '***' })
  const lines = splitRecords(input, text(input), hide)
  // Names of variables contain no comma, so commas separate them as well.
  const asList = (entry: ListEntry) => splitList(entry.text).map((one) => ({ ...entry, text: one }))
  return Object.entries(parseRecord({ input }, input === 'secret-envs' ? lines.flatMap(asList) : lines, hide))
}

/** The platform's token for a private context of this repository, as in build-push-action: for that host only. */
export function gitToken(secrets: readonly Secret[], context: string, token: string, event: Event): readonly Secret[] {
  const url = repositoryUrl(event)
  const isNeeded = token !== '' && url !== '' && isRemote(context) && context.startsWith(url)
  return isNeeded && !secrets.some(({ id }) => /^GIT_AUTH_(TOKEN|HEADER)/.test(id))
    ? [{ kind: 'value', id: `GIT_AUTH_TOKEN.${new URL(url).host}`, value: token }]
    : []
}

/** How bake gets a secret: never its value. `dir` contains the files of those with a value. */
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
