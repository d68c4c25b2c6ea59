import { isRecord } from '../../lib/json.ts'
import { parseRecord, splitList, splitRecords, type ListEntry } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import { parsePlatforms } from '../../lib/platform.ts'
import { parseYaml } from '../../lib/yaml.ts'
import { drivers, endpointDriver } from '../../nodes/drivers/table.ts'
import { hidePassword, parseEndpoint } from '../../nodes/endpoint.ts'
import type { Endpoint, NodeDraft } from '../../nodes/node-spec.ts'
import type { BuildxDriver, Driver } from '../../nodes/node.ts'
import { checkDriverOpts, isTlsOption, splitOptions } from './daemon-options.ts'

const keys = ['endpoint', 'name', 'platforms', 'driver', 'driver-opts', 'buildkitd-flags']
const driverNames = ['docker-container', 'remote', 'kubernetes'] as const
const input = 'nodes'
const listForm = '`- endpoint: ssh://user@host` and below it `platforms: linux/arm64`'

/**
 * Parses the YAML list of setup-buildx-action's `append`; `driver` applies to nodes without their own:
 * https://docs.docker.com/build/ci/github-actions/configure-builder/
 */
export async function parseAppend(text: string, driver: string, report: IssueSink): Promise<readonly NodeDraft[]> {
  const yaml = await parseYaml(input, text, report)
  if (yaml === undefined) return []
  if (Array.isArray(yaml)) return parseNodeList(yaml, driver, report)
  report({ input, expected: `is not a YAML list of nodes: write ${listForm}` })
  return []
}

/** Parses the nodes of a list in that form. */
export function parseNodeList(list: readonly unknown[], driver: string, report: IssueSink): readonly NodeDraft[] {
  const drafts = list.flatMap((node, index) => parseNode(node, index + 1, driver, report) ?? [])
  checkNames(drafts, report)
  return drafts
}

function parseNode(node: unknown, number: number, defaultDriver: string, report: IssueSink): NodeDraft | undefined {
  if (!isRecord(node)) {
    report({
      input,
      ...(typeof node === 'string' && node !== '' && { given: shorten(hidePassword(node)) }),
      expected: `is not a node (number ${number} of the list): write ${listForm}`,
    })
    return undefined
  }
  checkKeys(node, report)
  const text = (key: string): string | undefined => parseText(node, key, report)
  const driver = parseDriverOf(text('driver') ?? '', defaultDriver, report)
  const name = parseName(text('name') ?? '', report)
  const platforms = parsePlatforms(input, splitList(parseLines(node, 'platforms', report).join('\n')), report)
  const driverOpts = parseOptions(parseLines(node, 'driver-opts', report), report)
  const buildkitdFlags = parseLines(node, 'buildkitd-flags', report).flatMap((flags) =>
    flags.split(/\s+/).filter((flag) => flag !== ''),
  )
  const endpoint = parseNodeEndpoint(text('endpoint'), driver, number, report)
  checkDriverOpts(input, driverOpts, [optionsDriver(endpoint, driver)], report)
  if (!endpoint) return undefined
  const draft = { ...(name !== '' && { name }), endpoint, platforms, driverOpts, buildkitdFlags }
  checkNode(draft, report)
  return draft
}

function checkKeys(node: Readonly<Record<string, unknown>>, report: IssueSink): void {
  for (const key of Object.keys(node).filter((name) => !keys.includes(name))) {
    const expected = `is not a key of a node: valid keys are ${keys.join(', ')}${didYouMean(key, keys)}`
    report({ input, given: shorten(key), expected })
  }
}

const engineInside =
  'starts a BuildKit container and conflicts with the input `driver: docker`, the BuildKit of the engine: ' +
  'remove one of them'
const unknownDriver =
  'is not a valid driver: write `docker-container` for a Docker Engine, `remote` for a buildkitd, `kubernetes` for a ' +
  'cluster'

