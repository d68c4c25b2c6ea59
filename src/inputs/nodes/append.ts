import { isRecord } from '../../lib/json.ts'
import { readRecord, splitList, splitRecords, type Entry } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import { readPlatforms } from '../../lib/platform.ts'
import { readYaml } from '../../lib/yaml.ts'
import { checkDriverOpts, splitOptions } from './daemon-options.ts'
import { hidePassword, isBuildkitd, parseEndpoint } from '../../nodes/endpoint.ts'
import { pickTls } from './tls-options.ts'
import type { Endpoint, NodeDraft } from '../../nodes/node-spec.ts'

const keys = ['endpoint', 'name', 'platforms', 'driver', 'driver-opts', 'buildkitd-flags']
const drivers = ['docker-container', 'remote', 'kubernetes']
const input = 'nodes'
const listForm = '`- endpoint: ssh://user@host` and below it `platforms: linux/arm64`'

/**
 * Reads the YAML list of setup-buildx-action's `append`, `driver` that of nodes without their own:
 * https://docs.docker.com/build/ci/github-actions/configure-builder/
 */
export async function readAppend(text: string, driver: string, report: IssueSink): Promise<readonly NodeDraft[]> {
  const yaml = await readYaml(input, text, report)
  if (yaml === undefined) return []
  if (!Array.isArray(yaml)) {
    report({ input, expected: `is not a YAML list of nodes: write ${listForm}` })
    return []
  }
  const list: readonly unknown[] = yaml
  const drafts = list
    .map((node, index) => readNode(node, index + 1, driver, report))
    .filter((draft) => draft !== undefined)
  checkNames(drafts, report)
  return drafts
}

function readNode(node: unknown, number: number, defaultDriver: string, report: IssueSink): NodeDraft | undefined {
  if (!isRecord(node)) {
    report({
      input,
      ...(typeof node === 'string' && node !== '' && { given: shorten(hidePassword(node)) }),
      expected: `is not a node (number ${number} of the list): write ${listForm}`,
    })
    return undefined
  }
  for (const key of Object.keys(node)) {
    if (!keys.includes(key))
      report({
        input,
        given: shorten(key),
        expected: `is no key of a node: ${keys.join(', ')} are${didYouMean(key, keys)}`,
      })
  }
  const text = (key: string): string | undefined => readText(node, key, report)
  const own = text('driver') ?? ''
  if (own === 'docker-container' && defaultDriver === 'docker') {
    report({
      input,
      given: `driver: ${own}`,
      expected:
        'is a BuildKit beside the engine, and the step says `driver: docker`, the one inside it, for all: leave one of the two out',
    })
  }
  const driver = own !== '' ? own : defaultDriver === 'docker' ? 'docker-container' : defaultDriver
  if (driver !== '' && !drivers.includes(driver)) {
    report({
      input,
      given: shorten(`driver: ${driver}`),
      expected: `is not understood: a Docker Engine is \`docker-container\`, a buildkitd \`remote\`, a cluster \`kubernetes\`${didYouMean(driver, drivers)}`,
    })
  }
  const name = readName(text('name') ?? '', report)
  const platforms = readPlatforms(input, splitList(readLines(node, 'platforms', report).join('\n')), report)
  const options = readLines(node, 'driver-opts', report)
  const driverOpts = readRecord(
    { input },
    splitOptions(
      options.flatMap((option): readonly Entry[] =>
        option.includes('-----BEGIN') && !option.trim().startsWith('"')
          ? [{ text: option.trim(), line: 0 }]
          : splitRecords(input, option, report),
      ),
    ),
    report,
  )
  const buildkitdFlags = readLines(node, 'buildkitd-flags', report).flatMap((flags) =>
    flags.split(/\s+/).filter((flag) => flag !== ''),
  )
  const endpoint = readEndpoint(text('endpoint'), driver, number, report)
  checkDriverOpts(
    input,
    driverOpts,
    [driver === 'kubernetes' || endpoint?.kind === 'kubernetes' ? 'kubernetes' : 'docker-container'],
    report,
  )
  if (!endpoint) return undefined
  checkBuildkitd({ endpoint, platforms, driverOpts, buildkitdFlags }, report)
  if (endpoint.kind === 'kubernetes' && platforms.length === 0)
    report({
      input,
      given: 'platforms',
      expected: 'must be given for a cluster: write `platforms: linux/arm64` beside its driver',
    })
  return { ...(name !== '' && { name }), endpoint, platforms, driverOpts, buildkitdFlags }
}

