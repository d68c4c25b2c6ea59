import { errorMessage } from '../lib/errors.ts'
import { exec } from '../lib/exec.ts'
import { asList, asRecord, asText } from '../lib/json.ts'
import type { Log } from '../lib/log.ts'
import { sleep } from '../lib/time.ts'
import { callEngine, EngineError } from '../nodes/engine/client.ts'
import { releaseLock, takeLock } from '../nodes/engine/lock.ts'
import type { Node } from '../nodes/node.ts'
import type { PersistentBuilder } from '../nodes/persistent.ts'
import type { Journal } from '../run/journal.ts'
import { lockVolume, containerPrefix, usageVolume, usageVolumePrefix } from '../run/names.ts'
import type { RunDir } from '../run/run-dir.ts'
import { runEnv, type Buildx } from './find.ts'

const deadline = 15_000
/** If another run boots the daemon, it may have to pull its image. */
const bootDeadline = 90_000

interface DaemonDeps {
  readonly buildx: Buildx
  readonly dir: RunDir
  readonly journal: Journal
  /** Names this run to other runs that want the lock. */
  readonly holder: string
  readonly log: Pick<Log, 'debug'>
}

/**
 * Records that a persistent builder is in use, and boots its daemon if it is not running. Only one run boots it: buildx
 * copies the configuration into the container after it has created it, and another run would start it without. Never
 * throws: the build boots what this could not, and reports why it fails.
 *
 * @param instance the builder instance of the daemon
 */
export async function ensureDaemon(daemon: PersistentBuilder, instance: string, deps: DaemonDeps): Promise<void> {
  const { node, name } = daemon
  try {
    await callEngine(node.socket, 'POST', '/volumes/create', deadline, { Name: usageVolume(name, Date.now()) })
    const [state, locked] = await Promise.all([containerState(daemon), isLocked(daemon)])
    if (state !== 'running' || locked) await lockVolumeed(daemon, instance, deps)
    await removeOldMarkers(daemon)
  } catch (error) {
    deps.log.debug(`${node.spec.name}: ${errorMessage(error)}`)
  }
}

async function lockVolumeed(daemon: PersistentBuilder, instance: string, deps: DaemonDeps): Promise<void> {
  const { buildx, dir, holder, journal } = deps
  const { socket, spec } = daemon.node
  journal.note({ kind: 'lock', node: spec.name, socket, daemon: daemon.name, holder })
  if (!(await lockUnlessRunning(daemon, holder))) return
  try {
    const state = await containerState(daemon)
    if (state === 'running') return
    // The run that created it was killed before it had copied the configuration.
    if (state === 'created')
      await callEngine(socket, 'DELETE', `/containers/${containerPrefix}${daemon.name}?force=1`, deadline)
    await exec(buildx.command, ['inspect', '--bootstrap', instance], { env: runEnv(dir), deadline: bootDeadline })
  } finally {
    await releaseLock(socket, daemon.name, holder)
  }
}

/**
 * Takes the lock, or resolves with `false` once another run has the daemon running. A lock that its
 * holder does not release in time is taken over.
 */
async function lockUnlessRunning(daemon: PersistentBuilder, holder: string): Promise<boolean> {
  const { node, name } = daemon
  const end = Date.now() + bootDeadline
  while (Date.now() < end) {
    if (await takeLock(node.socket, name, holder)) return true
    if ((await containerState(daemon)) === 'running') return false
    await sleep(300)
  }
  await callEngine(node.socket, 'DELETE', `/volumes/${lockVolume(name)}?force=1`, deadline).catch(() => undefined)
  return await takeLock(node.socket, name, holder)
}

/** The state by its name in the engine's API (`created`, `running`, `exited`); undefined if there is no container. */
async function containerState({ node, name }: PersistentBuilder): Promise<string | undefined> {
  try {
    const path = `/containers/${containerPrefix}${name}/json`
    const container = asRecord(await callEngine(node.socket, 'GET', path, deadline))
    return asText(asRecord(container['State'])['Status'])
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return undefined
    throw error
  }
}

async function isLocked({ node, name }: PersistentBuilder): Promise<boolean> {
  return (await listVolumes(node, lockVolume(name))).includes(lockVolume(name))
}

async function removeOldMarkers({ node, name }: PersistentBuilder): Promise<void> {
  const newest = usageVolume(name, Date.now())
  const old = (await listVolumes(node, usageVolumePrefix(name))).filter((marker) => marker < newest)
  await Promise.all(old.map((marker) => callEngine(node.socket, 'DELETE', `/volumes/${marker}?force=1`, deadline)))
}

/** The volumes whose names contain a text. */
async function listVolumes({ socket }: Node, text: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ name: [text] }))
  const list = asRecord(await callEngine(socket, 'GET', `/volumes?filters=${filters}`, deadline))
  return asList(list['Volumes']).map((volume) => asText(asRecord(volume)['Name']))
}
