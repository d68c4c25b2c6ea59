import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { removeDir, writePrivate } from '../lib/fs.ts'
import { killProcessesIn, findStrayProcesses, processIdentity } from '../lib/processes.ts'
import { RunDir } from './run-dir.ts'
import { tryRead } from '../lib/files.ts';

/** What a run's directory tells of the run, so that a later run on this machine can see whether it still needs it. */
export interface DirOwner {
  readonly scope: string
  readonly runId: string
  readonly runAttempt: number
  /** This boot of this machine; empty where nobody tells. */
  readonly boot: string
  /** Where process ids mean the same. */
  readonly pids: string
  /** The step's process. Empty where nobody tells. */
  readonly main: string
  /** What runs the job and does not end before it; empty where that is not known for certain. */
  readonly runner: string
}

type RunOf = Pick<DirOwner, 'scope' | 'runId' | 'runAttempt'>

interface OwnedDir {
  readonly path: string
  /** Milliseconds since it was made. */
  readonly age: number
  /** Undefined where a run was killed before it could write it. */
  readonly owner: DirOwner | undefined
  /**
   * `working` while its step runs; `gone` if what ran the job certainly is; `unknown` in another container, or where
   * nobody tells.
   */
  readonly runner: 'working' | 'gone' | 'alive' | 'unknown'
}

export async function describeOwner(run: RunOf): Promise<DirOwner> {
  const [main, runner] = await Promise.all([
    processIdentity(process.pid),
    isRunner(process.ppid) ? processIdentity(process.ppid) : '',
  ])
  const { scope, runId, runAttempt } = run
  return { scope, runId, runAttempt, boot: readBoot(), pids: readPids(), main, runner }
}

/**
 * A wrapper around `node` ends with the step; these last as long as the job, or longer: of GitHub, act, Gitea and
 * Forgejo.
 */
function isRunner(pid: number): boolean {
  return ['Runner.Worker', 'act', 'act_runner', 'gitea-runner', 'forgejo-runner'].includes(
    tryRead(`/proc/${pid}/comm`).trim(),
  )
}

export function writeOwner(dir: RunDir, owner: DirOwner): void {
  writePrivate(dir.owner, JSON.stringify(owner))
}

/** The run directories of this user in `parents`, without `self`. */
export async function findRunDirs(self: RunDir, parents: readonly string[]): Promise<OwnedDir[]> {
  const paths = parents.flatMap((parent) =>
    tryList(parent)
      .filter(RunDir.isName)
      .map((name) => join(parent, name)),
  )
  const found = await Promise.all(paths.filter((path) => path !== self.path).map(readDir))
  return found.flatMap((one) => one ?? [])
}

async function readDir(path: string): Promise<OwnedDir | undefined> {
  try {
    const stats = lstatSync(path)
    if (stats.uid !== process.getuid?.() || !stats.isDirectory()) return undefined
    const owner = readOwnerFile(new RunDir(path))
    const runner = owner ? await judgeRunner(owner) : 'unknown'
    return { path, owner, runner, age: Date.now() - Math.max(stats.mtimeMs, stats.birthtimeMs) }
  } catch {
    return undefined
  }
}

function readOwnerFile(dir: RunDir): DirOwner | undefined {
  const read = asRecord(tryParseJson(tryRead(dir.owner)))
  const text = (name: string) => asText(read[name])
  const runAttempt = Number(read['runAttempt'])
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

async function judgeRunner({ boot, pids, main, runner }: DirOwner): Promise<OwnedDir['runner']> {
  const [host] = boot.split(' ')
  if (boot === '' || host !== hostname()) return 'unknown'
  if (boot !== readBoot()) return 'gone'
  if (pids === '' || pids !== readPids() || runner === '' || main === '') return 'unknown'
  if (await isStill(main)) return 'working'
  return (await isStill(runner)) ? 'alive' : 'gone'
}

async function isStill(identity: string): Promise<boolean> {
  return (await processIdentity(Number.parseInt(identity, 10))) === identity
}

/** Ends what a dead run left running here, and removes its directory with its keys and logins. */
export async function removePrivateDir(path: string): Promise<void> {
  await killProcessesIn(path)
  removeDir(path)
}

/**
 * Ends agents and connections of ours whose directory is gone: a runner that empties its directories leaves them
 * behind.
 */
export async function endStrays({ path: own }: RunDir): Promise<number> {
  const strays = findStrayProcesses()
  const dirs = new Set(strays.map(({ dir }) => dir).filter((dir) => dir !== own && isMissing(dir)))
  for (const dir of dirs) await killProcessesIn(dir)
  return dirs.size
}

/** Missing here, and not merely out of sight: its parent is a directory of this machine that we can read. */
function isMissing(dir: string): boolean {
  try {
    return !readdirSync(dirname(dir)).includes(basename(dir))
  } catch {
    return false
  }
}

function readBoot(): string {
  const id = tryRead('/proc/sys/kernel/random/boot_id').trim()
  return id === '' ? '' : `${hostname()} ${id}`
}

function readPids(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return process.platform === 'linux' ? '' : process.platform
  }
}

function tryList(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}
