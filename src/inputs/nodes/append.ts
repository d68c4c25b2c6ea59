import { isRecord } from '../../lib/json.ts'
import { parseRecord, repeated, splitList, splitRecords, type ListEntry } from '../../lib/lists.ts'
import { didYouMean, type IssueSink } from '../../lib/issues.ts'
import { parsePlatforms } from '../../lib/platform.ts'
import { drivers, endpointDriver } from '../../nodes/drivers/table.ts'
import { hidePassword, parseEndpoint } from '../../nodes/endpoint.ts'
import type { Endpoint, NodeDraft } from '../../nodes/node-spec.ts'
import type { BuildxDriver, Driver } from '../../nodes/node.ts'
import { failFor, passes, type Fail } from '../diagnostics.ts'
import { fieldOf, listField, parseFields, parseYamlList } from '../yaml-fields.ts'
import { checkDriverOpts, isTlsOption, splitFlags, splitOptions } from './daemon-options.ts'

const keys = ['endpoint', 'name', 'platforms', 'driver', 'driver-opts', 'buildkitd-flags']
const driverNames = ['docker-container', 'remote', 'kubernetes'] as const
const input = 'nodes'
const listForm = 'write `- endpoint: ssh://user@host` and below it `platforms: linux/arm64`'

/**
 * Parses the YAML list of setup-buildx-action's `append`; `driver` applies to nodes without their own:
 * https://docs.docker.com/build/ci/github-actions/configure-builder/
 */
export async function parseAppend(text: string, driver: string, report: IssueSink): Promise<readonly NodeDraft[]> {
  const expected = `is not a YAML list of nodes: ${listForm}`
  return parseNodeList((await parseYamlList(text, { input, expected }, report)) ?? [], driver, report)
}

/** Parses the nodes of a list in that form. */
export function parseNodeList(list: readonly unknown[], driver: string, report: IssueSink): readonly NodeDraft[] {
  const drafts = list.flatMap((node, index) => parseNode(node, index + 1, driver, report) ?? [])
  const names = drafts.flatMap(({ name }) => name ?? [])
  for (const name of repeated(names, (one) => one.toLowerCase()))
    failFor(report, input)('is the name of two nodes: give them different names, or remove `name`', name)
  return drafts
}

function parseNode(node: unknown, number: number, defaultDriver: string, report: IssueSink): NodeDraft | undefined {
  const fail = failFor(report, input)
  const given = typeof node === 'string' && node !== '' ? hidePassword(node) : undefined
  passes(fail, given, [[!isRecord(node), `is not a node (number ${number} of the list): ${listForm}`]])
  if (!isRecord(node)) return undefined
  const text = parseFields(node, { what: 'a node', keys }, fail)
  const lines = (key: string) => listField(node, key, fail)
  const driver = parseDriverOf(text('driver') ?? '', defaultDriver, fail)
  const name = parseName(text('name') ?? '', fail)
  const platforms = parsePlatforms(
    input,
    lines('platforms').flatMap((line) => splitList(line)),
    report,
  )
  const driverOpts = parseOptions(lines('driver-opts'), report)
  const buildkitdFlags = lines('buildkitd-flags').flatMap(splitFlags)
  const written = text('endpoint') ?? (fieldOf(node, 'endpoint') === undefined ? '' : undefined)
  const endpoint = parseNodeEndpoint(written, driver, number, fail)
  checkDriverOpts(driverOpts, [optionsDriver(endpoint, driver)], fail)
  if (!endpoint) return undefined
  const draft = { ...(name !== '' && { name }), endpoint, platforms, driverOpts, buildkitdFlags }
  checkNode(draft, fail)
  return draft
}

const engineInside =
  'starts a BuildKit container and conflicts with the input `driver: docker`, the BuildKit of the engine: ' +
  'remove one of them'
const unknownDriver =
  'is not a valid driver: write `docker-container` for a Docker Engine, `remote` for a buildkitd, `kubernetes` for a ' +
  'cluster'

