import { removePod } from '../buildx/pods.ts'
import { removeProbes } from '../gc/probes.ts'
import { releaseLock } from '../nodes/engine/lock.ts'
import { errorMessage } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { logWait, sleep } from '../lib/time.ts'
import type { Entry, Journal } from '../run/journal.ts'
import type { RunDir } from '../run/run-dir.ts'
import type { Connections } from './reconnect.ts'

/** What the handlers of journal entries share. */
interface UndoContext {
  readonly dir: RunDir
  /** The entries to undo, the latest first. */
  readonly entries: readonly Entry[]
  readonly connections: Connections
  readonly journal: Journal
  readonly log: Log
}

/** Reverts one effect. Idempotent, ends within its deadline and never throws. */
type Handler<Kind extends Entry['kind']> = (entry: EntryOf<Kind>, context: UndoContext) => Promise<void>
type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>

const clusterDeadline = 30_000
/** Milliseconds between creating and starting a container, at most; an engine reports whole seconds. */
const probeAge = 1000

/**
 * How each kind of entry is undone on the nodes. Entries without a handler need none: `booted` and `removed` record
 * progress; processes of a `tunnel` or `forwarder` end with the run directory; `tag` and `manifest` are deleted per
 * repository, since the proof of ownership needs all of them.
 */
const handlers: { readonly [Kind in Entry['kind']]?: Handler<Kind> } = {
  container: undoContainer,
  pod: undoPod,
  boots: undoBoot,
  // Other runs take over a lock whose holder is gone, and garbage collection removes a reservation: no warning.
  lock: async ({ socket, daemon, holder }, { connections }) =>
    await connections.withEngine(socket, (engine) => releaseLock(engine, daemon, holder)).catch(() => undefined),
  reservation: async ({ socket, volume }, { connections }) =>
    await connections.withEngine(socket, (engine) => engine.removeVolume(volume)).catch(() => undefined),
}

/** Undoes every entry of these kinds at the same time. */
export async function undoEntries(kinds: readonly Entry['kind'][], context: UndoContext): Promise<void> {
  const pending = context.entries.filter(({ kind }) => kinds.includes(kind))
  await Promise.all(pending.map((entry) => undoEntry(entry.kind, entry, context)))
}

async function undoEntry<Kind extends Entry['kind']>(
  kind: Kind,
  entry: EntryOf<Kind>,
  context: UndoContext,
): Promise<void> {
  await handlers[kind]?.(entry, context)
}

async function undoContainer(entry: EntryOf<'container'>, context: UndoContext): Promise<void> {
  const { node, socket, container, volume } = entry
  const where = node === 'local' ? 'this runner' : 'that node'
  await removeBuilder(
    { node, name: container, command: `On ${where}, \`docker rm -f ${container} && docker volume rm ${volume}\`` },
    context,
    () => context.connections.withEngine(socket, (engine) => engine.removeBuilder(container, volume)),
  )
}

async function undoPod(pod: EntryOf<'pod'>, context: UndoContext): Promise<void> {
  const { node, name } = pod
  const command = `kubectl delete deployment/${name} configmap/${name}-config --ignore-not-found`
  await removeBuilder({ node, name, command: `In its cluster and namespace, \`${command}\`` }, context, () =>
    removePod(pod, context.dir, clusterDeadline),
  )
}

interface RunBuilder {
  readonly node: string
  /** The container or the pod's Deployment. */
  readonly name: string
  /** Where to run which command, if it cannot be removed. */
  readonly command: string
}

/**
 * Records that it is removed: a post step that is killed later, and run again, then works without the run's SSH keys.
 */
async function removeBuilder(
  { node, name, command }: RunBuilder,
  { journal, log }: UndoContext,
  /** Resolves to whether it removed one: on a node that built nothing, none was created. */
  remove: () => Promise<boolean>,
): Promise<void> {
  try {
    const removed = await logWait(`the removal of ${name} on ${node}`, remove(), log.info)
    journal.note({ kind: 'removed', name })
    if (removed) log.info(`Removed the builder on ${node}.`)
  } catch (error) {
    log.warn(`The builder on ${node} could not be removed: ${errorMessage(error)}. ${command} removes it.`)
  }
}

/** Removes what buildx left if it was ended while it booted a daemon. Garbage collection removes the rest. */
async function undoBoot(entry: EntryOf<'boots'>, context: UndoContext): Promise<void> {
  const { node, socket, container, image } = entry
  const { connections, journal, log } = context
  try {
    // Containers that other runs create are started within this time.
    await sleep(probeAge + 1000)
    const outcomes = await connections.withEngine(socket, (engine) => removeProbes(engine, image, probeAge))
    journal.note({ kind: 'booted', container })
    outcomes.forEach(({ name, error }) => log.debug(`${node}: ${error ?? `removed ${name}, which buildx had left`}`))
  } catch (error) {
    log.debug(`${node}: ${errorMessage(error)}`)
  }
}
