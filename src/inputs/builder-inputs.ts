import { runsForCommandLine } from '../lib/command-line.ts'
import { splitList } from '../lib/lists.ts'
import { parsePlatforms } from '../lib/platform.ts'
import { sshTargetOf } from '../nodes/drivers/table.ts'
import type { NodeSpec } from '../nodes/node-spec.ts'
import { failFor, passes } from './diagnostics.ts'
import { parseFallback } from './fallback.ts'
import { checkCgroupParent, parseCgroupParent, withCgroupParent } from './nodes/cgroup-parent.ts'
import { parseDaemonConfig } from './nodes/daemon-config.ts'
import { parseBuildkitdFlags, parseDriverOpts } from './nodes/daemon-options.ts'
import { checkDriver, checkBuiltIn, checkPods, checkUse, parseDriver, type DriverInput } from './nodes/driver.ts'
import type { BuilderStore } from './nodes/existing-builder.ts'
import { checkKnownHosts, formatKnownHosts, parseKnownHosts } from './nodes/known-hosts.ts'
import { localFallbackNode, parseNodesInput } from './nodes/node-list.ts'
import { parseSshKeys } from './nodes/ssh-key.ts'
import type { InputSource } from './source.ts'
import { boolean, parseTable, type Values } from './table.ts'

const rows = {
  /** What to do with the targets of a node that is unavailable. */
  fallback: ['fallback', parseFallback],
  /** Whether the builder becomes that of the job's later steps. */
  use: ['use', boolean()],
  /** Whether daemons stay on their nodes for the next run. */
  keepBuilder: ['keep-builder', boolean()],
} as const

const daemonRows = {
  driver: ['driver', parseDriver],
  driverOpts: ['driver-opts', parseDriverOpts],
  buildkitdFlags: ['buildkitd-flags', parseBuildkitdFlags],
  cgroupParent: ['cgroup-parent', parseCgroupParent],
} as const

/** Where the step builds. */
export interface BuilderInputs extends Values<typeof rows> {
  readonly nodes: readonly NodeSpec[]
  /** The local engine, as `fallback` would use it. */
  readonly localFallback: NodeSpec
  /** Private keys in a form that ssh-add reads from its standard input: LF line ends, final newline. */
  readonly sshKeys: readonly string[]
  readonly knownHosts: string
}

interface BuilderSource extends InputSource {
  /** The nodes of `endpoint` and `append`. */
  readonly nodeList: readonly unknown[] | undefined
}

/** Parses the inputs of setup-buildx-action, the nodes and their SSH access. */
export async function parseBuilderInputs(source: BuilderSource, store: BuilderStore): Promise<BuilderInputs> {
  const values = parseTable(rows, source)
  const { driver, cgroupParent, ...options } = parseTable(daemonRows, source)
  const daemon = { ...options, ...parseDaemonConfig(source, store) }
  const nodes = await parseNodes(source, { ...daemon, driver, list: source.nodeList }, store)
  checkBuiltIn(driver, nodes, source)
  if (values.use) checkUse(nodes, source.report)
  checkCgroupParent(cgroupParent, nodes, daemon.buildkitdConfig, source.report)
  const withCgroup = (spec: NodeSpec) => withCgroupParent(spec, cgroupParent)
  const ssh = await parseSsh(nodes, source)
  return {
    ...ssh,
    nodes: ssh.nodes.map((spec) => ({ ...withCgroup(spec), ...(driver === 'docker' && { builtIn: true }) })),
    ...values,
    localFallback: withCgroup(localFallbackNode(daemon)),
  }
}

type NodeDefaults = Parameters<typeof parseNodesInput>[1] & { readonly driver: DriverInput }

