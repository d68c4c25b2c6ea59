import { splitLines } from '../../lib/lists.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import { parsePlatform, parsePlatforms } from '../../lib/platform.ts'
import { endpointDriver } from '../../nodes/drivers/table.ts'
import { formatEndpoint, hidePassword, parseEndpoint } from '../../nodes/endpoint.ts'
import type { NamedDraft, NodeDraft, NodeSpec } from '../../nodes/node-spec.ts'
import type { Driver } from '../../nodes/node.ts'
import { parseAppend, parseNodeList } from './append.ts'
import type { DaemonConfig } from './daemon-config.ts'
import { checkDriverOpts, isTlsOption, optionsFor, tlsNames } from './daemon-options.ts'

/** Settings of every node whose daemon buildx starts. */
interface NodeDefaults extends DaemonConfig {
  readonly driverOpts: Readonly<Record<string, string>>
  /** Flags of every daemon that buildx starts, unless its node has flags of its own. */
  readonly buildkitdFlags?: readonly string[]
  /** The driver of listed nodes that name none; empty: by their endpoint. */
  readonly driver?: string
  /** The nodes of `endpoint` and `append`, in place of `nodes`. */
  readonly list?: readonly unknown[] | undefined
}

const input = 'nodes'
const localDraft: NodeDraft = { endpoint: { kind: 'local' }, platforms: [], driverOpts: {}, buildkitdFlags: [] }
const lineForm = '`platform = endpoint`, for example `linux/arm64 = ssh://user@host`'

/** The local engine, for platforms that no node of the list can build. */
export function localFallbackNode(defaults: NodeDefaults): NodeSpec {
  const { driverOpts, buildkitdFlags = [] } = defaults
  const options = optionsFor(endpointDriver(localDraft.endpoint), driverOpts)
  return { ...localDraft, name: 'local', driverOpts: options, buildkitdFlags, ...configOf(defaults) }
}

function configOf({ buildkitdConfig, daemonFiles }: DaemonConfig) {
  return { buildkitdConfig, ...(daemonFiles && { daemonFiles }) }
}

/** Parses `nodes` in either form; without any node, the local engine. */
export async function parseNodesInput(
  text: string,
  defaults: NodeDefaults,
  sink: IssueSink,
): Promise<readonly NodeSpec[]> {
  const report: IssueSink = ({ given, ...issue }) =>
    sink({ ...issue, ...(given !== undefined && { given: hidePassword(given) }) })
  const merged = mergeNodes((await parseDrafts(text, defaults, report)) ?? [localDraft], report)
  checkDefaults(merged, defaults, report)
  const nodes = nameNodes(merged, defaults)
  for (const node of nodes) checkOptions(node, report)
  return nodes
}

