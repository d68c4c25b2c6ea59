import type { Node } from '../nodes/node.ts'
import type { Outcome } from '../nodes/open.ts'
import { bytes } from '../lib/format.ts'

/** PURE: one line of the log for each node: what it is, how it fares, what it builds; or why it cannot be used. */
export function describeOutcome({ spec, node, failure }: Outcome): string {
  return node ? describeNode(node) : `${spec.name}: cannot be used: ${failure?.message ?? ''}`
}

function describeNode(node: Node): string {
  const { spec, driver, platforms, native, engine, facts, took } = node
  const about = engine
    ? [`Docker ${engine.version}`, `${engine.os}/${engine.arch}`, `${engine.cpus} CPUs`]
    : [driver === 'kubernetes' ? 'a pod of a cluster, made when something is built on it' : 'buildkitd']
  const load = facts?.load === undefined ? [] : [`load ${facts.load.toFixed(1)}`]
  const free = facts?.free === undefined ? [] : [`${bytes(facts.free)} free`]
  const ahead = aheadOf(node)
  const clock =
    ahead === undefined ? [] : [Math.abs(ahead) < tolerated ? 'clock right' : `clock ${describeSkew(ahead)}`]
  const builds = platforms.map((platform) =>
    native.length === 0 || native.includes(platform) ? platform : `${platform} (emulated)`,
  )
  const ready = driver === 'kubernetes' ? [] : [`ready in ${Math.round(took)} ms`]
  return `${spec.name}: ${[...about, ...load, ...free, ...clock, ...ready].join(', ')}, builds ${builds.join(', ')}`
}

/** PURE: a line for each node on which other runs build. */
export function describeOthers(others: ReadonlyMap<Node, number>): string[] {
  return [...others].flatMap(([{ spec }, count]) =>
    count > 0
      ? [
          `${spec.name} builds for ${count === 1 ? 'another run' : `${count} other runs`} as well: it gets less of this one.`,
        ]
      : [],
  )
}

/** A second is lost on the way, or cut off. */
const tolerated = 2000
/** Beyond this, certificates and tokens of a registry may be refused there. */
const harmful = 60_000

function aheadOf({ engine, facts }: Node): number | undefined {
  return engine?.ahead ?? facts?.ahead
}

function describeSkew(ahead: number): string {
  return `${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead' : 'behind'}`
}

/** PURE: what the author should know of nodes that can be used. */
export function warnOfNodes(nodes: readonly Node[]): string[] {
  return [...nodes.flatMap(warnOfEmulation), ...nodes.flatMap(warnOfClock), ...nodes.flatMap(warnOfDisk)]
}

function warnOfEmulation({ spec, platforms, native, engine }: Node): string[] {
  const foreign = platforms.filter((platform) => native.length > 0 && !native.includes(platform))
  if (foreign.length === 0) return []
  if (engine?.arch === 'arm64' && foreign.every((platform) => platform.startsWith('linux/arm/'))) {
    return [
      `${spec.name} builds ${foreign.join(', ')} natively only if its processor still runs 32-bit code, and under emulation if not.`,
    ]
  }
  const machine = engine
    ? `a ${engine.os}/${engine.arch} machine`
    : 'on machines of another architecture, as its `nodeselector` says'
  return [
    `${spec.name} is ${machine}: it builds ${foreign.join(', ')} under emulation, as \`nodes\` asks. That is slow; a native node is not.`,
  ]
}

function warnOfClock(node: Node): string[] {
  const ahead = aheadOf(node) ?? 0
  return Math.abs(ahead) < harmful
    ? []
    : [
        `The clock of ${node.spec.name} is ${describeSkew(ahead)}: registries may refuse it. On that machine, \`timedatectl set-ntp true\` keeps it right.`,
      ]
}

const scarce = 1e9

function warnOfDisk({ spec, facts }: Node): string[] {
  return (facts?.free ?? Infinity) >= scarce
    ? []
    : [`${spec.name} has only ${bytes(facts?.free ?? 0)} of disk left: \`docker system df\` there shows what takes it.`]
}
