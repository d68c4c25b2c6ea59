import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { removeDir, tryList, tryRead, writePrivate } from '../lib/files.ts'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { findStrayProcesses, killProcessesIn, processIdentity } from '../lib/processes.ts'
import { RunDir } from './run-dir.ts'

/** The run that owns a run directory, so that a later run on this machine can see whether it still needs it. */
export interface RunDirOwner {
  readonly scope: string
  readonly runId: string
  readonly runAttempt: number
  /** Host name and boot id of this machine; empty if unknown. */
  readonly boot: string
  /** The process namespace: in another one, process ids mean other processes. Empty if unknown. */
  readonly pids: string
  /** The step's process; empty if unknown. */
  readonly main: string
  /** The runner's process, which does not end before the job; empty if unknown. */
  readonly runner: string
}

type OwningRun = Pick<RunDirOwner, 'scope' | 'runId' | 'runAttempt'>

interface FoundRunDir {
  readonly path: string
  /** Milliseconds since it was created. */
  readonly age: number
  /** Undefined if the run was killed before it wrote it. */
  readonly owner: RunDirOwner | undefined
  readonly runner: RunnerState
}

/** `working`: the step still runs; `gone`: the runner has certainly ended; `unknown`, for example in a container. */
type RunnerState = 'working' | 'running' | 'gone' | 'unknown'

/** Processes that last as long as the job or longer: of GitHub, act, Gitea and Forgejo. */
const runners = ['Runner.Worker', 'act', 'act_runner', 'gitea-runner', 'forgejo-runner']

export async function describeOwner({ scope, runId, runAttempt }: OwningRun): Promise<RunDirOwner> {
  const [main, runner] = await Promise.all([
    processIdentity(process.pid),
    isRunner(process.ppid) ? processIdentity(process.ppid) : '',
  ])
  return { scope, runId, runAttempt, boot: bootId(), pids: pidNamespace(), main, runner }
}

/** Any other parent may be a wrapper around `node`, which ends with the step. */
function isRunner(pid: number): boolean {
  return runners.includes(tryRead(`/proc/${pid}/comm`).trim())
}

export function writeOwner(dir: RunDir, owner: RunDirOwner): void {
  writePrivate(dir.owner, JSON.stringify(owner))
}

/** The run directories of this user in `parents`, without `self`. */
export async function findRunDirs(self: RunDir, parents: readonly string[]): Promise<FoundRunDir[]> {
  const paths = parents.flatMap((parent) =>
    tryList(parent)
      .filter((name) => RunDir.isName(name))
      .map((name) => join(parent, name)),
  )
  const found = await Promise.all(paths.filter((path) => path !== self.path).map(inspectRunDir))
  return found.flatMap((dir) => dir ?? [])
}

async function inspectRunDir(path: string): Promise<FoundRunDir | undefined> {
  try {
    const stats = lstatSync(path)
    if (stats.uid !== process.getuid?.() || !stats.isDirectory()) return undefined
    const owner = readOwner(new RunDir(path).owner)
    const runner = owner ? await findRunnerState(owner) : 'unknown'
    return { path, owner, runner, age: Date.now() - Math.max(stats.mtimeMs, stats.birthtimeMs) }
  } catch {
    // Another run removed it in the meantime.
    return undefined
  }
}

/** @returns undefined if the file does not exist, or is incomplete */
export function readOwner(path: string): RunDirOwner | undefined {
  const parsed = asRecord(tryParseJson(tryRead(path)))
  const text = (name: string) => asText(parsed[name])
  const runAttempt = Number(parsed['runAttempt'])
  if (text('scope') === '' || text('runId') === '' || !Number.isInteger(runAttempt)) return undefined
  return {
    scope: text('scope'),
    runId: text('runId'),
    runAttempt,
    boot: text('boot'),
    pids: text('pids'),
    main: text('main'),
    runner: text('runner'),
  }
}

async function findRunnerState({ boot, pids, main, runner }: RunDirOwner): Promise<RunnerState> {
  const [host] = boot.split(' ')
  if (boot === '' || host !== hostname()) return 'unknown'
  if (boot !== bootId()) return 'gone'
  if (pids === '' || pids !== pidNamespace() || runner === '' || main === '') return 'unknown'
  if (await isRunning(main)) return 'working'
  return (await isRunning(runner)) ? 'running' : 'gone'
}

/** Whether the process that described itself has certainly ended, on this machine. */
export async function hasEnded({ boot, pids, main }: RunDirOwner): Promise<boolean> {
  const [host] = boot.split(' ')
  const isHere = boot === '' ? process.platform !== 'linux' : host === hostname()
  if (!isHere || boot !== bootId()) return isHere
  return pids !== '' && pids === pidNamespace() && main !== '' && !(await isRunning(main))
}

async function isRunning(identity: string): Promise<boolean> {
  return (await processIdentity(Number.parseInt(identity, 10))) === identity
}

/** Ends the processes of a finished run on this machine, and removes its directory with keys and logins. */
export async function removeRunDir(path: string): Promise<void> {
  await killProcessesIn(path)
  removeOwnerLast(path)
}

/**
 * Removes a run directory with everything in it, if it exists. The file with its owner goes last: if the removal is cut
 * off, a later run still knows whose directory it is, and removes the rest.
 */
export function removeOwnerLast(path: string, remove = removeDir): void {
  const { owner } = new RunDir(path)
  // What a link leads to stays.
  const names = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? tryList(path) : []
  for (const each of names.map((name) => join(path, name))) if (each !== owner) remove(each)
  remove(path)
}

/**
 * Ends agents and connections whose run directory does not exist any more, as after a runner has emptied its
 * directories.
 *
 * @returns of how many directories
 */
export async function endStrays(self: RunDir): Promise<number> {
  const dirs = new Set(findStrayProcesses().map(({ dir }) => dir))
  const missing = [...dirs].filter((dir) => dir !== self.path && isMissing(dir))
  for (const dir of missing) await killProcessesIn(dir)
  return missing.length
}

/** Whether the directory was removed, and is not only invisible: its parent can be listed. */
function isMissing(dir: string): boolean {
  try {
    return !readdirSync(dirname(dir)).includes(basename(dir))
  } catch {
    return false
  }
}

function bootId(): string {
  const id = tryRead('/proc/sys/kernel/random/boot_id').trim()
  return id === '' ? '' : `${hostname()} ${id}`
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return process.platform === 'linux' ? '' : process.platform
  }
}
