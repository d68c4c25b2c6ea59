import { readdirSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { execTool, minimalEnv } from './exec.ts'
import { sleep } from './time.ts'
import { tryRead } from './files.ts'

/** The programs of processes that may outlive a step; `node` is the forwarder. */
const programs = new Set(['node', 'ssh', 'ssh-agent', 'buildx', 'docker-buildx', 'cosign'])

/**
 * Ends the processes of this action that have a path in `dir` in their command line: agents and tunnels, also those
 * that a killed run started but could not record. An id alone proves nothing, since ids are reused; a command line only
 * counts for the own user and the programs above. With `text`, only those that have it in their command line as well.
 */
export async function killProcessesIn(dir: string, text = ''): Promise<void> {
  const pids = await findProcesses(dir, text)
  if (pids.length === 0) return
  for (const pid of pids) trySignal(pid, 'SIGTERM')
  await waitForEnd(pids, 1000)
  for (const pid of await findProcesses(dir, text)) trySignal(pid, 'SIGKILL')
}

/** Identifies a process: its id, which will be reused, and its start time; empty if the start time is unknown. */
export async function processIdentity(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    // Field 22, counted from the end of the program's name, which may contain anything (proc_pid_stat(5)).
    const started = tryRead(`/proc/${pid}/stat`).split(') ').pop()?.split(' ')[19]
    return started === undefined ? '' : `${pid}:${started}`
  }
  const { code, stdout } = await execTool('ps', ['-o', 'lstart=', '-p', String(pid)], { env: minimalEnv() })
  return code === 0 ? `${pid}:${stdout.trim()}` : ''
}

/** Ends a process if it still is the one that was identified: with SIGTERM, and after `patience` ms with SIGKILL. */
export async function killProcess(identity: string, patience: number): Promise<void> {
  const pid = Number.parseInt(identity, 10)
  if (!(pid > 0) || (await processIdentity(pid)) !== identity) return
  trySignal(pid, 'SIGTERM')
  await waitForEnd([pid], patience)
  if ((await processIdentity(pid)) === identity) trySignal(pid, 'SIGKILL')
  await waitForEnd([pid], 1000)
}

async function waitForEnd(pids: readonly number[], patience: number): Promise<void> {
  for (let waited = 0; waited < patience && pids.some(isRunning); waited += 20) await sleep(20)
}

async function findProcesses(dir: string, text: string): Promise<number[]> {
  const rows = process.platform === 'linux' ? readCommandLines() : await listProcesses()
  return rows
    .filter(({ pid, line }) => pid !== process.pid && line.includes(`${dir}/`) && line.includes(text))
    .map(({ pid }) => pid)
}

interface Stray {
  readonly pid: number
  /** The private directory in its command line. */
  readonly dir: string
}

/**
 * The agents, connections and builds of this action, with the directories in their command lines: only processes that
 * see the same files as this one.
 */
export function findStrayProcesses(): readonly Stray[] {
  if (process.platform !== 'linux') return []
  return readCommandLines().flatMap(({ pid, line }) => {
    const dir = /(\/[\w.+@/-]*\/mab-[0-9a-f]{10})\//.exec(line)?.[1]
    return dir !== undefined && pid !== process.pid && hasSameFiles(pid) ? [{ pid, dir }] : []
  })
}

/**
 * A container's processes are visible on its host, where their paths are those of other files. An agent hides its
 * namespaces, but not its control group.
 */
function hasSameFiles(pid: number): boolean {
  const nested = (/^NSpid:\s+(.*)$/m.exec(tryRead(`/proc/${pid}/status`))?.[1] ?? '').trim().split(/\s+/).length > 1
  if (nested) return false
  const mounts = tryReadLink(`/proc/${pid}/ns/mnt`)
  return mounts === ''
    ? tryRead(`/proc/${pid}/cgroup`) === tryRead('/proc/self/cgroup')
    : mounts === tryReadLink('/proc/self/ns/mnt')
}

function tryReadLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

interface Row {
  readonly pid: number
  readonly line: string
}

function readCommandLines(): Row[] {
  const rows = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), line: tryRead(`/proc/${name}/cmdline`) }))
  return rows.filter(
    ({ pid, line }) => programs.has(basename(line.split('\0')[0] ?? '')) && ownerId(pid) === process.getuid?.(),
  )
}

async function listProcesses(): Promise<Row[]> {
  const { stdout } = await execTool('ps', ['-axww', '-o', 'pid=,uid=,args='], { env: minimalEnv() })
  return stdout.split('\n').flatMap((row) => {
    const [, pid, uid, line = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? []
    const isRelevant = Number(uid) === process.getuid?.() && programs.has(basename(line.split(' ')[0] ?? ''))
    return isRelevant ? [{ pid: Number(pid), line }] : []
  })
}

/** The owner of the directory in /proc is not reliable: ssh-agent protects its memory, so its directory is root's. */
function ownerId(pid: number): number | undefined {
  const uid = /^Uid:\s+(\d+)/m.exec(tryRead(`/proc/${pid}/status`))?.[1]
  return uid === undefined ? undefined : Number(uid)
}

function trySignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

function isRunning(pid: number): boolean {
  // A zombie still accepts signals; it waits for its parent.
  if (process.platform === 'linux' && tryRead(`/proc/${pid}/stat`).includes(') Z ')) return false
  return trySignal(pid, 0)
}
