import { runAnnotation } from '../run/names.ts'
import type { RunDir } from '../run/run-dir.ts'
import { openJournal, readJournal, type Entry } from '../run/journal.ts'
import { dropVolume, EngineError, removeContainer } from '../nodes/engine/client.ts'
import { startRelay } from '../nodes/ssh/forwarder.ts'
import { removePod } from '../buildx/pods.ts'
import { reconnect } from '../nodes/ssh/tunnel.ts'
import { openPackageRepository, type PackageAccess } from '../packages/open.ts'
import { deleteRunArtifacts } from '../cleanup/run-artifacts.ts'
import {
  artifactsByRepository,
  formatOutcomes,
  type RepositoryArtifacts,
  type OutcomeLines,
} from '../cleanup/run-artifacts-report.ts'
import { releaseLock } from '../nodes/engine/lock.ts'
import { removeOwnProbes } from '../gc/probes.ts'
import { createClientFactory } from '../registry/client-factory.ts'
import { formatRepository } from '../registry/reference.ts'
import type { Log } from '../lib/log.ts'
import { killProcess, killProcessesIn } from '../lib/processes.ts'
import { removeDir } from '../lib/fs.ts'
import { sleep } from '../lib/time.ts'
import { errorMessage } from '../lib/errors.ts'

export interface CleanupRequest {
  readonly dir: RunDir
  /** Main's process, as `identifyProcess` names it; it may still be running. */
  readonly main: string
  readonly tags: 'auto' | 'always' | 'never'
  /** When main began, in milliseconds since the epoch; 0 where that is not known. */
  readonly began: number
  readonly packages: PackageAccess
  /** The run's id and attempt, which its mark begins with. */
  readonly run: { readonly runId: string; readonly runAttempt: number }
  readonly log: Log
  /** Comes when somebody cancels even this: then there is a moment left, and what is on this machine matters most. */
  readonly hurry?: AbortSignal
}

/** Of the ten seconds that GitHub gives a cancelled step. */
const hurriedFor = 5000
const engineDeadline = 15_000
const clusterDeadline = 30_000
const registryDeadline = 60_000
/** The forge's clock and ours, at most. */
const clocksDiffer = 3_600_000
/** A cancelled main ends its builds by itself within this time. */
const mainPatience = 6000

/**
 * Undoes what the journal holds, each entry on its own and as often as asked. Never throws: what could not be undone is
 * said in a warning, with the way out.
 */
export async function cleanUp(request: CleanupRequest): Promise<void> {
  const { dir, log, hurry } = request
  try {
    if (await hurried(undo(request), hurry))
      log.warn(
        'Cancelled before everything was cleaned up: the next run on these nodes removes what is left there, and the `cleanup` action what is left in the registry.',
      )
  } finally {
    await removeTraces(dir, log)
  }
}

async function undo(request: CleanupRequest): Promise<void> {
  const { dir, log } = request
  // Who still makes things comes first: in container jobs a cancel does not reach main, and a killed main leaves its
  // buildx alive for a moment.
  await killProcess(request.main, mainPatience)
  await killProcessesIn(dir.path, '--metadata-file')
  const entries = readJournal(dir).reverse()
  // Agents and connections have done their work by then, and need not wait for the registry.
  const leaveNodes = removeContainers(entries, dir, log)
    .then(async () => await removeCutOff(entries, request))
    .then(async () => await killProcessesIn(dir.path).catch(() => undefined))
  await Promise.all([deleteImages(entries, request), leaveNodes])
}

/** Whether the work had to be left because of the hurry. */
async function hurried(work: Promise<void>, hurry: AbortSignal | undefined): Promise<boolean> {
  const late = new Promise<true>((resolve) => {
    const start = () => void sleep(hurriedFor).then(() => resolve(true))
    if (hurry?.aborted) start()
    else hurry?.addEventListener('abort', start, { once: true })
  })
  return await Promise.race([work.then(() => false), late])
}

/** Agents with their keys, connections, logins: everything of the run on this machine. */
async function removeTraces(dir: RunDir, log: Log): Promise<void> {
  try {
    await killProcessesIn(dir.path)
    removeDir(dir.path)
  } catch (error) {
    log.warn(
      `The run's directory ${dir.path} could not be removed: ${errorMessage(error)}. Remove it by hand; it is private to this user.`,
    )
  }
}

