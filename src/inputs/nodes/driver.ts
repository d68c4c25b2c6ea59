import { isTrue } from '../../lib/choice.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import { driverOf, endpointDriver } from '../../nodes/drivers/table.ts'
import { formatEndpoint } from '../../nodes/endpoint.ts'
import type { NodeSpec } from '../../nodes/node-spec.ts'
import type { BuildxDriver, Driver } from '../../nodes/node.ts'

const input = 'driver'

/** What a value of `driver` needs at every endpoint. `docker` is the built-in BuildKit of an engine. */
const targets: Readonly<Record<BuildxDriver | 'docker', Driver['target']>> = {
  'docker-container': 'Docker Engine',
  remote: 'buildkitd',
  docker: 'Docker Engine',
  kubernetes: 'cluster',
}
type DriverInput = keyof typeof targets | ''

const driverNames = Object.keys(targets) as readonly (keyof typeof targets)[]
const unknownDriver =
  'is not a valid driver: use `docker-container` (Docker Engines), `docker` (the BuildKit inside them), ' +
  '`remote` (buildkitd) or `kubernetes`'

/** How to write an endpoint that the driver needs. */
const examples: Readonly<Partial<Record<DriverInput, string>>> = {
  remote: '`unix:///run/buildkit/buildkitd.sock`, `ssh://user@host/run/buildkit/buildkitd.sock` or `tcp://host:1234`',
  kubernetes: '`kubernetes://`',
}

/** Parses `driver`, which applies to all nodes; empty if it follows from each endpoint. */
export function parseDriver(text: string, report: IssueSink): DriverInput {
  const driver = driverNames.find((name) => name === text)
  if (driver === undefined && text !== '')
    report({ input, given: shorten(text), expected: `${unknownDriver}${didYouMean(text, driverNames)}` })
  return driver ?? ''
}

/**
 * Reports endpoints that contradict `driver`, which only repeats what follows from them. `named`: whether the user
 * named any node.
 */
export function checkDriver(driver: DriverInput, nodes: readonly NodeSpec[], named: boolean, report: IssueSink): void {
  if (driver === '') return
  if (driver === 'remote' && !named) {
    report({ input, given: driver, expected: noBuildkitd })
    return
  }
  const example = examples[driver]
  for (const { endpoint } of nodes) {
    const { target } = endpointDriver(endpoint)
    if (target === targets[driver]) continue
    const advice = `${example === undefined ? '' : `write ${example}, or `}remove \`driver\``
    report({
      input: 'nodes',
      given: shorten(formatEndpoint(endpoint)),
      expected: `is a ${target}, and \`driver: ${driver}\` needs a ${targets[driver]}: ${advice}`,
    })
  }
}

const noBuildkitd =
  'needs a buildkitd, and none is named: write it into `endpoint` or `nodes`, as in `linux/arm64 = tcp://host:1234`'

const engineConfigures =
  'cannot be combined with `driver: docker`, whose BuildKit reads the `daemon.json` of its engine'

/** Reports settings that the built-in BuildKit of an engine ignores: it uses the engine's configuration. */
export function checkBuiltIn(
  driver: DriverInput,
  nodes: readonly NodeSpec[],
  text: (input: string) => string,
  report: IssueSink,
): void {
  if (driver !== 'docker') return
  for (const name of ['driver-opts', 'buildkitd-flags', 'buildkitd-config-inline', 'cgroup-parent'])
    if (text(name) !== '') report({ input: name, expected: `${engineConfigures}: remove one of them` })
  if (text('driver-opts') === '' && text('buildkitd-flags') === '')
    for (const { name } of nodes.filter(hasOwnSettings))
      report({
        input: 'nodes',
        given: name,
        expected: `has options or flags of its own, which ${engineConfigures}: remove them`,
      })
  if (/^true$/i.test(text('keep-builder')))
    report({
      input: 'keep-builder',
      given: text('keep-builder'),
      expected: 'is always true with `driver: docker`: remove it',
    })
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
export function checkPods(nodes: readonly NodeSpec[], text: (input: string) => string, report: IssueSink): void {
  const pods = nodes.filter((spec) => driverOf(spec).onDemand)
  if (pods.some(({ driverOpts }) => isTrue(driverOpts['rootless'])))
    for (const name of ['buildkitd-config-inline', 'registries', 'cgroup-parent'])
      if (text(name) !== '') report({ input: name, expected: rootlessConfig })
  if (pods.length > 0 && pods.length === nodes.length && /^true$/i.test(text('keep-builder')))
    report({ input: 'keep-builder', given: text('keep-builder'), expected: podsDeleted })
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
  report({
    input: 'use',
    given: 'true',
    expected: `requires nodes with the same driver, but ${difference}: remove it`,
  })
}
