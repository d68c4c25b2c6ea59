import type { Trust } from '../plan/trust.ts'
import { asList, asRecord, asText } from '../plan/json.ts'
import { releaseLock, takeLock } from '../reap/lock.ts'
import type { Journal } from '../journal.ts'
import { bootLock, containerPrefix, keptName, useMark } from '../reap/names.ts'
import { runEnv, type Buildx } from '../sys/buildx.ts'
import { run } from '../sys/process.ts'
import type { Log } from '../sys/log.ts'
import { sleep } from '../sys/time.ts'
import { withDiskLimits } from './disk-limits.ts'
import { callEngine, EngineError } from './engine.ts'
import type { Node } from './node.ts'
import { messageOf } from '../report/message.ts'

/** For whom daemons are kept: no two of these ever share one. */
export interface Keep {
  readonly scope: string
  readonly trust: Exclude<Trust, 'fork'>
}

export interface Kept {
  readonly node: Node
  readonly name: string
}

const deadline = 15_000
/** Where another run boots the daemon, its image may have to be pulled. */
const patience = 90_000

/** PURE: the nodes with the names of their kept daemons, and limits for their disks; nodes whose daemon is not ours to make stay. */
export function planKept(nodes: readonly Node[], keep: Keep): { readonly nodes: readonly Node[]; readonly names: ReadonlyMap<Node, string> } {
  const seen = new Map<string, number>()
  const names = new Map<Node, string>()
  const all = nodes.map((node) => {
    if (node.driver !== 'docker-container') return node
    const spec = { ...node.spec, buildkitdConfig: withDiskLimits(node.spec.buildkitdConfig) }
    const settings = [spec.endpoint, Object.entries(spec.driverOpts).sort(), spec.buildkitdFlags, spec.buildkitdConfig]
    // An engine that several lines name has a daemon for each: buildx wants every node of a builder to have its own.
    const key = JSON.stringify(settings)
    const turn = seen.get(key) ?? 0
    seen.set(key, turn + 1)
    const kept = { ...node, spec }
    names.set(kept, keptName(keep.scope, keep.trust, [...settings, turn]))
    return kept
  })
  return { nodes: all, names }
}

export interface KeptWorld {
  readonly buildx: Buildx
  readonly dir: string
  readonly journal: Journal
  /** Names this run to others who want the lock. */
  readonly holder: string
  readonly log: Pick<Log, 'debug'>
}

/**
 * Marks the daemon as used, and boots it if it does not run: one run alone, since buildx gives a daemon its configuration
 * after it has made the container, and whoever came in between would start it without. Never throws: the build boots what
 * this could not, and says what is wrong with it.
 */
export async function readyKept(kept: Kept, lane: string, world: KeptWorld): Promise<void> {
  const { node, name } = kept
  try {
    await callEngine(node.socket, 'POST', '/volumes/create', deadline, { Name: useMark(name, Date.now()) })
    const [state, locked] = await Promise.all([stateOf(kept), isLocked(kept)])
    if (state !== 'running' || locked) await bootAlone(kept, lane, world)
    await dropOldMarks(kept)
  } catch (error) {
    world.log.debug(`${node.spec.name}: ${messageOf(error)}`)
  }
}

async function bootAlone(kept: Kept, lane: string, world: KeptWorld): Promise<void> {
  const { buildx, dir, holder, journal } = world
  const { socket, spec } = kept.node
  journal.note({ kind: 'lock', node: spec.name, socket, daemon: kept.name, holder })
  if (!(await lockUnlessRunning(kept, holder))) return
  try {
    const state = await stateOf(kept)
    if (state === 'running') return
    // Whoever made it was killed before it had its configuration.
    if (state === 'created') await callEngine(socket, 'DELETE', `/containers/${containerPrefix}${kept.name}?force=1`, deadline)
    await run(buildx.command, ['inspect', '--bootstrap', lane], { env: runEnv(dir), deadline: patience })
  } finally {
    await releaseLock(socket, kept.name, holder)
  }
}

/** Whether the lock is ours now; false once somebody else has the daemon running. A lock whose holder never comes back is taken over. */
async function lockUnlessRunning(kept: Kept, holder: string): Promise<boolean> {
  const { node, name } = kept
  const end = Date.now() + patience
  while (Date.now() < end) {
    if (await takeLock(node.socket, name, holder)) return true
    if ((await stateOf(kept)) === 'running') return false
    await sleep(300)
  }
  await callEngine(node.socket, 'DELETE', `/volumes/${bootLock(name)}?force=1`, deadline).catch(() => undefined)
  return await takeLock(node.socket, name, holder)
}

/** As the engine names it: `created`, `running`, `exited`, …; undefined where there is none. */
async function stateOf({ node, name }: Kept): Promise<string | undefined> {
  try {
    const found = asRecord(await callEngine(node.socket, 'GET', `/containers/${containerPrefix}${name}/json`, deadline))
    return asText(asRecord(found['State'])['Status'])
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return undefined
    throw error
  }
}

async function isLocked({ node, name }: Kept): Promise<boolean> {
  return (await volumesLike(node, bootLock(name))).includes(bootLock(name))
}

async function dropOldMarks({ node, name }: Kept): Promise<void> {
  const newest = useMark(name, Date.now())
  const old = (await volumesLike(node, `${containerPrefix}${name}_used_`)).filter((mark) => mark < newest)
  await Promise.all(old.map(async (mark) => callEngine(node.socket, 'DELETE', `/volumes/${mark}?force=1`, deadline)))
}

async function volumesLike({ socket }: Node, text: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ name: [text] }))
  const found = asRecord(await callEngine(socket, 'GET', `/volumes?filters=${filters}`, deadline))
  return asList(found['Volumes']).map((volume) => asText(asRecord(volume)['Name']))
}
