import { splitLines } from '../../lib/lists.ts'
import { shorten, type IssueSink } from '../../lib/issues.ts'
import { parsePlatform, readPlatforms } from '../../lib/platform.ts'
import { readAppend } from './append.ts'
import { checkDriverOpts, optionsFor, type Starter } from './daemon-options.ts'
import { formatEndpoint, hidePassword, isBuildkitd, parseEndpoint } from '../../nodes/endpoint.ts'
import { arrangePods } from '../../nodes/drivers/kubernetes.ts'
import type { Endpoint, NodeSpec, NodeDraft } from '../../nodes/node-spec.ts'
import { checkTls, pickTls, tlsNames } from './tls-options.ts'

/** What holds for every node that starts a daemon of its own. */
interface NodeDefaults {
  readonly driverOpts: Readonly<Record<string, string>>
  readonly buildkitdConfig: string
  /** What every daemon that we start is allowed and told besides. */
  readonly buildkitdFlags?: readonly string[]
  /** The driver of listed nodes that name none; empty: by their endpoint. */
  readonly driver?: string
}

/** The local engine, for what no node of the list can build. */
export function spareNode({ driverOpts, buildkitdConfig, buildkitdFlags = [] }: NodeDefaults): NodeSpec {
  return {
    name: 'local',
    endpoint: { kind: 'local' },
    platforms: [],
    driverOpts: optionsFor('docker-container', driverOpts),
    buildkitdFlags,
    buildkitdConfig,
  }
}

const lineForm = '`platform = endpoint`, for example `linux/arm64 = ssh://user@host`'