/** The driver of a node; empty if it follows from its endpoint. */
function parseDriverOf(given: string, defaultDriver: string, fail: Fail): BuildxDriver | '' {
  const name = given || (defaultDriver === 'docker' ? 'docker-container' : defaultDriver)
  const driver = driverNames.find((known) => known === name)
  passes(fail, `driver: ${name}`, [
    [given === 'docker-container' && defaultDriver === 'docker', engineInside],
    [driver === undefined && name !== '', `${unknownDriver}${didYouMean(name, driverNames)}`],
  ])
  return driver ?? ''
}

/** Options in any of the forms of setup-buildx-action; PEM text may be a value without quotes. */
function parseOptions(lines: readonly string[], report: IssueSink): NodeDraft['driverOpts'] {
  const entries = lines.flatMap((line): readonly ListEntry[] =>
    line.includes('-----BEGIN') && !line.trim().startsWith('"')
      ? [{ text: line.trim(), line: 0 }]
      : splitRecords(input, line, report),
  )
  return parseRecord({ input }, splitOptions(entries), report)
}

/** The driver by whose options a node is checked; those of a buildkitd are checked by `checkNode`. */
function optionsDriver(endpoint: Endpoint | undefined, name: BuildxDriver | ''): Driver {
  const driver = endpoint ? endpointDriver(endpoint) : driverNamed(name)
  return driver?.startsDaemon ? driver : endpointDriver({ kind: 'local' })
}

function driverNamed(name: BuildxDriver | ''): Driver | undefined {
  return [...drivers.values()].find((driver) => driver.name === name)
}

/** How to solve a contradiction between the endpoint and the driver of a node. */
const advice: Readonly<Record<BuildxDriver, string>> = {
  'docker-container': 'write `driver: remote`, or reach the engine as `ssh://user@host`',
  remote: 'remove `driver`, or write `unix:///run/buildkit/buildkitd.sock`',
  kubernetes: 'omit `endpoint`, or write `kubernetes:///path/to/kubeconfig`',
}

/** @param text undefined if it is not a text, which was reported */
function parseNodeEndpoint(
  text: string | undefined,
  driver: BuildxDriver | '',
  number: number,
  fail: Fail,
): Endpoint | undefined {
  const isCluster = text === '' && driver === 'kubernetes'
  passes(fail, undefined, [[text === '' && !isCluster, `has no \`endpoint\` for node ${number}: ${listForm}`]])
  if (isCluster) return { kind: 'kubernetes' }
  const endpoint = text && parseEndpoint(text, (expected) => fail(expected, hidePassword(text)))
  if (!endpoint) return undefined
  const { target, ...found } = endpointDriver(endpoint)
  const meant = found.withDriver(endpoint, driver)
  if (meant || driver === '') return meant
  const needed = driverNamed(driver)?.target ?? ''
  const remedy = target === 'cluster' ? 'write `driver: kubernetes`' : advice[driver]
  fail(`is a ${target}, and the driver \`${driver}\` needs a ${needed}: ${remedy}`, text)
  return undefined
}

const runsAlready = 'has no effect on a buildkitd that runs already: set it where that buildkitd is started'

/** Reports platforms that are missing, and settings of a daemon that runs already. */
function checkNode({ endpoint, platforms, driverOpts, buildkitdFlags }: NodeDraft, fail: Fail): void {
  const { missingPlatforms, startsDaemon, options } = endpointDriver(endpoint)
  const isIgnored = (name: string) => !(isTlsOption(name) && Object.hasOwn(options, name))
  passes(fail, 'platforms', [[platforms.length === 0 && missingPlatforms !== undefined, missingPlatforms ?? '']])
  passes(fail, 'driver-opts', [[!startsDaemon && Object.keys(driverOpts).some(isIgnored), runsAlready]])
  passes(fail, 'buildkitd-flags', [[!startsDaemon && buildkitdFlags.length > 0, runsAlready]])
}

const nameForm =
  'is not a valid name for a node: letters, digits, `.`, `_` and `-`, at most 63, the first a letter or digit'

function parseName(name: string, fail: Fail): string {
  return passes(fail, name, [[!/^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$/.test(name), nameForm]]) ? name : ''
}