function readEndpoint(
  text: string | undefined,
  driver: string,
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
  if ((driver === 'kubernetes') !== (endpoint.kind === 'kubernetes') && driver !== '') {
    report({
      input,
      given: shorten(text),
      expected:
        driver === 'kubernetes'
          ? 'is no cluster, and the driver `kubernetes` needs none to be named: leave `endpoint` out, or write `kubernetes:///path/to/kubeconfig`'
          : `is a cluster, and the driver is \`${driver}\`: write \`driver: kubernetes\``,
    })
    return undefined
  }
  if (driver === 'remote') return asBuildkitd(endpoint, text, report)
  // setup-buildx-action takes a socket for an engine's unless the driver is `remote`.
  if (endpoint.kind === 'unix') return { kind: 'engine', path: endpoint.path }
  if (driver === 'docker-container' && isBuildkitd(endpoint)) {
    report({
      input,
      given: shorten(text),
      expected:
        'is a buildkitd, and the driver `docker-container` needs a Docker Engine: write `driver: remote`, or reach the engine as `ssh://user@host`',
    })
    return undefined
  }
  return endpoint
}

/** With the driver `remote` an endpoint is a buildkitd, behind SSH at its usual socket. */
function asBuildkitd(endpoint: Endpoint, text: string, report: IssueSink): Endpoint | undefined {
  if (endpoint.kind === 'ssh') return { ...endpoint, socket: endpoint.socket ?? '/run/buildkit/buildkitd.sock' }
  if (endpoint.kind !== 'local' && endpoint.kind !== 'engine') return endpoint
  report({
    input,
    given: shorten(text),
    expected:
      'is a Docker Engine, and the driver `remote` needs a buildkitd: leave `driver` out, or write `unix:///run/buildkit/buildkitd.sock`',
  })
  return undefined
}

function checkBuildkitd(node: NodeDraft, report: IssueSink): void {
  if (!isBuildkitd(node.endpoint)) return
  const wrong = (key: string, expected: string) => report({ input, given: key, expected })
  if (node.platforms.length === 0)
    wrong('platforms', 'must be given for a buildkitd: write `platforms: linux/arm64` below its endpoint')
  for (const [key, given] of [
    ['driver-opts', Object.keys(node.endpoint.kind === 'tcp' ? pickTls(node.driverOpts, false) : node.driverOpts)],
    ['buildkitd-flags', node.buildkitdFlags],
  ] as const) {
    if (given.length > 0)
      wrong(key, 'has no effect on a buildkitd that runs already: set it where that buildkitd is started')
  }
}

function readName(name: string, report: IssueSink): string {
  if (name === '' || /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) return name
  report({
    input,
    given: shorten(name),
    expected:
      'is not a valid name for a node: letters, digits, `.`, `_` and `-`, at most 63, the first a letter or digit',
  })
  return ''
}

function checkNames(drafts: readonly NodeDraft[], report: IssueSink): void {
  const seen = new Set<string>()
  for (const { name } of drafts) {
    if (name === undefined) continue
    if (seen.has(name.toLowerCase()))
      report({ input, given: name, expected: 'is the name of two nodes: give each its own, or none' })
    seen.add(name.toLowerCase())
  }
}

function readText(node: Readonly<Record<string, unknown>>, key: string, report: IssueSink): string | undefined {
  const value = node[key] ?? ''
  if (typeof value === 'string') return value.trim()
  report({ input, given: key, expected: `must be one text: write \`${key}: …\` in one line` })
  return undefined
}

/** A text, or a list of texts. */
function readLines(node: Readonly<Record<string, unknown>>, key: string, report: IssueSink): readonly string[] {
  const value = node[key] ?? ''
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.flatMap((entry) => {
    if (typeof entry === 'string') return entry.trim() === '' ? [] : [entry]
    report({ input, given: key, expected: 'must be a text or a list of texts' })
    return []
  })
}
