import { readdirSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { exec } from './exec.ts'
import { sleep } from './time.ts'
import { tryRead } from './files.ts'

/** What we start that may outlive us; `node` is the relay. */
const ours = new Set(['node', 'ssh', 'ssh-agent', 'buildx', 'docker-buildx'])

/**
 * Ends every process of ours that names `dir` in its command line: agents and tunnels, also those that a killed run
 * started but had no time to note. An id alone proves nothing, since ids are used again; a command line proves it only
 * for our own user and our own programs. With `word`, only those that have it in their command line, too.
 */
export async function killProcessesIn(dir: string, word = ''): Promise<void> {
  const pids = await findProcesses(dir, word)
  if (pids.length === 0) return
  for (const pid of pids) trySignal(pid, 'SIGTERM')
  await waitUntilGone(pids, 1000)
  for (const pid of await findProcesses(dir, word)) trySignal(pid, 'SIGKILL')
}

/** Names a process for good: its id, which will be used again, and when it started. Empty where nobody tells. */
export async function processIdentity(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    // Field 22, counted from behind the program's name, which may hold anything (proc_pid_stat(5)).
    const started = tryRead(`/proc/${pid}/stat`).split(') ').pop()?.split(' ')[19]
    return started === undefined ? '' : `${pid}:${started}`
  }
  const { code, stdout } = await exec('ps', ['-o', 'lstart=', '-p', String(pid)])
  return code === 0 ? `${pid}:${stdout.trim()}` : ''
}

/** Ends the process if it still is the one that was identified, politely as long as `patience` milliseconds last. */
export async function killProcess(identity: string, patience: number): Promise<void> {
  const pid = Number.parseInt(identity, 10)
  if (!(pid > 0) || (await processIdentity(pid)) !== identity) return
  trySignal(pid, 'SIGTERM')
  await waitUntilGone([pid], patience)
  if ((await processIdentity(pid)) === identity) trySignal(pid, 'SIGKILL')
  await waitUntilGone([pid], 1000)
}

async function waitUntilGone(pids: readonly number[], patience: number): Promise<void> {
  for (let waited = 0; waited < patience && pids.some(isAlive); waited += 20) await sleep(20)
}

async function findProcesses(dir: string, word: string): Promise<number[]> {
  const rows = process.platform === 'linux' ? readCommandLines() : await askPs()
  return rows
    .filter(({ pid, line }) => pid !== process.pid && line.includes(`${dir}/`) && line.includes(word))
    .map(({ pid }) => pid)
}

interface Stray {
  readonly pid: number
  /** The private directory that its command line names. */
  readonly dir: string
}

/**
 * Our own agents, connections and builds with the directories they name: only those that see the same files as we do.
 */
export function findStrayProcesses(): readonly Stray[] {
  if (process.platform !== 'linux') return []
  return readCommandLines().flatMap(({ pid, line }) => {
    const dir = /(\/[\w.+@/-]*\/mab-[0-9a-f]{10})\//.exec(line)?.[1]
    return dir !== undefined && pid !== process.pid && seesOurFiles(pid) ? [{ pid, dir }] : []
  })
}

/**
 * A container's processes are seen from its host, too, and its paths mean other files. An agent hides its namespaces,
 * but not its control group.
 */
function seesOurFiles(pid: number): boolean {
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
    ({ pid, line }) => ours.has(basename(line.split('\0')[0] ?? '')) && ownerOf(pid) === process.getuid?.(),
  )
}

async function askPs(): Promise<Row[]> {
  const { stdout } = await exec('ps', ['-axww', '-o', 'pid=,uid=,args='])
  return stdout.split('\n').flatMap((row) => {
    const [, pid, uid, line = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? []
    const known = Number(uid) === process.getuid?.() && ours.has(basename(line.split(' ')[0] ?? ''))
    return known ? [{ pid: Number(pid), line }] : []
  })
}

/** The directory's owner would not do: ssh-agent keeps its memory to itself, so its directory belongs to root. */
function ownerOf(pid: number): number | undefined {
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

function isAlive(pid: number): boolean {
  // A zombie still takes signals; it waits for its parent, not for us.
  if (process.platform === 'linux' && tryRead(`/proc/${pid}/stat`).includes(') Z ')) return false
  return trySignal(pid, 0)
}