async function removeContainers(entries: readonly Entry[], dir: RunDir, log: Log): Promise<void> {
  const journal = openJournal(dir)
  const removed = new Set(entries.flatMap((entry) => (entry.kind === 'removed' ? [entry.container] : [])))
  const containers = entries
    .filter((entry) => entry.kind === 'container')
    .filter(({ container }) => !removed.has(container))
  const pods = entries.filter((entry) => entry.kind === 'pod').filter(({ name }) => !removed.has(name))
  const locks = entries.filter((entry) => entry.kind === 'lock')
  const seats = entries.filter((entry) => entry.kind === 'seat')
  const removeBuilder = async (
    node: string,
    container: string,
    byHand: string,
    remove: () => Promise<void>,
  ): Promise<void> => {
    try {
      await remove()
      journal.note({ kind: 'removed', container })
      log.info(`Removed the builder on ${node}.`)
    } catch (error) {
      log.warn(`The builder on ${node} could not be removed: ${errorMessage(error)}. ${byHand} removes it.`)
    }
  }
  await Promise.all([
    ...containers.map(
      async ({ node, socket, container, volume }) =>
        await removeBuilder(node, container, `There, \`docker rm -f ${container} && docker volume rm ${volume}\``, () =>
          overTunnel(socket, entries, () => removeContainer(socket, container, volume, engineDeadline)),
        ),
    ),
    ...pods.map(
      async (pod) =>
        await removeBuilder(
          pod.node,
          pod.name,
          `In its cluster and namespace, \`kubectl delete deployment/${pod.name} configmap/${pod.name}-config --ignore-not-found\``,
          () => removePod(pod, dir, clusterDeadline),
        ),
    ),
    // Others wait for a lost lock for a while and then take it, and a lost seat is the reaper's: nobody needs to hear
    // of them.
    ...locks.map(
      async ({ socket, daemon, holder }) =>
        await overTunnel(socket, entries, () => releaseLock(socket, daemon, holder)).catch(() => undefined),
    ),
    ...seats.map(
      async ({ socket, volume }) =>
        await overTunnel(socket, entries, () => dropVolume(socket, volume, engineDeadline)).catch(() => undefined),
    ),
  ])
}

/** What buildx left where it was ended while it booted a daemon. The reaper comes for what stays. */
async function removeCutOff(entries: readonly Entry[], { dir, began, log }: CleanupRequest): Promise<void> {
  const journal = openJournal(dir)
  const booted = new Set(entries.flatMap((entry) => (entry.kind === 'booted' ? [entry.container] : [])))
  const cutOff = entries.filter((entry) => entry.kind === 'boots').filter(({ container }) => !booted.has(container))
  const remove = async ({ node, socket, container, image }: (typeof cutOff)[number]): Promise<void> => {
    const outcomes = await overTunnel(socket, entries, () =>
      removeOwnProbes(socket, { image, began, deadline: engineDeadline }),
    )
    journal.note({ kind: 'booted', container })
    outcomes.forEach(({ name, error }) => log.debug(`${node}: ${error ?? `removed ${name}, which buildx had left`}`))
  }
  await Promise.all(
    cutOff.map(
      async (entry) =>
        await remove(entry).catch((error: unknown) => log.debug(`${entry.node}: ${errorMessage(error)}`)),
    ),
  )
}

/** What an engine is asked for, over the connection that is there or another like it. */
async function overTunnel<T>(socket: string, entries: readonly Entry[], ask: () => Promise<T>): Promise<T> {
  return await ask().catch(async (first: unknown) => {
    const tunnels = entries.filter((entry) => entry.kind === 'tunnel' || entry.kind === 'relay')
    const tunnel = tunnels.find(({ local }) => local === socket)
    // An engine that answered, if only with an error, would answer no better over another connection.
    if (!tunnel || !(first instanceof EngineError && first.status === 0)) throw first
    const under =
      tunnel.kind === 'relay'
        ? tunnels.findLast(({ kind, config }) => kind === 'tunnel' && config === tunnel.config)
        : tunnel
    if (under) await reconnect(under)
    if (tunnel.kind === 'relay') await startRelay(tunnel)
    return await ask()
  })
}

/** The images that were made for this run alone, and what no image of its needs. */
async function deleteImages(
  entries: readonly Entry[],
  { dir, tags, began, packages, run, log }: CleanupRequest,
): Promise<void> {
  const nonce = runAnnotation(run, dir.key)
  const signal = AbortSignal.timeout(registryDeadline)
  const until = packages.clock.now() + registryDeadline
  const clientOf = createClientFactory(packages.registries, signal)
  const remove = async (own: RepositoryArtifacts): Promise<OutcomeLines> => {
    const { repository } = own
    const name = formatRepository(repository)
    try {
      const client = await clientOf(repository)
      return formatOutcomes(
        name,
        await deleteRunArtifacts(
          await openPackageRepository(packages, {
            repository,
            client,
            until,
            mark: nonce,
            since: new Date(began - clocksDiffer),
            signal,
          }),
          own,
        ),
      )
    } catch (error) {
      return { deleted: [], kept: [`Kept ${name}: ${errorMessage(error)}`] }
    }
  }
  const told = await Promise.all(artifactsByRepository([...entries].reverse(), tags, nonce).map(remove))
  told.forEach(({ deleted }) => deleted.forEach((tag) => log.info(`Deleted ${tag}.`)))
  const kept = told.flatMap((one) => one.kept)
  if (kept.length > 0) log.warn(kept.join('\n'))
}
