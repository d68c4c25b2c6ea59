import { delimiter } from 'node:path'
import { asList, asRecord, asText, asTextRecord, tryParseJson } from '../../lib/json.ts'
import { didYouMean, shorten } from '../../lib/issues.ts'
import { parsePlatform, type Platform } from '../../lib/platform.ts'
import { clusterAt } from '../../nodes/drivers/kubernetes.ts'
import { endpointDriver } from '../../nodes/drivers/table.ts'
import { parseEndpoint } from '../../nodes/endpoint.ts'
import type { Endpoint, NodeSpec } from '../../nodes/node-spec.ts'
import type { BuildxDriver } from '../../nodes/node.ts'
import { failConflicts, failFor, passes, type Fail } from '../diagnostics.ts'
import type { InputSource } from '../source.ts'

/** What buildx and docker have stored on this runner. */
export interface BuilderStore {
  /** Names of the builders that buildx knows. */
  readonly list: () => readonly string[]
  /** The file of one, or undefined. */
  readonly read: (name: string) => string | undefined
  /** The host of a docker context, `unix:///…` or `ssh://…`; undefined if there is no context of that name. */
  readonly contextHost: (name: string) => string | undefined
  /** The configuration that `buildx create` gives a daemon by default. */
  readonly defaultConfig: () => { readonly file: string; readonly text: string }
}

const input = 'builder'
/** Inputs that an existing builder makes meaningless. */
const conflicting = [
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

const besideBuilder = 'cannot be combined with `builder`, which exists already: remove one of them'
const leftRunning = 'cannot be combined with `builder`, whose daemons always keep running: remove it'
const withoutBuilder = 'without `builder`, the step creates a builder from `nodes`'
const unsupported =
  'and only `docker-container`, `remote` and `kubernetes` can be used: remove `builder`, and the step creates a ' +
  'builder from `nodes`; to use the BuildKit of a Docker Engine, set `driver: docker`'

interface BuilderRequest extends Pick<InputSource, 'text' | 'report'> {
  /** For a buildkitd whose entry in the builder lists no platforms. */
  readonly platforms: readonly Platform[]
}

/**
 * The nodes of an existing builder, as build-push-action's `builder` names it: its daemons are used as they are and are
 * left running.
 */
export function parseBuilder(name: string, request: BuilderRequest, store: BuilderStore): readonly NodeSpec[] {
  failConflicts(request, [
    [true, conflicting, besideBuilder],
    [true, ['keep-builder'], leftRunning],
  ])
  // The name becomes part of a path. Buildx stores names in lower case, its users write them as they like.
  const file = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ? store.read(name.toLowerCase()) : undefined
  const group = asRecord(tryParseJson(file ?? ''))
  const driver = asText(group['Driver'])
  const nodes = asList(group['Nodes']).map(asRecord)
  const fail = failFor(request.report, input, name)
  const isUsable = passes(fail, name, [
    [file === undefined, unknownBuilder(name, store.list())],
    [!isSupported(driver), `has the driver \`${shorten(driver)}\`, ${unsupported}`],
    [nodes.length === 0, 'has no nodes: create it again with `docker buildx create`'],
  ])
  if (!isUsable || !isSupported(driver)) return []
  return nodes.flatMap((node) => parseNode(node, { driver, platforms: request.platforms, store }, fail) ?? [])
}

function unknownBuilder(name: string, names: readonly string[]): string {
  const list = `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`
  const known = names.length === 0 ? 'none' : list
  const lists = `\`docker buildx ls\` on this runner lists ${known}${didYouMean(name, names)}`
  return `does not exist: ${lists}; ${withoutBuilder}`
}

/** How buildx stores an endpoint, by driver: an address, or the name of a docker context. */
const endpoints: Readonly<Record<BuildxDriver, (written: string, store: BuilderStore) => Endpoint | undefined>> = {
  'docker-container': (written, store) => {
    if (written === '' || written === 'default') return { kind: 'local' }
    const endpoint = parseEndpoint(written.includes('://') ? written : (store.contextHost(written) ?? ''))
    return endpoint && endpointDriver(endpoint).withDriver(endpoint, 'docker-container')
  },
  remote: (written) => {
    const endpoint = parseEndpoint(written)
    return endpoint && endpointDriver(endpoint).name === 'remote' ? endpoint : undefined
  },
  kubernetes: (written) => {
    const kubeconfig = URL.canParse(written) ? (new URL(written).searchParams.get('kubeconfig') ?? '') : ''
    // A list of files is that of the job that created it, whose KUBECONFIG has them.
    return clusterAt(kubeconfig.includes(delimiter) ? '' : kubeconfig)
  },
}

function isSupported(driver: string): driver is BuildxDriver {
  return Object.hasOwn(endpoints, driver)
}

interface StoredGroup extends Pick<BuilderRequest, 'platforms'> {
  readonly driver: BuildxDriver
  readonly store: BuilderStore
}

/** Parses a node of buildx's store (docker/buildx, store/nodegroup.go); undefined if it cannot be used. */
function parseNode(
  node: Readonly<Record<string, unknown>>,
  { driver, platforms: given, store }: StoredGroup,
  fail: Fail,
): NodeSpec | undefined {
  const [name, written] = [asText(node['Name']), asText(node['Endpoint'])]
  const where = `has the node ${shorten(name)} at \`${shorten(written)}\``
  const endpoint = endpoints[driver](written, store)
  passes(fail, undefined, [[!endpoint, `${where}. This runner cannot reach it: list that machine in \`nodes\``]])
  if (!endpoint) return undefined
  const { missingPlatforms, target, ...nodeDriver } = endpointDriver(endpoint)
  const listed = parseNodePlatforms(node)
  const platforms = listed.length > 0 || missingPlatforms === undefined ? listed : given
  const driverOpts = asTextRecord(node['DriverOpts'])
  let hasTls = true
  nodeDriver.validate?.(driverOpts, () => (hasTls = false))
  const isUsable = passes(fail, undefined, [
    [
      platforms.length === 0 && missingPlatforms !== undefined,
      `has the node ${shorten(name)}, a ${target} without platforms: set \`platforms\``,
    ],
    [!hasTls, `${where}, ${withoutTls}`],
  ])
  if (!isUsable) return undefined
  const { 'buildkitd.toml': buildkitdConfig = '', ...daemonFiles } = decodeFiles(node['Files'])
  const buildkitdFlags = asList(node['Flags']).map(asText)
  const spec = { name, endpoint, platforms, driverOpts, buildkitdFlags, buildkitdConfig, daemonFiles }
  return driver === 'remote' ? spec : { ...spec, existingNodeName: name }
}

const withoutTls =
  'without mutual TLS, which this action requires: create it with `cacert`, `cert` and `key` in its driver options'

function parseNodePlatforms(node: Readonly<Record<string, unknown>>): readonly Platform[] {
  return asList(node['Platforms'])
    .map(asRecord)
    .flatMap(({ os, architecture, variant }) => {
      const parts = [os, architecture, variant].map(asText).filter((part) => part !== '')
      return parsePlatform(parts.join('/')) ?? []
    })
}

function decodeFiles(files: unknown): Readonly<Record<string, string>> {
  const decode = (text: string) => Buffer.from(text, 'base64').toString('utf8')
  return Object.fromEntries(Object.entries(asTextRecord(files)).map(([path, text]) => [path, decode(text)]))
}
