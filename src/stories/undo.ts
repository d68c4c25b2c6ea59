import { logRunnerGarbage } from '../gc/log.ts'
import { errorMessage, formatError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { logWait } from '../lib/time.ts'
import { killProcess, killProcessesIn } from '../lib/processes.ts'
import { hasJournal, openJournal, pendingOnNodes, readJournal } from '../run/journal.ts'
import { removeRunDir } from '../run/owner.ts'
import type { RunDir } from '../run/run-dir.ts'
import { Connections } from './reconnect.ts'
import { undoEntries } from './undo-entries.ts'
import { deleteFoundImages, deleteImages } from './undo-images.ts'
import { undoOnNodes } from './undo-lost.ts'
import type { UndoPorts, UndoRequest } from './undo-ports.ts'

/** Of the ten seconds that GitHub gives a cancelled step. */
const cancelledFor = 5000
const laterRemoval =
  'The next run on these nodes removes the leftovers there; the `cleanup` action removes those in the registry.'
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
    if (await isCutShort(undo(request, ports), signal)) log.warn(`Cleanup was cancelled. ${laterRemoval}`)
  } catch (error) {
    const { headline, body } = formatError(error)
    log.line(body)
    log.warn(`Cleanup did not finish: ${headline}\n${laterRemoval}`)
  } finally {
    await removeOwnDir(dir, log)
  }
  if (!signal.aborted) logRunnerGarbage(await ports.collectRunnerGarbage(), log)
}

async function undo(request: UndoRequest, ports: UndoPorts): Promise<void> {
  const { dir, main } = request
  // First the processes that still create things: in container jobs a cancellation does not reach main, and the buildx
  // of a killed main runs on for a moment.
  await logWait('the build step to end', killProcess(main, mainPatience), ports.log.info)
  await killProcessesIn(dir.path, '--metadata-file')
  if (!hasJournal(dir)) {
    await undoWithoutJournal(request, ports)
    return
  }
  const entries = readJournal(dir, ports.log).reverse()
  const connections = new Connections(entries, ports.authenticate)
  const pending = { dir, connections, entries: pendingOnNodes(entries), journal: openJournal(dir), log: ports.log }
  // Agents and connections are not needed for the registry.
  const leaveNodes = undoEntries(['container', 'pod', 'lock', 'reservation'], pending)
    .then(() => undoEntries(['boots'], pending))
    .then(() => killProcessesIn(dir.path).catch(() => undefined))
  await Promise.all([deleteImages(entries, request, ports), leaveNodes])
}

/**
 * The run directory was emptied or removed, as by a runner that empties its temporary directory between steps; or this
 * step has finished before.
 */
async function undoWithoutJournal(request: UndoRequest, ports: UndoPorts): Promise<void> {
  const { log } = ports
  const lost = `The journal of this run in ${request.dir.path} is lost`
  log.info(`${lost}: the action removes builders and tags with the id of the run.`)
  const found = await Promise.all([undoOnNodes(request, ports), deleteFoundImages(request, ports)])
  if (found.includes(true)) log.warn(`${lost}. ${lostHint}`)
}

const lostHint =
  'Builders and tags with the id of the run are found by their names and removed. Other manifests of the run stay ' +
  'in registries that do not list them; the `cleanup` action and the registry’s garbage collection remove them later.'

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
async function removeOwnDir({ path }: RunDir, log: Log): Promise<void> {
  try {
    await removeRunDir(path)
  } catch (error) {
    log.warn(
      `The run directory ${path} could not be removed: ${errorMessage(error)}. ` +
        'On a self-hosted runner, delete it manually; only the user of the runner can read it.',
    )
  }
}
