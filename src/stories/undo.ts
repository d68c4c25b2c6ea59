import { deleteRunArtifacts } from '../cleanup/run-image-cleanup.ts'
import {
  artifactsByRepository,
  formatOutcomes,
  type OutcomeLines,
  type RepositoryArtifacts,
} from '../cleanup/run-artifacts.ts'
import type { RunnerGarbage } from '../gc/log.ts'
import { logRunnerGarbage } from '../gc/log.ts'
import { errorMessage, formatError } from '../lib/errors.ts'
import { removeDir } from '../lib/files.ts'
import type { Log } from '../lib/log.ts'
import { killProcess, killProcessesIn } from '../lib/processes.ts'
import type { PackageAccess } from '../packages/backend.ts'
import { openPackageRepository } from '../packages/select.ts'
import { createClientFactory } from '../registry/client-factory.ts'
import { formatRepository } from '../registry/reference.ts'
import type { Event } from '../forge/event.ts'
import { openJournal, pendingOnNodes, readJournal, type Entry } from '../run/journal.ts'
import { runAnnotation } from '../run/names.ts'
import type { RunDir } from '../run/run-dir.ts'
import { Connections } from './reconnect.ts'
import { undoEntries } from './undo-entries.ts'

/** The run to undo, as its main step saved it. */
export interface UndoRequest {
  readonly dir: RunDir
  /** Main's process, as `processIdentity` names it; it may still be running. */
  readonly main: string
  /** Which tags to delete. */
  readonly tags: 'auto' | 'always' | 'never'
  /** When main started, in milliseconds since the epoch; 0 if unknown. */
  readonly began: number
  readonly event: Pick<Event, 'runId' | 'runAttempt'>
}

/** What undoing a run needs from the job. */
export interface UndoPorts {
  /** Logs in again, since main has removed its logins. */
  readonly openPackages: () => Promise<PackageAccess>
  /** Makes the SSH keys available again, since main has ended its agent. */
  readonly authenticate: () => Promise<void>
  /** Removes what finished runs left on this runner. */
  readonly collectRunnerGarbage: () => Promise<RunnerGarbage>
  readonly log: Log
  /** Aborts when the post step itself is cancelled; a few seconds are left then. */
  readonly signal: AbortSignal
}

/** Of the ten seconds that GitHub gives a cancelled step. */
const cancelledFor = 5000
const registryDeadline = 60_000
/** The most by which the clocks of the CI platform and of this machine may differ. */
const clockSkew = 3_600_000
/** A cancelled main ends its builds by itself within this time. */
const mainPatience = 6000

/**
 * The post step: undoes what the journal records, each entry on its own, and removes every trace of the run from this
 * machine, then leftovers of finished runs. May be run again. Never throws: what could not be undone is a warning that
 * says how to remove it.
 */
export async function undoRun(request: UndoRequest, ports: UndoPorts): Promise<void> {
  const { dir } = request
  const { log, signal } = ports
  try {
    if (await isCutShort(undo(request, ports), signal))
      log.warn(
        'Cleanup was cancelled. Leftovers on nodes are removed by the next run there; ' +
          'leftovers in the registry by the `cleanup` action.',
      )
  } catch (error) {
    const { headline, body } = formatError(error)
    log.line(body)
    log.warn(`Cleanup did not finish: ${headline}`)
  } finally {
    await removeRunDir(dir, log)
  }
  if (!signal.aborted) logRunnerGarbage(await ports.collectRunnerGarbage(), log)
}

async function undo(request: UndoRequest, ports: UndoPorts): Promise<void> {
  const { dir, main } = request
  // First the processes that still create things: in container jobs a cancellation does not reach main, and the buildx
  // of a killed main runs on for a moment.
  await killProcess(main, mainPatience)
  await killProcessesIn(dir.path, '--metadata-file')
  const entries = readJournal(dir, ports.log).reverse()
  const connections = new Connections(entries, ports.authenticate)
  const pending = { dir, connections, entries: pendingOnNodes(entries), journal: openJournal(dir), log: ports.log }
  // Agents and connections are not needed for the registry.
  const leaveNodes = undoEntries(['container', 'pod', 'lock', 'reservation'], pending)
    .then(() => undoEntries(['boots'], pending))
    .then(() => killProcessesIn(dir.path).catch(() => undefined))
  await Promise.all([deleteImages(entries, request, ports), leaveNodes])
}

/** Whether the work did not end in the time that a cancelled step has. */
async function isCutShort(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<true>((resolve) => {
    const start = () => (timer = setTimeout(() => resolve(true), cancelledFor))
    if (signal.aborted) start()
    else signal.addEventListener('abort', start, { once: true })
  })
  return await Promise.race([work.then(() => false), late]).finally(() => clearTimeout(timer))
}

/** Ends agents and connections, and removes keys and logins with the directory. */
async function removeRunDir({ path }: RunDir, log: Log): Promise<void> {
  try {
    await killProcessesIn(path)
    removeDir(path)
  } catch (error) {
    log.warn(
      `The run directory ${path} could not be removed: ${errorMessage(error)}. ` +
        'Remove it by hand; only this user can read it.',
    )
  }
}

/** Deletes the images that were pushed for this run alone, and the manifests that no image of the run needs. */
async function deleteImages(entries: readonly Entry[], request: UndoRequest, ports: UndoPorts): Promise<void> {
  const { dir, tags, event } = request
  const artifacts = artifactsByRepository([...entries].reverse(), tags, runAnnotation(event, dir.key))
  if (artifacts.length === 0) return
  const access = { packages: ports.openPackages(), log: ports.log }
  const outcomes = await Promise.all(artifacts.map((own) => deleteFrom(own, request, access)))
  outcomes.forEach(({ deleted }) => deleted.forEach((tag) => ports.log.info(`Deleted ${tag}.`)))
  const kept = outcomes.flatMap((outcome) => outcome.kept)
  if (kept.length > 0) ports.log.warn(kept.join('\n'))
}

async function deleteFrom(
  own: RepositoryArtifacts,
  { dir, began, event }: UndoRequest,
  access: { readonly packages: Promise<PackageAccess>; readonly log: Pick<Log, 'info'> },
): Promise<OutcomeLines> {
  const { repository } = own
  const name = formatRepository(repository)
  const signal = AbortSignal.timeout(registryDeadline)
  try {
    const packages = await access.packages
    const client = await createClientFactory(packages.registries, signal)(repository)
    const opened = await openPackageRepository(packages, {
      repository,
      client,
      until: packages.clock.now() + registryDeadline,
      mark: runAnnotation(event, dir.key),
      since: new Date(began - clockSkew),
      signal,
    })
    const onDeleted = (digest: string) => access.log.info(`Deleted ${name}@${digest}.`)
    return formatOutcomes(name, await deleteRunArtifacts(opened, own, onDeleted))
  } catch (error) {
    return { deleted: [], kept: [`Kept ${name}: ${errorMessage(error)}. The \`cleanup\` action removes it later.`] }
  }
}
