import { delimiter } from 'node:path'
import { asList, asRecord, asText, tryParseJson } from '../../lib/json.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import { parsePlatform, type Platform } from '../../lib/platform.ts'
import { parseEndpoint } from '../../nodes/endpoint.ts'
import type { Endpoint, NodeSpec } from '../../nodes/node-spec.ts'
import type { Node } from '../../nodes/node.ts'

/** What buildx and docker have written down on this runner. */
export interface BuilderStore {
  /** Names of the builders that buildx knows. */
  readonly list: () => readonly string[]
  /** The file of one, or undefined. */
  readonly read: (name: string) => string | undefined
  /** Where a docker context leads, `unix:///…` or `ssh://…`; undefined where there is none of that name. */
  readonly contextHost: (name: string) => string | undefined
}

const input = 'builder'
/** What is settled once a builder exists. */
const settled = [
  'nodes',
  'endpoint',
  'append',
  'driver',
  'driver-opts',
  'buildkitd-flags',
  'buildkitd-config',
  'buildkitd-config-inline',
  'cgroup-parent',
  'keep-state',
]

/**
 * The nodes of a builder that exists already, as build-push-action's `builder` names it: its daemons are used as they
 * are, and stay. `platforms` are for a buildkitd of which nobody wrote down what it builds.
 */
export function readBuilder(
  name: string,
  {
    text,
    platforms,
    report,
  }: { readonly text: (input: string) => string; readonly platforms: readonly Platform[]; readonly report: IssueSink },
  store: BuilderStore,
): readonly NodeSpec[] {
  for (const other of settled)
    if (text(other) !== '')
      report({
        input: other,
        expected: `is given beside \`builder\`, which has been made already: leave one of the two out`,
      })
  if (/^true$/i.test(text('keep-builder')))
    report({
      input: 'keep-builder',
      given: text('keep-builder'),
      expected: 'is given beside `builder`, whose daemons stay in any case: leave it out',
    })
  const wrong = (expected: string) => {
    report({ input, given: shorten(name), expected })
    return []
  }
  // It becomes a part of a path.
  // Buildx writes names in small letters, and its users as they like.
  const file = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ? store.read(name.toLowerCase()) : undefined
  if (file === undefined)
    return wrong(
      `is no builder that buildx knows here${known(store.list())}${didYouMean(name, store.list())}; without it, the step makes its own from \`nodes\``,
    )
  const group = asRecord(tryParseJson(file))
  const driver = asText(group['Driver'])
  if (driver !== 'docker-container' && driver !== 'remote' && driver !== 'kubernetes')
    return wrong(
      `has the driver \`${shorten(driver)}\`, and only \`docker-container\`, \`remote\` and \`kubernetes\` can be used: leave \`builder\` out, and the step makes its own from \`nodes\`; \`driver: docker\` is the BuildKit inside an engine`,
    )
  const nodes = asList(group['Nodes']).map(asRecord)
  if (nodes.length === 0) return wrong('has no nodes: make it anew with `docker buildx create`')
  return nodes.flatMap((node) => readNode(node, driver, { platforms, store, wrong }))
}

interface NodeSource {
  readonly platforms: readonly Platform[]
  readonly store: BuilderStore
  readonly wrong: (expected: string) => readonly never[]
}

/** The shape of buildx's store: docker/buildx, store/nodegroup.go. */
function readNode(
  node: Readonly<Record<string, unknown>>,
  driver: Node['driver'],
  { platforms, store, wrong }: NodeSource,
): readonly NodeSpec[] {
  const [name, written] = [asText(node['Name']), asText(node['Endpoint'])]
  const endpoint = readEndpoint(written, driver, store)
  if (!endpoint)
    return wrong(
      `has the node ${shorten(name)} at \`${shorten(written)}\`, which cannot be reached from here: name that machine in \`nodes\``,
    )
  const listed = asList(node['Platforms'])
    .map(asRecord)
    .flatMap(
      ({ os, architecture, variant }) =>
        parsePlatform(
          [os, architecture, variant]
            .map(asText)
            .filter((part) => part !== '')
            .join('/'),
        ) ?? [],
    )
  const own = listed.length > 0 || driver === 'docker-container' ? listed : platforms
  if (own.length === 0 && driver !== 'docker-container')
    return wrong(
      `has the node ${shorten(name)}, a ${driver === 'remote' ? 'buildkitd' : 'pod'} of which nobody says what it builds: write \`platforms\``,
    )
  const { 'buildkitd.toml': config = '', ...files } = fromBase64(asRecord(node['Files']))
  const driverOpts = texts(asRecord(node['DriverOpts']))
  if (endpoint.kind === 'tcp' && ['cacert', 'cert', 'key'].some((option) => (driverOpts[option] ?? '') === ''))
    return wrong(
      `has the node ${shorten(name)} at \`${shorten(written)}\`, without mutual TLS, which this action does not use: make it with \`cacert\`, \`cert\` and \`key\` in its driver options`,
    )
  return [
    {
      name,
      endpoint,
      platforms: own,
      driverOpts,
      buildkitdFlags: asList(node['Flags']).map(asText),
      buildkitdConfig: config,
      daemonFiles: files,
      ...(driver !== 'remote' && { daemon: name }),
    },
  ]
}

/** An address, or the name of a docker context. */
function readEndpoint(written: string, driver: Node['driver'], store: BuilderStore): Endpoint | undefined {
  if (driver === 'kubernetes') {
    const kubeconfig = URL.canParse(written) ? (new URL(written).searchParams.get('kubeconfig') ?? '') : ''
    // Several files in one word are those of the job that made it, whose KUBECONFIG has them.
    return kubeconfig === '' || kubeconfig.includes(delimiter)
      ? { kind: 'kubernetes' }
      : { kind: 'kubernetes', kubeconfig }
  }
  if (driver === 'remote') {
    const endpoint = parseEndpoint(written)
    return endpoint?.kind === 'unix' || endpoint?.kind === 'tcp' ? endpoint : undefined
  }
  if (written === '' || written === 'default') return { kind: 'local' }
  const endpoint = parseEndpoint(written.includes('://') ? written : (store.contextHost(written) ?? ''))
  if (endpoint?.kind === 'unix') return { kind: 'engine', path: endpoint.path }
  return endpoint?.kind === 'engine' || (endpoint?.kind === 'ssh' && endpoint.socket === undefined)
    ? endpoint
    : undefined
}

function known(names: readonly string[]): string {
  return names.length === 0
    ? ', which knows none'
    : `: ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''} it does`
}

function texts(record: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, asText(value)]))
}

function fromBase64(record: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts(record)).map(([path, text]) => [path, Buffer.from(text, 'base64').toString('utf8')]),
  )
}
