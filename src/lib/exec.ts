import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { constants } from 'node:os'
import { jobUmask } from './files.ts'
import { dirname, join } from 'node:path'

type Env = Readonly<Record<string, string | undefined>>

export interface ExecResult {
  /** As a shell counts: 128 + the signal's number for a process that was killed. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly input?: string
  readonly env?: Env
  readonly cwd?: string
  /** Milliseconds; the process is killed then and counts as failed with code 124. */
  readonly deadline?: number
}

/** Runs a command that answers soon and keeps what it prints. Throws only if it cannot be started. */
export async function exec(command: string, args: readonly string[], options: RunOptions = {}): Promise<ExecResult> {
  const child = startProcess(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  // A process that ends before it has read its input is judged by its exit code, not by the broken pipe.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.input ?? '')
  const alarm = AbortSignal.timeout(options.deadline ?? 60_000)
  const kill = () => {
    child.kill('SIGKILL')
    // What it has started itself may hold its pipes open for as long as it likes.
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
  alarm.addEventListener('abort', kill)
  try {
    const code = await waitForExit(child)
    return { code: alarm.aborted ? 124 : code, stdout: await stdout, stderr: await stderr }
  } finally {
    alarm.removeEventListener('abort', kill)
  }
}

interface StartOptions {
  readonly env?: Env
  readonly cwd?: string
  readonly stdio?: StdioOptions
  /** A process group of its own that outlives us: for what later steps and the post step still need. */
  readonly detached?: boolean
  /** What it writes is for the job, and gets the job's own umask. */
  readonly writesForJob?: boolean
}

/** Starts a process from an argv array, never through a shell. */
export function startProcess(command: string, args: readonly string[], options: StartOptions = {}): ChildProcess {
  const ours = process.umask(options.writesForJob ? jobUmask : 0o077)
  try {
    return spawn(command, [...args], {
      env: options.env ?? (options.detached ? lastingEnv() : inheritedEnv()),
      stdio: options.stdio ?? 'ignore',
      detached: options.detached ?? false,
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    })
  } finally {
    process.umask(ours)
  }
}

/** Resolves with the exit code once the process has ended and its pipes are drained; rejects if it never started. */
export function waitForExit(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  const chunks: Buffer[] = []
  try {
    if (stream) for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  } catch {
    // Cut off at the deadline: what came before counts.
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * The environment our processes get: the job's, without the step's inputs and state and the runner's own tokens, which
 * any later step could read in /proc. What Docker's tools would read from it is set by `buildxEnv` instead.
 */
export function inheritedEnv(): Env {
  const withheld = /^(?:INPUT_|STATE_|ACTIONS_(?:RUNTIME|ID_TOKEN|CACHE|RESULTS)_)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !withheld.test(name)))
}

/** For what outlives this step: just what ssh needs, and the mark by which a runner finds what a job left running. */
function lastingEnv(): Env {
  const names = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'TMPDIR', 'RUNNER_TRACKING_ID']
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

/** Another bundle of `dist/`, to be run as a process of its own. */
export function entryPath(name: 'forward' | 'cache-service'): string {
  return join(dirname(process.argv[1] ?? ''), `../${name}/index.js`)
}