/** Undefined if no node is given. */
async function parseDrafts(
  text: string,
  { driver = '', list }: NodeDefaults,
  report: IssueSink,
): Promise<readonly NodeDraft[] | undefined> {
  if (list !== undefined) return parseNodeList(list, driver, report)
  const lines = splitLines(text)
  if (lines.length === 0) return undefined
  const isYaml = /^(-(\s|$)|---|\[)/.test(lines[0]?.text ?? '')
  return isYaml ? await parseAppend(text, driver, report) : lines.flatMap((line) => parseLine(line.text, report) ?? [])
}

function parseLine(line: string, report: IssueSink): NodeDraft | undefined {
  const given = shorten(hidePassword(line))
  const reject = (expected: string) => report({ input, given, expected })
  const equals = line.indexOf('=')
  if (equals < 0) {
    reject(withoutEquals(line))
    return undefined
  }
  const entries = line.slice(0, equals).split(/[,\s]+/)
  const names = entries.filter((entry) => entry !== '')
  const platforms = parsePlatforms(input, names, ({ given: entry = '', expected }) =>
    reject(`holds \`${entry}\`, which ${expected}`),
  )
  if (names.length === 0) reject(`has no platform: write ${lineForm}`)
  const target = line.slice(equals + 1).trim()
  if (target === '') reject('has no endpoint after `=`: write `local` or `ssh://user@host`')
  const endpoint = target === '' ? undefined : parseEndpoint(target, reject)
  return endpoint && platforms.length > 0 ? { ...localDraft, endpoint, platforms } : undefined
}

function withoutEquals(line: string): string {
  if (parseEndpoint(line)) return `has no platform: write \`linux/arm64 = ${line}\``
  if (line.split(',').every((part) => parsePlatform(part)))
    return `has no endpoint: write \`${line} = ssh://user@host\` or \`${line} = local\``
  return `is not a node: write ${lineForm}`
}

const listedTwice =
  'has several entries with different names or options, or one of them without platforms: ' +
  'merge the entries into one with all of its platforms'

/** Merges the platforms of entries that are one node, whose options must not contradict each other. */
function mergeNodes(drafts: readonly NodeDraft[], report: IssueSink): readonly NodeDraft[] {
  const merged = new Map<string, NodeDraft>()
  for (const draft of drafts) {
    const { endpoint } = draft
    const key = endpointDriver(endpoint).mergeKey?.(endpoint, optionsKey(draft)) ?? formatEndpoint(endpoint)
    const previous = merged.get(key)
    if (!previous) merged.set(key, draft)
    else if (optionsKey(previous) === optionsKey(draft))
      merged.set(key, { ...previous, platforms: [...new Set([...previous.platforms, ...draft.platforms])] })
    else report({ input, given: shorten(formatEndpoint(endpoint)), expected: listedTwice })
  }
  return [...merged.values()]
}

function optionsKey({ name, driverOpts, buildkitdFlags, platforms }: NodeDraft): string {
  return JSON.stringify([name, Object.entries(driverOpts).sort(), buildkitdFlags, platforms.length === 0])
}

const runAlready = 'has no effect: every node is a buildkitd that runs already, and is configured where it runs'

/** Reports options that no node accepts: they would be dropped silently. */
function checkDefaults(drafts: readonly NodeDraft[], defaults: NodeDefaults, report: IssueSink): void {
  const all = [...new Set(drafts.map(({ endpoint }) => endpointDriver(endpoint)))]
  const starting = all.filter(({ startsDaemon }) => startsDaemon)
  const accepting = starting.length > 0 ? starting : [endpointDriver(localDraft.endpoint)]
  checkDriverOpts('driver-opts', defaults.driverOpts, accepting, report)
  if (all.length === 0 || starting.length > 0) return
  if (!Object.keys(defaults.driverOpts).every(isTlsOption)) report({ input: 'driver-opts', expected: runAlready })
  if (defaults.buildkitdConfig !== '' && defaults.defaultFile === undefined)
    report({ input: 'buildkitd-config-inline', expected: runAlready })
  if ((defaults.buildkitdFlags ?? []).length > 0) report({ input: 'buildkitd-flags', expected: runAlready })
}

/** Reports TLS options that are missing, or that the node does not accept. */
function checkOptions({ endpoint, driverOpts }: NodeSpec, report: IssueSink): void {
  const driver = endpointDriver(endpoint)
  const reject = (expected: string) => report({ input, given: shorten(formatEndpoint(endpoint)), expected })
  driver.validate?.(driverOpts, reject)
  if (driver.startsDaemon && Object.keys(driverOpts).some(isTlsOption))
    reject(`is a ${driver.target}, and ${tlsNames.join(', ')} are for a buildkitd at \`tcp://host:port\`: remove them`)
}

function nameNodes(drafts: readonly NodeDraft[], defaults: NodeDefaults): readonly NodeSpec[] {
  const taken = new Set(drafts.flatMap(({ name }) => (name === undefined ? [] : [name.toLowerCase()])))
  return drafts.flatMap((draft) => {
    const driver = endpointDriver(draft.endpoint)
    return expandNode(driver, withDefaults(driver, draft, defaults)).map(({ base, ...node }) => ({
      ...node,
      name: node.name ?? uniqueName(base, taken),
      ...(driver.startsDaemon ? configOf(defaults) : { buildkitdConfig: '' }),
    }))
  })
}

function expandNode(driver: Driver, draft: NodeDraft): readonly NamedDraft[] {
  return driver.expand?.(draft) ?? [{ ...draft, base: driver.baseName(draft.endpoint) }]
}

function withDefaults(driver: Driver, draft: NodeDraft, { driverOpts, buildkitdFlags = [] }: NodeDefaults): NodeDraft {
  return {
    ...draft,
    driverOpts: { ...optionsFor(driver, driverOpts), ...draft.driverOpts },
    buildkitdFlags: driver.startsDaemon && draft.buildkitdFlags.length === 0 ? buildkitdFlags : draft.buildkitdFlags,
  }
}

function uniqueName(base: string, taken: Set<string>): string {
  let name = base
  for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${base}-${number}`
  taken.add(name.toLowerCase())
  return name
}
