import { didYouMean, shorten, type Report } from '../plan/mistake.ts'
import { formatEndpoint, isBuildkitd } from './endpoint.ts'
import type { NodeSpec } from './node-spec.ts'

const input = 'driver'

/** Drivers of buildx that nothing here goes through, and the way to have what is wanted of them. */
const elsewhere: Readonly<Record<string, string>> = {
  kubernetes: 'is not supported: let the cluster’s buildkitd listen at an address of its own, and write `linux/arm64 = tcp://host:1234` into `nodes`, or `ssh://user@host/path/to/buildkitd.sock` where a host has its socket',
}

/** Reads `driver`, of all nodes; empty where it follows from each endpoint. */
export function readDriver(text: string, report: Report): '' | 'docker-container' | 'remote' | 'docker' {
  if (text === '' || text === 'docker-container' || text === 'remote' || text === 'docker') return text
  const expected = (Object.hasOwn(elsewhere, text) ? elsewhere[text] : undefined) ?? `is no driver: \`docker-container\` (Docker Engines), \`docker\` (the BuildKit inside them) and \`remote\` (buildkitd) are${didYouMean(text, ['docker-container', 'docker', 'remote'])}`
  report({ input, given: shorten(text), expected })
  return ''
}

/** `driver` says again what follows from the endpoints: where it does not, one of them is wrong. `named`: whether the author named any node. */
export function checkDriver(driver: ReturnType<typeof readDriver>, nodes: readonly NodeSpec[], named: boolean, report: Report): void {
  if (driver === 'remote' && !named) {
    report({ input, given: driver, expected: 'needs a buildkitd, and none is named: write it into `endpoint` or `nodes`, as in `linux/arm64 = tcp://host:1234`' })
    return
  }
  for (const { endpoint } of driver === '' ? [] : nodes) {
    const given = shorten(formatEndpoint(endpoint))
    if (driver === 'remote' && !isBuildkitd(endpoint)) report({ input: 'nodes', given, expected: 'is a Docker Engine, and `driver: remote` needs a buildkitd: write `unix:///run/buildkit/buildkitd.sock`, `ssh://user@host/run/buildkit/buildkitd.sock` or `tcp://host:1234`, or leave `driver` out' })
    if ((driver === 'docker-container' || driver === 'docker') && isBuildkitd(endpoint)) report({ input: 'nodes', given, expected: `is a buildkitd, and \`driver: ${driver}\` needs a Docker Engine: leave \`driver\` out` })
  }
}

/** The BuildKit inside an engine has the engine's configuration, and goes on with it. */
export function checkEmbedded(driver: ReturnType<typeof readDriver>, nodes: readonly NodeSpec[], text: (input: string) => string, report: Report): void {
  if (driver !== 'docker') return
  const ours = ['driver-opts', 'buildkitd-flags', 'buildkitd-config-inline', 'cgroup-parent', 'registries'].filter((name) => text(name) !== '')
  for (const name of ours) report({ input: name, expected: 'has no effect with `driver: docker`, whose BuildKit is configured with its engine: leave one of the two out' })
  const own = text('driver-opts') === '' && text('buildkitd-flags') === '' ? nodes.filter(({ driverOpts, buildkitdFlags }) => Object.keys(driverOpts).length > 0 || buildkitdFlags.length > 0) : []
  for (const { name } of own) report({ input: 'nodes', given: name, expected: 'has options or flags of its own, which have no effect with `driver: docker`, whose BuildKit is configured with its engine: leave them out' })
  if (/^true$/i.test(text('keep-builder'))) report({ input: 'keep-builder', given: text('keep-builder'), expected: 'is true in any case with `driver: docker`: leave it out' })
}

/** A builder for later steps has all nodes, and buildx has one driver a builder. */
export function checkUse(nodes: readonly NodeSpec[], report: Report): void {
  const engine = nodes.find(({ endpoint }) => !isBuildkitd(endpoint))
  const buildkitd = nodes.find(({ endpoint }) => isBuildkitd(endpoint))
  if (engine && buildkitd) report({ input: 'use', given: 'true', expected: `needs nodes of one kind, since buildx has one driver a builder, and ${engine.name} is a Docker Engine, ${buildkitd.name} a buildkitd: leave it out` })
}
