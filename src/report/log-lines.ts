import { formatBytes, formatDuration } from '../lib/format.ts'
import type { Platform } from '../lib/platform.ts'
import { formatTagReference } from '../registry/reference.ts'
import { isEmulated, type Node } from '../nodes/node.ts'
import type { NodeOutcome } from '../nodes/open.ts'
import { compareRuns } from './comparison.ts'
import type { TargetMeasurement } from './measurements.ts'
import { notesOn, type Note } from './notes.ts'
import type { RunReport } from './run-report.ts'

/** Milliseconds: the resolution of the clocks and the time of the request hide smaller differences. */
const toleratedSkew = 2000
/** Milliseconds: beyond this, registries may reject certificates and tokens. */
const harmfulSkew = 60_000
const day = 24 * 3_600_000
/** Days: long enough for a person to issue a new certificate. */
const shortValidity = 30
/** Bytes. */
const scarceDisk = 1e9

const messages = {
  unavailable: 'unavailable:',
  may32Bit: 'natively if its processor runs 32-bit code, and under emulation otherwise.',
  otherMachines: 'on machines of another architecture, as its `nodeselector` says',
  slow: 'under emulation, as configured. This is slow.',
  clock: 'registries may reject its requests. On that machine, run `timedatectl set-ntp true`.',
  disk: 'run `docker system df` there to see what uses it.',
}

/** PURE: the log lines of a finished run: one per target, then the images and their tags. */
export function renderLogLines(report: RunReport): string[] {
  const { variants, took } = report
  const compared = compareRuns(report, false)
  const lines = variants.flatMap(({ variant, published, platforms }) => [
    ...platforms.map((target) => `  ${formatTarget(target, variant.name)}`),
    ...(published?.images ?? []).map((image) => `  ${image}`),
    ...[...(published?.tags ?? []), ...(published?.mirrors ?? []).flatMap((mirror) => mirror.tags)].map(
      (tag) => `  → ${formatTagReference(tag)}`,
    ),
  ])
  return [...lines, `Took ${formatDuration(took)}${compared === '' ? '' : `, ${compared}`}.`]
}

function formatTarget({ platform, took, entry }: TargetMeasurement, variant: string): string {
  const { node, steps, size, seconds } = entry
  const cached = `${steps.cached} of ${steps.total} steps from cache`
  const tested = seconds.test === null ? [] : [`test passed in ${formatDuration(seconds.test * 1000)}`]
  const parts = [node, formatDuration(took), cached, ...tested, ...(size === null ? [] : [formatBytes(size)])]
  return `${[platform, variant].join(' ').trim()}: ${parts.join(', ')}`
}

/** PURE: the log line of a node: what it is, its load, and what it builds; or why it is unavailable. */
export function formatNode({ spec, node, failure }: NodeOutcome): string {
  if (!node) return `${spec.name}: ${messages.unavailable} ${failure?.message ?? ''}`
  const { driver, platforms, engine, took } = node
  const about = engine
    ? [`Docker ${engine.version}`, `${engine.os}/${engine.arch}`, `${engine.cpus} CPUs`]
    : [driver.description]
  const ready = driver.onDemand ? [] : [`ready in ${Math.round(took)} ms`]
  const builds = platforms.map((platform) => (isEmulated(node, platform) ? `${platform} (emulated)` : platform))
  return `${spec.name}: ${[...about, ...machineState(node), ...ready].join(', ')}, builds ${builds.join(', ')}`
}

function machineState(node: Node): string[] {
  const { load, free } = node.machine ?? {}
  const skew = clockSkew(node)
  return [
    ...(load === undefined ? [] : [`load ${load.toFixed(1)}`]),
    ...(free === undefined ? [] : [`${formatBytes(free)} free`]),
    ...(skew === undefined ? [] : [Math.abs(skew) < toleratedSkew ? 'clock ok' : `clock ${formatSkew(skew)}`]),
  ]
}

/** Milliseconds by which the clock of a node is ahead; undefined if unknown. */
function clockSkew({ engine, machine }: Node): number | undefined {
  return engine?.ahead ?? machine?.ahead
}

function formatSkew(ahead: number): string {
  return `${ahead > 0 ? '+' : '-'}${Math.round(Math.abs(ahead) / 1000)} s`
}

/** PURE: a line for each node on which other runs build. */
export function formatBusyNodes(runsPerNode: ReadonlyMap<Node, number>): string[] {
  return [...runsPerNode].flatMap(([{ spec }, count]) => {
    const runs = count === 1 ? 'another run' : `${count} other runs`
    return count > 0 ? [`${spec.name} is busy with ${runs}: scheduling fewer targets there.`] : []
  })
}

/** What is built on which node. */
type Assignment = Readonly<Record<'node', Node> & Record<'platform', Platform>>

/** PURE: warnings about available nodes. @param targets what the step builds; without them, all that the nodes can */
export function nodeWarnings(nodes: readonly Node[], targets?: readonly Assignment[]): readonly Note[] {
  const builtOn = (node: Node) =>
    node.platforms.filter(
      (platform) => !targets || targets.some((one) => one.node === node && one.platform === platform),
    )
  const machines = [...nodes.flatMap(warnOfClock), ...nodes.flatMap(warnOfDisk)]
  return [
    ...notesOn(
      'emulation',
      nodes.flatMap((node) => warnOfEmulation(node, builtOn(node))),
    ),
    ...notesOn('machine', machines),
    ...notesOn('certificates', nodes.flatMap(warnOfCertificates)),
  ]
}

function warnOfEmulation(node: Node, platforms: readonly Platform[]): string[] {
  const { spec, engine } = node
  const emulated = platforms.filter((platform) => isEmulated(node, platform))
  if (emulated.length === 0) return []
  const builds = `builds ${emulated.join(', ')}`
  if (engine?.arch === 'arm64' && emulated.every((platform) => platform.startsWith('linux/arm/')))
    return [`${spec.name} ${builds} ${messages.may32Bit}`]
  const machine = engine ? `a ${engine.os}/${engine.arch} machine` : messages.otherMachines
  return [`${spec.name} is ${machine}: it ${builds} ${messages.slow}`]
}

function warnOfClock(node: Node): string[] {
  const ahead = clockSkew(node) ?? 0
  if (Math.abs(ahead) < harmfulSkew) return []
  const skew = `${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead' : 'behind'}`
  return [`The clock of ${node.spec.name} is ${skew}: ${messages.clock}`]
}

function warnOfCertificates({ spec, certificates }: Node): string[] {
  const { client = Infinity, buildkitd = Infinity } = certificates ?? {}
  const ends = (left: number) => {
    const days = Math.floor(left / day)
    return `expires in ${days} ${days === 1 ? 'day' : 'days'}: issue a new one and`
  }
  return [
    ...(buildkitd < shortValidity * day
      ? [`The certificate of ${spec.name} ${ends(buildkitd)} restart its buildkitd with it.`]
      : []),
    ...(client < shortValidity * day
      ? [`The client certificate for ${spec.name} ${ends(client)} replace \`cert\` and \`key\` in its \`driver-opts\`.`]
      : []),
  ]
}

function warnOfDisk({ spec, machine }: Node): string[] {
  const free = machine?.free ?? Infinity
  return free >= scarceDisk ? [] : [`${spec.name} has only ${formatBytes(free)} of disk left: ${messages.disk}`]
}
