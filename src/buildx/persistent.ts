import { errorMessage } from '../lib/errors.ts'
import { exec } from '../lib/exec.ts'
import { asRecord, asText } from '../lib/json.ts'
import type { Log } from '../lib/log.ts'
import { logWait, sleep } from '../lib/time.ts'
import { EngineClient } from '../nodes/engine/client.ts'
import { releaseLock, takeLock } from '../nodes/engine/lock.ts'
import type { PersistentBuilder } from '../nodes/persistent.ts'
import type { Journal } from '../run/journal.ts'
import { lockVolume, containerPrefix, usageVolume } from '../run/names.ts'
import type { RunDir } from '../run/run-dir.ts'
import { runEnv, type Buildx } from './find.ts'

/** If another run boots the daemon, it may have to pull its image. */
const bootDeadline = 90_000

interface DaemonDeps {
  readonly buildx: Buildx
  readonly dir: RunDir
  readonly journal: Journal
  /** Names this run to other runs that want the lock. */
  readonly holder: string
  readonly log: Pick<Log, 'debug' | 'info'>
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
    await new EngineClient(node.socket).createVolume(usageVolume(name, Date.now()))
    const [state, locked] = await Promise.all([containerState(daemon), isLocked(daemon)])
    if (state !== 'running' || locked)
      await logWait(
        `the builder ${name} to start on ${node.spec.name}`,
        bootLocked(daemon, instance, deps),
        deps.log.info,
      )
  } catch (error) {
    deps.log.debug(`${node.spec.name}: ${errorMessage(error)}`)
  }
}

async function bootLocked(daemon: PersistentBuilder, instance: string, deps: DaemonDeps): Promise<void> {
  const { buildx, dir, holder, journal } = deps
  const { socket, spec } = daemon.node
  const engine = new EngineClient(socket)
  journal.note({ kind: 'lock', node: spec.name, socket, daemon: daemon.name, holder })
  const noteReleased = () => journal.note({ kind: 'removed', name: lockVolume(daemon.name) })
  if (!(await lockUnlessRunning(daemon, holder))) {
    noteReleased()
    return
  }
  try {
    const state = await containerState(daemon)
    if (state === 'running') return
    // The run that created it was killed before it had copied the configuration.
    if (state === 'created') await engine.removeContainer(`${containerPrefix}${daemon.name}`)
    await exec(buildx.command, ['inspect', '--bootstrap', instance], { env: runEnv(dir), deadline: bootDeadline })
  } finally {
    await releaseLock(engine, daemon.name, holder)
    noteReleased()
  }
}

/**
 * Takes the lock, or resolves with `false` once another run has the daemon running. A lock that its
 * holder does not release in time is taken over.
 */
async function lockUnlessRunning(daemon: PersistentBuilder, holder: string): Promise<boolean> {
  const { node, name } = daemon
  const engine = new EngineClient(node.socket)
  const end = Date.now() + bootDeadline
  while (Date.now() < end) {
    if (await takeLock(engine, name, holder)) return true
    if ((await containerState(daemon)) === 'running') return false
    await sleep(300)
  }
  await engine.removeVolume(lockVolume(name)).catch(() => undefined)
  return await takeLock(engine, name, holder)
}

/** The state by its name in the engine's API (`created`, `running`, `exited`); undefined if there is no container. */
async function containerState({ node, name }: PersistentBuilder): Promise<string | undefined> {
  const container = await new EngineClient(node.socket).inspectContainer(`${containerPrefix}${name}`)
  return container && asText(asRecord(container['State'])['Status'])
}

async function isLocked({ node, name }: PersistentBuilder): Promise<boolean> {
  return (await new EngineClient(node.socket).inspectVolume(lockVolume(name))) !== undefined
}

/**
 * Removes the records of the days before the last use; no build has to wait for it. Never throws: the next run tries
 * again.
 */
export async function removeOldMarkers({ node, name }: PersistentBuilder, log: DaemonDeps['log']): Promise<void> {
  try {
    const engine = new EngineClient(node.socket)
    const markers = (await engine.listVolumes(`${containerPrefix}${name}_used_`)).map((volume) => volume.name).sort()
    await Promise.all(markers.slice(0, -1).map((marker) => engine.removeVolume(marker)))
  } catch (error) {
    log.debug(`${node.spec.name}: ${errorMessage(error)}`)
  }
}
