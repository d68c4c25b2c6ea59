import { isTrue, parseBoolean } from '../lib/choice.ts'
import { splitList } from '../lib/lists.ts'
import { parsePlatforms } from '../lib/platform.ts'
import { endpointDriver } from '../nodes/drivers/table.ts'
import { hidePassword, parseEndpoint } from '../nodes/endpoint.ts'
import { failFor, passes, type Diagnostics } from './diagnostics.ts'
import type { LocalPaths } from './local-paths.ts'
import { parseYamlList } from './yaml-fields.ts'

/** What docker/setup-buildx-action calls differently: its input, ours, and the text that it means for ours. */
const aliases: readonly (readonly [alias: string, name: string, parse: (source: AliasSource) => string | undefined])[] =
  [
    ['buildkitd-config', 'buildkitd-config-inline', readConfigFile],
    ['keep-state', 'keep-builder', parseKeepState],
    // docker/login-action
    ['logout', 'login', parseLogout],
  ]

interface AliasSource {
  /** An input's own text, without aliases. */
  readonly given: (name: string) => string
  readonly paths: LocalPaths
  readonly diagnostics: Diagnostics
}

interface Aliases {
  /** Input → text that an alias gives it. */
  readonly texts: ReadonlyMap<string, string>
  /** The nodes of `endpoint` and `append`, as entries of the list form of `nodes`. */
  readonly nodeList?: readonly unknown[]
}

/** Parses the inputs that are aliases of others; issues of the others are then reported by the alias. */
export async function parseAliases(source: AliasSource): Promise<Aliases> {
  const texts = new Map<string, string>()
  for (const [alias, name, parse] of aliases) {
    const text = source.given(alias) === '' ? undefined : parse(source)
    if (text === undefined) continue
    texts.set(name, text)
    source.diagnostics.useAlias(name, alias)
  }
  const nodeList = await parseNodeList(source)
  return { texts, ...(nodeList && { nodeList }) }
}

const lineForm = 'in `nodes`, as in `linux/arm64 = ssh://user@host`, or remove `nodes`'
const listForm = 'write `- endpoint: ssh://user@host` and below it `platforms: linux/arm64`'

async function parseNodeList(source: AliasSource): Promise<readonly unknown[] | undefined> {
  const { given, diagnostics } = source
  const inputs = ['endpoint', 'append'].filter((name) => given(name) !== '')
  const isCluster = given('driver') === 'kubernetes'
  if (given('nodes') !== '') {
    for (const name of inputs) {
      const quoted = name === 'endpoint' ? hidePassword(given(name)) : undefined
      failFor(diagnostics.report, name, quoted)(`cannot be combined with \`nodes\`: list every node ${lineForm}`)
    }
    return undefined
  }
  if (inputs.length === 0 && !isCluster) return undefined
  diagnostics.useAlias('nodes', inputs.at(-1) ?? 'driver')
  const more = await parseAppend(source)
  const first = firstNode(source, isCluster ? 'kubernetes://' : 'local')
  // Last, so that issues count the entries of `append` as the author does.
  return more && first && [...more, ...first]
}

async function parseAppend({ given, diagnostics: { report } }: AliasSource): Promise<readonly unknown[] | undefined> {
  const text = given('append')
  const form = { input: 'append', given: hidePassword(text), expected: `is not a YAML list of nodes: ${listForm}` }
  return text === '' ? [] : await parseYamlList(text, form, report)
}

/**
 * `endpoint` as an entry of the list form of `nodes`, where a socket is an engine's unless the driver is `remote`;
 * undefined if it is invalid.
 */
function firstNode({ given, diagnostics }: AliasSource, byDefault: string): readonly unknown[] | undefined {
  const isRemote = given('driver') === 'remote'
  // With the driver `remote` the first node has no default: a local engine cannot be one of its nodes.
  if (given('endpoint') === '' && isRemote) return []
  const endpoint = given('endpoint') === '' ? byDefault : given('endpoint')
  const parsed = parseEndpoint(endpoint, failFor(diagnostics.report, 'endpoint', hidePassword(endpoint)))
  if (!parsed) return undefined
  // An engine reports its native platforms; for buildkitd and clusters `platforms` says what they build.
  const withDriver = endpointDriver(parsed).withDriver(parsed, isRemote ? 'remote' : '')
  const isFixed = isRemote || (withDriver && endpointDriver(withDriver).missingPlatforms !== undefined)
  const platforms = parsePlatforms('platforms', splitList(given('platforms')), () => undefined)
  return [{ endpoint, ...(isFixed && { platforms }) }]
}

function parseKeepState({ given, diagnostics: { report } }: AliasSource): string | undefined {
  const text = given('keep-state')
  const isKept = parseBoolean('keep-state', text, report)
  const isContradiction = /^false$/i.test(text) && isTrue(given('keep-builder'))
  const message = 'conflicts with `keep-builder: true`, which controls the same setting: remove one of them'
  passes(failFor(report, 'keep-state'), text, [[isContradiction, message]])
  return isKept && /^(false)?$/i.test(given('keep-builder')) ? 'true' : undefined
}

function parseLogout({ given, diagnostics: { report } }: AliasSource): string | undefined {
  return parseBoolean('logout', given('logout'), report) ? undefined : 'job'
}

function readConfigFile({ given, paths, diagnostics: { report } }: AliasSource): string | undefined {
  const name = given('buildkitd-config')
  const fail = failFor(report, 'buildkitd-config', name)
  const path = paths.absolute(name)
  const isPath = !/[\r\n=]/.test(name)
  const isUsable = passes(fail, name, [
    [given('buildkitd-config-inline') !== '', 'cannot be combined with `buildkitd-config-inline`: remove one of them'],
    [!isPath && !paths.exists(path), 'is not a path: write text in `buildkitd-config-inline`, or a file’s path here'],
    [!paths.exists(path), `was not found: ${path}`],
    [paths.isDirectory(path), 'is a directory: write the path of the file in it, such as `buildkitd.toml`'],
  ])
  return isUsable ? paths.readFile(name, fail) : undefined
}