/** The driver of a node; empty if it follows from its endpoint. */
function parseDriverOf(given: string, defaultDriver: string, report: IssueSink): BuildxDriver | '' {
  if (given === 'docker-container' && defaultDriver === 'docker')
    report({ input, given: `driver: ${given}`, expected: engineInside })
  const name = given !== '' ? given : defaultDriver === 'docker' ? 'docker-container' : defaultDriver
  const driver = driverNames.find((known) => known === name)
  if (driver === undefined && name !== '')
    report({
      input,
      given: shorten(`driver: ${name}`),
      expected: `${unknownDriver}${didYouMean(name, driverNames)}`,
    })
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

function parseNodeEndpoint(
  text: string | undefined,
  driver: BuildxDriver | '',
  number: number,
  report: IssueSink,
): Endpoint | undefined {
  if (text === undefined) return undefined
  if (text === '' && driver === 'kubernetes') return { kind: 'kubernetes' }
  if (text === '') {
    report({ input, expected: `has no \`endpoint\` for node ${number}: write ${listForm}` })
    return undefined
  }
  const endpoint = parseEndpoint(text, (expected) => report({ input, given: shorten(hidePassword(text)), expected }))
  if (!endpoint) return undefined
  const { target, ...found } = endpointDriver(endpoint)
  const meant = found.withDriver(endpoint, driver)
  if (meant || driver === '') return meant
  const needed = driverNamed(driver)?.target ?? ''
  const remedy = target === 'cluster' ? 'write `driver: kubernetes`' : advice[driver]
  report({
    input,
    given: shorten(text),
    expected: `is a ${target}, and the driver \`${driver}\` needs a ${needed}: ${remedy}`,
  })
  return undefined
}

const runsAlready = 'has no effect on a buildkitd that runs already: set it where that buildkitd is started'

/** Reports platforms that are missing, and settings of a daemon that runs already. */
function checkNode({ endpoint, platforms, driverOpts, buildkitdFlags }: NodeDraft, report: IssueSink): void {
  const driver = endpointDriver(endpoint)
  if (platforms.length === 0 && driver.missingPlatforms !== undefined)
    report({ input, given: 'platforms', expected: driver.missingPlatforms })
  if (driver.startsDaemon) return
  const ignored = Object.keys(driverOpts).filter((name) => !(isTlsOption(name) && Object.hasOwn(driver.options, name)))
  if (ignored.length > 0) report({ input, given: 'driver-opts', expected: runsAlready })
  if (buildkitdFlags.length > 0) report({ input, given: 'buildkitd-flags', expected: runsAlready })
}

const nameForm =
  'is not a valid name for a node: letters, digits, `.`, `_` and `-`, at most 63, the first a letter or digit'

function parseName(name: string, report: IssueSink): string {
  if (name === '' || /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) return name
  report({ input, given: shorten(name), expected: nameForm })
  return ''
}

function checkNames(drafts: readonly NodeDraft[], report: IssueSink): void {
  const seen = new Set<string>()
  for (const { name } of drafts) {
    if (name === undefined) continue
    if (seen.has(name.toLowerCase()))
      report({ input, given: name, expected: 'is the name of two nodes: give them different names, or remove `name`' })
    seen.add(name.toLowerCase())
  }
}

function parseText(node: Readonly<Record<string, unknown>>, key: string, report: IssueSink): string | undefined {
  const value = node[key] ?? ''
  if (typeof value === 'string') return value.trim()
  report({ input, given: key, expected: `must be a single string: write \`${key}: …\` in one line` })
  return undefined
}

/** A text, or a list of texts. */
function parseLines(node: Readonly<Record<string, unknown>>, key: string, report: IssueSink): readonly string[] {
  const value = node[key] ?? ''
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.flatMap((entry) => {
    if (typeof entry === 'string') return entry.trim() === '' ? [] : [entry]
    report({ input, given: key, expected: 'must be a string or a list of strings' })
    return []
  })
}
