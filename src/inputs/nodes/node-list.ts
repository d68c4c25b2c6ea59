import { splitLines } from '../../lib/lists.ts'
import type { IssueSink } from '../../lib/issues.ts'
import { parsePlatform, parsePlatforms } from '../../lib/platform.ts'
import { endpointDriver } from '../../nodes/drivers/table.ts'
import { formatEndpoint, hidePassword, parseEndpoint } from '../../nodes/endpoint.ts'
import type { NamedDraft, NodeDraft, NodeSpec } from '../../nodes/node-spec.ts'
import type { Driver } from '../../nodes/node.ts'
import { failEach, failFor, passes, type Problem } from '../diagnostics.ts'
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
  const lines = splitLines(text)
  const isYaml = /^(-(\s|$)|---|\[)/.test(lines[0]?.text ?? '')
  if (list !== undefined || isYaml) {
    const { parseAppend, parseNodeList } = await import('./append.ts')
    return list ? parseNodeList(list, driver, report) : await parseAppend(text, driver, report)
  }
  return lines.length === 0 ? undefined : lines.flatMap((line) => parseLine(line.text, report) ?? [])
}

/** A platform with `=` behind an endpoint. */
const severalNodes = /=.*[\s,][a-z0-9]+\/[a-z0-9/.]+\s*=/

function parseLine(line: string, report: IssueSink): NodeDraft | undefined {
  const fail = failFor(report, input, hidePassword(line))
  if (!passes(fail, undefined, [[severalNodes.test(line), 'contains two nodes: write one per line']])) return undefined
  const [, list, target = ''] = /^([^=]*)=\s*(.*)$/.exec(line) ?? []
  if (list === undefined) passes(fail, undefined, problemsWithoutEquals(line))
  const names = (list ?? '').split(/[,\s]+/).filter((entry) => entry !== '')
  const platforms = parsePlatforms(input, names, ({ given = '', expected }) =>
    fail(`holds \`${given}\`, which ${expected}`),
  )
  failEach(fail, [
    [list !== undefined && names.length === 0, `has no platform: write ${lineForm}`],
    [list !== undefined && target === '', 'has no endpoint after `=`: write `local` or `ssh://user@host`'],
  ])
  const endpoint = target === '' ? undefined : parseEndpoint(target, fail)
  return endpoint && platforms.length > 0 ? { ...localDraft, endpoint, platforms } : undefined
}

function problemsWithoutEquals(line: string): readonly Problem[] {
  const isPlatforms = line.split(',').every((part) => parsePlatform(part))
  return [
    [parseEndpoint(line) !== undefined, `has no platform: write \`linux/arm64 = ${line}\``],
    [isPlatforms, `has no endpoint: write \`${line} = ssh://user@host\` or \`${line} = local\``],
    [true, `is not a node: write ${lineForm}`],
  ]
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
    else failFor(report, input)(listedTwice, formatEndpoint(endpoint))
  }
  return [...merged.values()]
}

function optionsKey({ name, driverOpts, buildkitdFlags, platforms }: NodeDraft): string {
  return JSON.stringify([name, Object.entries(driverOpts).sort(), buildkitdFlags, platforms.length === 0])
}

const runAlready = 'has no effect: every node is a buildkitd that runs already, and is configured where it runs'

/** Reports options that no node accepts: they would be dropped silently. */
function checkDefaults(drafts: readonly NodeDraft[], defaults: NodeDefaults, report: IssueSink): void {
  const { driverOpts, buildkitdFlags = [], buildkitdConfig, defaultFile } = defaults
  const all = [...new Set(drafts.map(({ endpoint }) => endpointDriver(endpoint)))]
  const starting = all.filter(({ startsDaemon }) => startsDaemon)
  const accepting = starting.length > 0 ? starting : [endpointDriver(localDraft.endpoint)]
  checkDriverOpts(driverOpts, accepting, failFor(report, 'driver-opts'))
  if (all.length === 0 || starting.length > 0) return
  const unused = {
    'driver-opts': !Object.keys(driverOpts).every(isTlsOption),
    'buildkitd-config-inline': buildkitdConfig !== '' && defaultFile === undefined,
    'buildkitd-flags': buildkitdFlags.length > 0,
  }
  for (const [name, isUnused] of Object.entries(unused))
    passes(failFor(report, name), undefined, [[isUnused, runAlready]])
}

/** Reports TLS options that are missing, or that the node does not accept. */
function checkOptions({ endpoint, driverOpts }: NodeSpec, report: IssueSink): void {
  const driver = endpointDriver(endpoint)
  const fail = failFor(report, input, formatEndpoint(endpoint))
  const form = `${tlsNames.join(', ')} are for a buildkitd at \`tcp://host:port\`: remove them`
  const hasTls = driver.startsDaemon && Object.keys(driverOpts).some(isTlsOption)
  driver.validate?.(driverOpts, fail)
  failEach(fail, [[hasTls, `is a ${driver.target}, and ${form}`]])
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