async function parseNodes(
  source: BuilderSource,
  defaults: NodeDefaults,
  store: BuilderStore,
): Promise<readonly NodeSpec[]> {
  const { text, report, paths, nodeList } = source
  if (text('builder') !== '') {
    const platforms = parsePlatforms('platforms', splitList(text('platforms')), () => undefined)
    const { parseBuilder } = await import('./nodes/existing-builder.ts')
    return parseBuilder(text('builder'), { text, platforms, report }, store)
  }
  const nodes = await parseNodesInput(text('nodes'), defaults, report)
  checkDriver(defaults.driver, nodes, text('nodes') !== '' || nodeList !== undefined, report)
  checkPods(nodes, source)
  for (const { endpoint } of nodes.filter((node) => node.endpoint['socket'] === undefined)) {
    const { path, kubeconfig } = endpoint
    if (typeof path === 'string') paths.use(path, 'nodes', 'connect')
    if (typeof kubeconfig === 'string') paths.use(kubeconfig, 'nodes')
  }
  return nodes.map((spec) => ({ ...spec, driverOpts: readPems(spec.driverOpts, source) }))
}

/** Reads the TLS files of a buildkitd at once, so that nothing can replace them before they are used. */
function readPems(options: NodeSpec['driverOpts'], { paths, report }: InputSource): NodeSpec['driverOpts'] {
  const isFile = (name: string, value: string) =>
    ['cacert', 'cert', 'key'].includes(name) && value !== '' && !value.includes('-----BEGIN')
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => {
      if (!isFile(name, value)) return [name, value]
      const fail = failFor(report, 'nodes', `${name}=${value}`)
      return [name, `${paths.readFile(value, (expected) => fail(expected))}\n`]
    }),
  )
}

const bothEmpty =
  'is empty, and so is `ssh-known-hosts`: secrets and variables are empty if their name is misspelled, if the job ' +
  'does not name the `environment` that has them, and in runs for forks; only nodes with Tailscale SSH need no key'

async function parseSsh(
  nodes: readonly NodeSpec[],
  source: InputSource,
): Promise<Pick<BuilderInputs, 'nodes' | 'sshKeys' | 'knownHosts'>> {
  const { env, text, report, hasIssue } = source
  const sshKeys = parseSshKeys(text('ssh-private-key'), report)
  const hosts = parseKnownHosts(text('ssh-known-hosts'), report)
  const reached = text('ssh-config') === '' ? nodes : await withSshConfig(nodes, source)
  if (!hasIssue('ssh-known-hosts') && !hasIssue('ssh-config') && !isWithheld(source))
    checkKnownHosts(
      hosts,
      reached.flatMap((spec) => sshTargetOf(spec) ?? []),
      report,
    )
  // On the command line, keys and known hosts are those of the user, and not secrets and variables.
  const isEmpty = !runsForCommandLine(env) && ['ssh-known-hosts', 'ssh-private-key'].every((name) => text(name) === '')
  // On its own, an empty key is no issue: Tailscale SSH needs none.
  passes(failFor(report, 'ssh-private-key'), undefined, [
    [isEmpty && hasIssue('ssh-known-hosts') && (env['SSH_AUTH_SOCK'] ?? '') === '', bothEmpty],
  ])
  return { nodes: reached, sshKeys, knownHosts: formatKnownHosts(hosts) }
}

/**
 * GitHub passes neither secrets nor variables to a run of a fork. Its SSH nodes are unavailable then, and `fallback`
 * decides, as for a key that is missing.
 */
function isWithheld({ text, event }: InputSource): boolean {
  return event.trust === 'fork' && text('ssh-known-hosts') === '' && text('ssh-private-key') === ''
}

async function withSshConfig(nodes: readonly NodeSpec[], source: InputSource): Promise<readonly NodeSpec[]> {
  const { parseSshConfig } = await import('./nodes/ssh-config.ts')
  const { resolve } = parseSshConfig(source)
  return nodes.map((spec) => {
    const target = sshTargetOf(spec)
    return target ? { ...spec, ssh: resolve(target) } : spec
  })
}
