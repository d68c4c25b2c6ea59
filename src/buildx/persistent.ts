import { asList, asRecord, asText } from '../lib/json.ts'
import { releaseLock, takeLock } from '../nodes/engine/lock.ts'
import type { Journal } from '../run/journal.ts'
import { bootLock, containerPrefix, useMark } from '../run/names.ts'
import { runEnv, type Buildx } from './find.ts'
import { run } from '../lib/exec.ts'
import type { Log } from '../lib/log.ts'
import { sleep } from '../lib/time.ts'
import { callEngine, EngineError } from '../nodes/engine/client.ts'
import type { Node } from '../nodes/node.ts'
import { errorMessage } from '../lib/errors.ts'
import type { Kept } from '../nodes/persistent.ts'
import type { RunDir } from '../run/run-dir.ts'

const deadline = 15_000
/** Where another run boots the daemon, its image may have to be pulled. */
const patience = 90_000

interface KeptWorld {
  readonly buildx: Buildx
  readonly dir: RunDir
  readonly journal: Journal
  /** Names this run to others who want the lock. */
  readonly holder: string
  readonly log: Pick<Log, 'debug'>
}

/**
 * Marks the daemon as used, and boots it if it does not run: one run alone, since buildx gives a daemon its
 * configuration after it has made the container, and whoever came in between would start it without. Never throws: the
 * build boots what this could not, and says what is wrong with it.
 */
export async function readyKept(kept: Kept, lane: string, world: KeptWorld): Promise<void> {
  const { node, name } = kept
  try {
    await callEngine(node.socket, 'POST', '/volumes/create', deadline, { Name: useMark(name, Date.now()) })
    const [state, locked] = await Promise.all([stateOf(kept), isLocked(kept)])
    if (state !== 'running' || locked) await bootAlone(kept, lane, world)
    await dropOldMarks(kept)
  } catch (error) {
    world.log.debug(`${node.spec.name}: ${errorMessage(error)}`)
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
    if (state === 'created')
      await callEngine(socket, 'DELETE', `/containers/${containerPrefix}${kept.name}?force=1`, deadline)
    await run(buildx.command, ['inspect', '--bootstrap', lane], { env: runEnv(dir), deadline: patience })
  } finally {
    await releaseLock(socket, kept.name, holder)
  }
}

/**
 * Whether the lock is ours now; false once somebody else has the daemon running. A lock whose holder never comes back
 * is taken over.
 */
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
