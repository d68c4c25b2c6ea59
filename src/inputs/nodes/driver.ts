import { isTrue } from '../../lib/choice.ts'
import { didYouMean, type IssueSink } from '../../lib/issues.ts'
import { driverOf, endpointDriver } from '../../nodes/drivers/table.ts'
import { formatEndpoint } from '../../nodes/endpoint.ts'
import type { NodeSpec } from '../../nodes/node-spec.ts'
import type { BuildxDriver, Driver } from '../../nodes/node.ts'
import { failConflicts, failFor, passes } from '../diagnostics.ts'
import type { InputSource } from '../source.ts'
import type { Parser } from '../table.ts'

/** What a value of `driver` needs at every endpoint. `docker` is the built-in BuildKit of an engine. */
const targets: Readonly<Record<BuildxDriver | 'docker', Driver['target']>> = {
  'docker-container': 'Docker Engine',
  remote: 'buildkitd',
  docker: 'Docker Engine',
  kubernetes: 'cluster',
}
export type DriverInput = keyof typeof targets | ''
type DriverSource = Pick<InputSource, 'text' | 'report'>

const driverNames = Object.keys(targets) as readonly (keyof typeof targets)[]
const unknownDriver =
  'is not a valid driver: use `docker-container` (Docker Engines), `docker` (the BuildKit inside them), ' +
  '`remote` (buildkitd) or `kubernetes`'

/** How to write an endpoint that the driver needs. */
const examples: Readonly<Partial<Record<DriverInput, string>>> = {
  remote: '`unix:///run/buildkit/buildkitd.sock`, `ssh://user@host/run/buildkit/buildkitd.sock` or `tcp://host:1234`',
  kubernetes: '`kubernetes://`',
}

const noBuildkitd =
  'needs a buildkitd, and none is named: write it into `endpoint` or `nodes`, as in `linux/arm64 = tcp://host:1234`'

/** Parses `driver`, which applies to all nodes; empty if it follows from each endpoint. */
export const parseDriver: Parser<DriverInput> = (text, fail) => {
  const driver = driverNames.find((name) => name === text)
  const isUnknown = driver === undefined && text !== ''
  passes(fail, text, [[isUnknown, `${unknownDriver}${didYouMean(text, driverNames)}`]])
  return driver ?? ''
}

/**
 * Reports endpoints that contradict `driver`, which only repeats what follows from them. `named`: whether the user
 * named any node.
 */
export function checkDriver(driver: DriverInput, nodes: readonly NodeSpec[], named: boolean, report: IssueSink): void {
  const isNowhere = driver === 'remote' && !named
  passes(failFor(report, 'driver'), driver, [[isNowhere, noBuildkitd]])
  if (driver === '' || isNowhere) return
  const example = examples[driver]
  const advice = `${example === undefined ? '' : `write ${example}, or `}remove \`driver\``
  const needed = `\`driver: ${driver}\` needs a ${targets[driver]}: ${advice}`
  for (const { endpoint } of nodes) {
    const { target } = endpointDriver(endpoint)
    const isOther = target !== targets[driver]
    passes(failFor(report, 'nodes'), formatEndpoint(endpoint), [[isOther, `is a ${target}, and ${needed}`]])
  }
}

const engineConfigures =
  'cannot be combined with `driver: docker`: its BuildKit reads only the `daemon.json` of the engine'
const ownSettings =
  'sets `driver-opts` or `buildkitd-flags`, and the BuildKit of `driver: docker` reads only the `daemon.json` of its ' +
  'engine: remove them'

/** Reports settings that the built-in BuildKit of an engine ignores: it uses the engine's configuration. */
export function checkBuiltIn(driver: DriverInput, nodes: readonly NodeSpec[], source: DriverSource): void {
  if (driver !== 'docker') return
  const inputs = ['driver-opts', 'buildkitd-flags', 'buildkitd-config-inline', 'cgroup-parent']
  failConflicts(source, [
    [true, inputs, `${engineConfigures}. Remove one of them`],
    [true, ['keep-builder'], 'is always true with `driver: docker`: remove it'],
  ])
  if (source.text('driver-opts') !== '' || source.text('buildkitd-flags') !== '') return
  for (const { name } of nodes.filter(hasOwnSettings)) failFor(source.report, 'nodes')(ownSettings, name)
}

function hasOwnSettings({ endpoint, driverOpts, buildkitdFlags }: NodeSpec): boolean {
  const { target } = endpointDriver(endpoint)
  return target === 'Docker Engine' && (Object.keys(driverOpts).length > 0 || buildkitdFlags.length > 0)
}

const rootlessConfig =
  'has no effect with `rootless=true`, because a rootless pod does not read the buildkitd configuration of buildx: ' +
  'remove one of them'
const podsDeleted =
  'has no effect with kubernetes: pods are deleted after the run. Remove it; the cache in the registry remains, ' +
  'and a buildkitd that runs in the cluster, at `tcp://host:1234`, keeps its own'

/** Reports settings that pods ignore. */
export function checkPods(nodes: readonly NodeSpec[], source: DriverSource): void {
  const pods = nodes.filter((spec) => driverOf(spec).onDemand)
  const isRootless = pods.some(({ driverOpts }) => isTrue(driverOpts['rootless']))
  failConflicts(source, [
    [isRootless, ['buildkitd-config-inline', 'registries', 'cgroup-parent'], rootlessConfig],
    [pods.length > 0 && pods.length === nodes.length, ['keep-builder'], podsDeleted],
  ])
}

/**
 * Reports `use` with several drivers: a builder for later steps contains all nodes, and has one driver in buildx. All
 * BuildKits that are reached by a socket have the same.
 */
export function checkUse(nodes: readonly NodeSpec[], report: IssueSink): void {
  const targetOf = ({ endpoint }: NodeSpec) => endpointDriver(endpoint).target
  const isCluster = (node: NodeSpec) => targetOf(node) === 'cluster'
  const [first] = nodes
  const other = first && nodes.find((node) => isCluster(node) !== isCluster(first))
  if (!other) return
  const difference = `${first.name} is a ${targetOf(first)} and ${other.name} is a ${targetOf(other)}`
  failFor(report, 'use', 'true')(`requires nodes with the same driver, but ${difference}: remove it`)
}
