import { posix } from 'node:path'
import { readBoolean } from '../lib/choice.ts'
import type { Files } from './context.ts'
import { splitList } from '../lib/lists.ts'
import { shorten, type IssueSink } from '../lib/issues.ts'
import { readPlatforms } from '../lib/platform.ts'
import { hidePassword, isBuildkitd, parseEndpoint } from '../nodes/endpoint.ts'

/** An input that was given in another's place: what it is called, and what the other would hold. */
interface Word {
  readonly input: string
  readonly text: string
}

interface TextFiles extends Files {
  /** The text of a file, by its absolute path; throws where it cannot be read. */
  readonly read: (path: string) => string
}

/**
 * Reads what docker/setup-buildx-action can say in two ways: by our own input, the word that was given in its place.
 */
export function readSetupWords(
  given: (name: string) => string,
  files: TextFiles,
  report: IssueSink,
): ReadonlyMap<string, Word> {
  const words: readonly (readonly [name: string, input: string, text: string | undefined])[] = [
    ['buildkitd-config-inline', 'buildkitd-config', readConfigFile(given, files, report)],
    [
      'nodes',
      given('append') !== '' ? 'append' : given('endpoint') !== '' ? 'endpoint' : 'driver',
      readListedNodes(given, report),
    ],
    ['keep-builder', 'keep-state', readKeepState(given, report)],
  ]
  return new Map(words.flatMap(([name, input, text]) => (text === undefined ? [] : [[name, { input, text }] as const])))
}

/** `endpoint` and `append` as the YAML list that `nodes` takes: the first node, then the others. */
function readListedNodes(given: (name: string) => string, report: IssueSink): string | undefined {
  const [endpoint, append] = [given('endpoint'), given('append')]
  const cluster = given('driver') === 'kubernetes'
  if (endpoint === '' && append === '')
    return cluster && given('nodes') === '' ? `[${JSON.stringify(describeFirst('kubernetes://', given))}]` : undefined
  if (given('nodes') !== '') {
    if (endpoint !== '')
      report({
        input: 'endpoint',
        given: shorten(hidePassword(endpoint)),
        expected:
          'is given beside `nodes`: write it there, as in `linux/arm64 = ssh://user@host`, or leave `nodes` out',
      })
    if (append !== '')
      report({
        input: 'append',
        expected:
          'is given beside `nodes`: write all nodes there, as in `linux/arm64 = ssh://user@host`, or leave `nodes` out',
      })
    return undefined
  }
  if (
    append !== '' &&
    endpoint !== '' &&
    !parseEndpoint(endpoint, (expected) =>
      report({ input: 'endpoint', given: shorten(hidePassword(endpoint)), expected }),
    )
  )
    return undefined
  // A local engine is no node of the driver `remote`, which needs `endpoint` for the first.
  const first =
    endpoint === '' && given('driver') === 'remote'
      ? undefined
      : JSON.stringify(describeFirst(endpoint === '' ? (cluster ? 'kubernetes://' : 'local') : endpoint, given))
  if (append === '') return `[${first ?? ''}]`
  // Behind the others, so that what is said of their lines and numbers is true.
  const [last, more] = first === undefined ? ['', ''] : [`\n- ${first}`, `, ${first}`]
  if (/^(?:(?:#[^\n]*|---)?\s*\n)*-\s/.test(append)) return `${append}${last}`
  if (/^\[.*\]$/s.test(append)) return `${append.slice(0, -1)}${/^\[\s*\]$/.test(append) ? (first ?? '') : more}]`
  report({
    input: 'append',
    given: shorten(hidePassword(append)),
    expected: 'is not a YAML list of nodes: write `- endpoint: ssh://user@host` and below it `platforms: linux/arm64`',
  })
  return undefined
}

/** As the list of `nodes` would have it: there too, a socket is an engine's unless the driver is `remote`. */
function describeFirst(endpoint: string, given: (name: string) => string): Readonly<Record<string, unknown>> {
  const parsed = parseEndpoint(endpoint)
  // An engine is asked what is native there; what a buildkitd or a cluster builds is what is asked for.
  const fixed =
    given('driver') === 'remote' ||
    parsed?.kind === 'kubernetes' ||
    (parsed !== undefined && parsed.kind !== 'unix' && isBuildkitd(parsed))
  return {
    endpoint,
    ...(fixed && { platforms: readPlatforms('platforms', splitList(given('platforms')), () => undefined) }),
  }
}

function readKeepState(given: (name: string) => string, report: IssueSink): string | undefined {
  const text = given('keep-state')
  if (text === '') return undefined
  const state = readBoolean('keep-state', text, report)
  const kept = /^true$/i.test(given('keep-builder'))
  if (!state && kept && /^false$/i.test(text))
    report({
      input: 'keep-state',
      given: text,
      expected: 'is contradicted by `keep-builder: true`, which means the same here: leave one of the two out',
    })
  return state && /^(false)?$/i.test(given('keep-builder')) ? 'true' : undefined
}

function readConfigFile(
  given: (name: string) => string,
  { workspace, exists, read }: TextFiles,
  report: IssueSink,
): string | undefined {
  const name = given('buildkitd-config')
  if (name === '') return undefined
  const wrong = (expected: string) => report({ input: 'buildkitd-config', given: shorten(name), expected })
  const path = posix.resolve(workspace, name)
  if (given('buildkitd-config-inline') !== '') wrong('is given beside `buildkitd-config-inline`: give one of the two')
  else if (!exists(path))
    wrong(
      /[\r\n=]/.test(name)
        ? 'is no path: write text into `buildkitd-config-inline`, or the path of a file here'
        : `does not exist: ${path} was looked for`,
    )
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