/** Reads `nodes` in either form; without any, the local engine. */
export async function readNodes(text: string, defaults: NodeDefaults, report: IssueSink): Promise<readonly NodeSpec[]> {
  const told: IssueSink = (mistake) =>
    report({ ...mistake, ...(mistake.given !== undefined && { given: hidePassword(mistake.given) }) })
  const lines = splitLines(text)
  if (lines.length === 0)
    return nameNodes([{ endpoint: { kind: 'local' }, platforms: [], driverOpts: {}, buildkitdFlags: [] }], defaults)
  const isYaml = /^(-(\s|$)|---|\[)/.test(lines[0]?.text ?? '')
  const drafts = isYaml
    ? await readAppend(text, defaults.driver ?? '', told)
    : lines.flatMap(({ text: line }) => readLine(line, told))
  const merged = mergeNodes(drafts, told)
  checkDefaults(merged, defaults, report)
  const nodes = nameNodes(merged, defaults)
  for (const { endpoint, driverOpts } of nodes) {
    checkTls(endpoint, driverOpts, report)
    if (!isBuildkitd(endpoint) && tlsNames.some((name) => driverOpts[name] !== undefined))
      report({
        input: 'nodes',
        given: shorten(formatEndpoint(endpoint)),
        expected: `is a ${endpoint.kind === 'kubernetes' ? 'cluster' : 'Docker Engine'}, and ${tlsNames.join(', ')} are for a buildkitd at \`tcp://host:port\`: leave them out`,
      })
  }
  return nodes
}

function readLine(line: string, report: IssueSink): readonly NodeDraft[] {
  const given = shorten(hidePassword(line))
  const wrong = (expected: string) => report({ input: 'nodes', given, expected })
  const equals = line.indexOf('=')
  if (equals < 0) {
    wrong(withoutEquals(line))
    return []
  }
  const entries = line
    .slice(0, equals)
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
  const platforms = readPlatforms('nodes', entries, ({ given: entry = '', expected }) =>
    wrong(`holds \`${entry}\`, which ${expected}`),
  )
  if (entries.length === 0) wrong(`names no platform: write ${lineForm}`)
  const target = line.slice(equals + 1).trim()
  if (target === '') wrong('names no endpoint after `=`: write `local` or `ssh://user@host`')
  const endpoint = target === '' ? undefined : parseEndpoint(target, wrong)
  return endpoint && platforms.length > 0 ? [{ endpoint, platforms, driverOpts: {}, buildkitdFlags: [] }] : []
}

function withoutEquals(line: string): string {
  if (parseEndpoint(line)) return `names no platform: write \`linux/arm64 = ${line}\``
  if (line.split(',').every((part) => parsePlatform(part)))
    return `names no endpoint: write \`${line} = ssh://user@host\` or \`${line} = local\``
  return `is not a node: write ${lineForm}`
}

/**
 * One endpoint is one node: its platforms come together, but two sets of options would contradict each other. A cluster
 * has room for many.
 */
function mergeNodes(drafts: readonly NodeDraft[], report: IssueSink): readonly NodeDraft[] {
  const merged = new Map<string, NodeDraft>()
  for (const draft of drafts) {
    const key =
      draft.endpoint.kind === 'kubernetes'
        ? JSON.stringify([draft.endpoint.kubeconfig, optionsKey(draft)])
        : formatEndpoint(draft.endpoint)
    const before = merged.get(key)
    if (!before) merged.set(key, draft)
    else if (sameOptions(before, draft))
      merged.set(key, { ...before, platforms: [...new Set([...before.platforms, ...draft.platforms])] })
    else
      report({
        input: 'nodes',
        given: shorten(formatEndpoint(draft.endpoint)),
        expected:
          'is listed twice with different names or options, or once without platforms: list it once, with all of its platforms',
      })
  }
  return [...merged.values()]
}

function sameOptions(a: NodeDraft, b: NodeDraft): boolean {
  return optionsKey(a) === optionsKey(b)
}

function optionsKey({ name, driverOpts, buildkitdFlags, platforms }: NodeDraft): string {
  return JSON.stringify([name, Object.entries(driverOpts).sort(), buildkitdFlags, platforms.length === 0])
}

/** Who starts the daemon there; undefined where one runs already. */
function starterOf(endpoint: Endpoint): Starter | undefined {
  if (endpoint.kind === 'kubernetes') return 'kubernetes'
  return isBuildkitd(endpoint) ? undefined : 'docker-container'
}

/** An option that no node can take would be dropped without a word. */
function checkDefaults(drafts: readonly NodeDraft[], defaults: NodeDefaults, report: IssueSink): void {
  const starters = [...new Set(drafts.flatMap(({ endpoint }) => starterOf(endpoint) ?? []))]
  checkDriverOpts('driver-opts', defaults.driverOpts, starters.length > 0 ? starters : ['docker-container'], report)
  if (drafts.length === 0 || !drafts.every(({ endpoint }) => isBuildkitd(endpoint))) return
  const expected = 'has no effect: every node is a buildkitd that runs already, and is configured where it runs'
  if (Object.keys(pickTls(defaults.driverOpts, false)).length > 0) report({ input: 'driver-opts', expected })
  if (defaults.buildkitdConfig !== '') report({ input: 'buildkitd-config-inline', expected })
  if ((defaults.buildkitdFlags ?? []).length > 0) report({ input: 'buildkitd-flags', expected })
}

function nameNodes(drafts: readonly NodeDraft[], defaults: NodeDefaults): readonly NodeSpec[] {
  const taken = new Set(drafts.flatMap(({ name }) => (name === undefined ? [] : [name.toLowerCase()])))
  return drafts
    .flatMap((draft) => spread(withDefaults(draft, defaults)))
    .map(({ name, base, ...draft }) => {
      const remote = isBuildkitd(draft.endpoint)
      return {
        ...draft,
        name: name ?? uniqueName(base ?? baseName(draft.endpoint), taken),
        buildkitdConfig: remote ? '' : defaults.buildkitdConfig,
      }
    })
}

/** `base`: what its name is made of, where that is not its endpoint. */
type Spread = NodeDraft & { readonly base?: string }

function spread(draft: NodeDraft): readonly Spread[] {
  return draft.endpoint.kind === 'kubernetes' ? arrangePods(draft) : [draft]
}

function withDefaults(draft: NodeDraft, { driverOpts, buildkitdFlags = [] }: NodeDefaults): NodeDraft {
  const starter = starterOf(draft.endpoint)
  if (starter === undefined)
    return {
      ...draft,
      driverOpts: { ...(draft.endpoint.kind === 'tcp' && pickTls(driverOpts, true)), ...draft.driverOpts },
    }
  return {
    ...draft,
    driverOpts: { ...optionsFor(starter, driverOpts), ...draft.driverOpts },
    buildkitdFlags: [...buildkitdFlags, ...draft.buildkitdFlags],
  }
}

function baseName(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'local':
    case 'kubernetes':
      return endpoint.kind
    case 'engine':
    case 'unix':
      return (
        endpoint.path
          .replace(/^.*\//, '')
          .replace(/\.sock$/, '')
          .replace(/[^A-Za-z0-9._-]/g, '-')
          .replace(/^[._-]+/, '') || 'socket'
      )
    case 'ssh':
    case 'tcp':
      return endpoint.host.replaceAll(':', '-').replace(/^-+/, '')
  }
}

function uniqueName(base: string, taken: Set<string>): string {
  let name = base
  for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${base}-${number}`
  taken.add(name.toLowerCase())
  return name
}
