import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { jobUmask } from './files.ts'
import type { Env } from './lists.ts'

export interface ExecResult {
  /** As in a shell: 128 + the signal's number for a process that was killed. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface ExecOptions {
  readonly env?: Env
  readonly cwd?: string
  /** Milliseconds; the process is killed then and has failed with code 124. */
  readonly deadline?: number
  /** Bytes on each of stdout and stderr; a process that prints more is killed and has failed with code 124. */
  readonly maxOutput?: number
}

const defaultMaxOutput = 16 * 1024 * 1024
const killedCode = 124

/** Runs a command and collects its output. Throws only if it cannot be started. */
export async function exec(
  command: string,
  args: readonly string[],
  options: ExecOptions & { readonly input?: string; readonly signal?: AbortSignal } = {},
): Promise<ExecResult> {
  const { input = '', deadline = 60_000, maxOutput = defaultMaxOutput, signal, ...startOptions } = options
  const child = startProcess(command, args, { ...startOptions, stdio: ['pipe', 'pipe', 'pipe'] })
  const state = { isKilled: false }
  const kill = () => {
    state.isKilled = true
    child.kill('SIGKILL')
    // Processes that it has started may keep its pipes open.
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
  const stdout = new Output(maxOutput, kill)
  const stderr = new Output(maxOutput, kill)
  child.stdout?.on('data', (chunk: Buffer) => stdout.add(chunk))
  child.stderr?.on('data', (chunk: Buffer) => stderr.add(chunk))
  // The exit code of a process that ends before it has read its input counts, not the broken pipe.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input)
  const timer = setTimeout(kill, deadline)
  signal?.addEventListener('abort', kill, { once: true })
  try {
    const code = await waitForExit(child)
    return { code: state.isKilled ? killedCode : code, stdout: stdout.text, stderr: stderr.text }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', kill)
  }
}

/**
 * `sh` prints its process id, which the toolkit does not return, and is replaced by the command. The toolkit can only
 * write to standard input, and not handle that a process ends before it has read it.
 */
const printId = 'echo $$ && exec "$0" "$@" </dev/null'

/**
 * Runs a short local command without input, such as `git` or `docker version`, with the toolkit. A command that cannot
 * be started has failed with code 126 or 127.
 */
export async function execTool(
  command: string,
  args: readonly string[],
  { env, cwd, deadline = 10_000, maxOutput = defaultMaxOutput }: ExecOptions = {},
): Promise<ExecResult> {
  const toolkit = await import('@actions/exec')
  const state = { isKilled: false }
  const kill = () => {
    state.isKilled = true
    const pid = Number.parseInt(stdout.text, 10)
    if (pid > 0) killIfRunning(pid)
  }
  const stdout = new Output(maxOutput, kill)
  const stderr = new Output(maxOutput, kill)
  const timer = setTimeout(kill, deadline)
  try {
    const code = await toolkit.exec('/bin/sh', ['-c', printId, command, ...args], {
      env: definedVariables(env ?? inheritedEnv()),
      ...(cwd !== undefined && { cwd }),
      silent: true,
      ignoreReturnCode: true,
      // Processes that it has started may keep its pipes open.
      delay: 500,
      listeners: { stdout: (chunk) => stdout.add(chunk), stderr: (chunk) => stderr.add(chunk) },
    })
    const output = stdout.text.slice(stdout.text.indexOf('\n') + 1)
    return { code: state.isKilled ? killedCode : code, stdout: output, stderr: stderr.text }
  } finally {
    clearTimeout(timer)
  }
}

function killIfRunning(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended in the meantime.
  }
}

/** What a process prints on one stream. */
class Output {
  readonly #maxBytes: number
  readonly #exceeded: () => void
  readonly #chunks: Buffer[] = []
  #bytes = 0

  constructor(maxBytes: number, exceeded: () => void) {
    this.#maxBytes = maxBytes
    this.#exceeded = exceeded
  }

  add(chunk: Buffer): void {
    if (this.#bytes > this.#maxBytes) return
    this.#bytes += chunk.length
    this.#chunks.push(chunk)
    if (this.#bytes > this.#maxBytes) this.#exceeded()
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}

interface StartOptions {
  readonly env?: Env
  readonly cwd?: string
  readonly stdio?: StdioOptions
  /** A process group of its own that outlives this process, for later steps and the post step. */
  readonly detached?: boolean
  /** What it writes is for the job, with the job's own umask. */
  readonly writesForJob?: boolean
}

/** Starts a process from an argv array, never through a shell. */
export function startProcess(command: string, args: readonly string[], options: StartOptions = {}): ChildProcess {
  const umask = process.umask(options.writesForJob ? jobUmask : 0o077)
  try {
    return spawn(command, [...args], {
      env: options.env ?? (options.detached ? minimalEnv() : inheritedEnv()),
      stdio: options.stdio ?? 'ignore',
      detached: options.detached ?? false,
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    })
  } finally {
    process.umask(umask)
  }
}

/** Resolves with the exit code once the process has ended and its pipes are closed; rejects if it cannot be started. */
export function waitForExit(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
}

/**
 * The environment of processes: the job's, without the step's inputs and state and the runner's own tokens, which later
 * steps could read in /proc. `buildxEnv` sets what Docker's tools would read from them.
 */
export function inheritedEnv(): Env {
  const withheld = /^(?:INPUT_|STATE_|ACTIONS_(?:RUNTIME|ID_TOKEN|CACHE|RESULTS)_|OTEL_EXPORTER_OTLP_(?:\w+_)?HEADERS$)/
  const entries = Object.entries(process.env)
  return Object.fromEntries(entries.filter(([name]) => !withheld.test(name) && !secretVariables.has(name)))
}

const secretVariables = new Set<string>()
/** What programs need to run, and to log in: a build may get it as a secret too. */
const ofPrograms = /^(?:PATH|HOME|USER|LANG|TMPDIR|(?:AWS|AZURE|ARM|GOOGLE|CLOUDSDK|DOCKER|KUBE|SSH|VAULT)\w*)$/

/** Leaves variables of the job out of the environment of processes: they are secrets of the builds alone. */
export function withholdVariables(names: readonly string[]): void {
  for (const name of names) if (!ofPrograms.test(name)) secretVariables.add(name)
}

/** Only what ssh needs, and the id by which a runner finds a job's processes, which may outlive this step. */
export function minimalEnv(): Env {
  const names = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'TMPDIR', 'RUNNER_TRACKING_ID']
  return definedVariables(Object.fromEntries(names.map((name) => [name, process.env[name]])))
}

function definedVariables(env: Env): Record<string, string> {
  const entries = Object.entries(env)
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

/** The path of another bundle of `dist/`, to be run as a process of its own. */
export function entryPath(name: 'forward' | 'cache-service'): string {
  return join(dirname(process.argv[1] ?? ''), `../${name}/index.js`)
}
