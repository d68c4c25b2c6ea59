import { isTrue } from '../../lib/choice.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import { formatEndpoint, isBuildkitd } from '../../nodes/endpoint.ts'
import type { Endpoint, NodeSpec } from '../../nodes/node-spec.ts'

const input = 'driver'
const drivers = ['docker-container', 'remote', 'docker', 'kubernetes'] as const
type Driver = (typeof drivers)[number]

/** Reads `driver`, of all nodes; empty where it follows from each endpoint. */
export function readDriver(text: string, report: IssueSink): '' | Driver {
  const driver = drivers.find((name) => name === text)
  if (driver === undefined && text !== '') {
    report({
      input,
      given: shorten(text),
      expected: `is no driver: \`docker-container\` (Docker Engines), \`docker\` (the BuildKit inside them), \`remote\` (buildkitd) and \`kubernetes\` are${didYouMean(text, drivers)}`,
    })
  }
  return driver ?? ''
}

/**
 * `driver` says again what follows from the endpoints: where it does not, one of them is wrong. `named`: whether the
 * author named any node.
 */
export function checkDriver(driver: '' | Driver, nodes: readonly NodeSpec[], named: boolean, report: IssueSink): void {
  if (driver === 'remote' && !named) {
    report({
      input,
      given: driver,
      expected:
        'needs a buildkitd, and none is named: write it into `endpoint` or `nodes`, as in `linux/arm64 = tcp://host:1234`',
    })
    return
  }
  if (driver === '') return
  for (const { endpoint } of nodes) {
    const given = shorten(formatEndpoint(endpoint))
    const kind = kindOf(endpoint)
    if (fitting[driver] !== kind)
      report({
        input: 'nodes',
        given,
        expected: `is a ${kind}, and \`driver: ${driver}\` needs a ${fitting[driver]}: ${driver === 'docker-container' || driver === 'docker' ? '' : `write ${examples[driver]}, or `}leave \`driver\` out`,
      })
  }
}

type Kind = 'Docker Engine' | 'buildkitd' | 'cluster'
const fitting: Readonly<Record<Driver, Kind>> = {
  'docker-container': 'Docker Engine',
  docker: 'Docker Engine',
  remote: 'buildkitd',
  kubernetes: 'cluster',
}
const examples = {
  remote: '`unix:///run/buildkit/buildkitd.sock`, `ssh://user@host/run/buildkit/buildkitd.sock` or `tcp://host:1234`',
  kubernetes: '`kubernetes://`',
}

function kindOf(endpoint: Endpoint): Kind {
  if (endpoint.kind === 'kubernetes') return 'cluster'
  return isBuildkitd(endpoint) ? 'buildkitd' : 'Docker Engine'
}

/** The BuildKit inside an engine has the engine's configuration, and goes on with it. */
export function checkEmbedded(
  driver: '' | Driver,
  nodes: readonly NodeSpec[],
  text: (input: string) => string,
  report: IssueSink,
): void {
  if (driver !== 'docker') return
  const ours = ['driver-opts', 'buildkitd-flags', 'buildkitd-config-inline', 'cgroup-parent', 'registries'].filter(
    (name) => text(name) !== '',
  )
  for (const name of ours)
    report({
      input: name,
      expected:
        'has no effect with `driver: docker`, whose BuildKit is configured with its engine: leave one of the two out',
    })
  const own =
    text('driver-opts') === '' && text('buildkitd-flags') === ''
      ? nodes.filter(
          ({ endpoint, driverOpts, buildkitdFlags }) =>
            kindOf(endpoint) === 'Docker Engine' && (Object.keys(driverOpts).length > 0 || buildkitdFlags.length > 0),
        )
      : []
  for (const { name } of own)
    report({
      input: 'nodes',
      given: name,
      expected:
        'has options or flags of its own, which have no effect with `driver: docker`, whose BuildKit is configured with its engine: leave them out',
    })
  if (/^true$/i.test(text('keep-builder')))
    report({
      input: 'keep-builder',
      given: text('keep-builder'),
      expected: 'is true in any case with `driver: docker`: leave it out',
    })
}

/** A pod is ours to make and to remove; what an unprivileged one reads is elsewhere. */
export function checkPods(nodes: readonly NodeSpec[], text: (input: string) => string, report: IssueSink): void {
  const pods = nodes.filter(({ endpoint }) => endpoint.kind === 'kubernetes')
  if (pods.length === 0) return
  const rootless = pods.find(({ driverOpts }) => isTrue(driverOpts['rootless']))
  for (const name of rootless
    ? ['buildkitd-config-inline', 'registries', 'cgroup-parent'].filter((one) => text(one) !== '')
    : []) {
    report({
      input: name,
      expected:
        'has no effect with `rootless=true`, whose buildkitd does not read the configuration that buildx gives its pod: leave one of the two out',
    })
  }
  if (/^true$/i.test(text('keep-builder')) && nodes.length === pods.length)
    report({
      input: 'keep-builder',
      given: text('keep-builder'),
      expected:
        'does not hold in a cluster, whose pods go with the run: leave it out; the cache in the registry stays, and a buildkitd of the cluster’s own at `tcp://host:1234` keeps its own',
    })
}

/** A builder for later steps has all nodes, and buildx has one driver a builder. */
export function checkUse(nodes: readonly NodeSpec[], report: IssueSink): void {
  const [first] = nodes
  const other = first && nodes.find(({ endpoint }) => kindOf(endpoint) !== kindOf(first.endpoint))
  if (other)
    report({
      input: 'use',
      given: 'true',
      expected: `needs nodes of one kind, since buildx has one driver a builder, and ${first.name} is a ${kindOf(first.endpoint)}, ${other.name} a ${kindOf(other.endpoint)}: leave it out`,
    })
}
