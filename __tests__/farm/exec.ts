import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, closeSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ExecResult {
  code: number
  stdout: string
  stderr: string
}
export interface RunOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  input?: string
  timeoutMs?: number
}

/** The environment for a command that must not see the settings of this host or user: PATH, and an empty HOME. */
export function isolatedEnv(home: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: home, ...more }
}

/** Runs a command to its end, whatever its exit code. */
export function tryRun(command: string, args: string[], options: RunOptions = {}): Promise<ExecResult> {
  return new Promise((resolve) => {
    const { cwd, env, input, timeoutMs } = options
    const child = execFile(
      command,
      args,
      { ...(cwd && { cwd }), ...(env && { env }), timeout: timeoutMs ?? 0, killSignal: 'SIGKILL', maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : 127) : 0
        resolve({ code, stdout, stderr: stderr || (error && code === 127 ? error.message : '') })
      },
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input ?? '')
  })
}

/** Runs a command that must succeed; returns its stdout. */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryRun(command, args, options)
  if (code !== 0)
    throw new Error(
      `${command} ${args.join(' ')} failed (${code}): ${(stderr || stdout).trim().split('\n').slice(-8).join('\n')}`,
    )
  return stdout
}

/**
 * Starts a long-lived process that is killed when this one dies; its output goes to a file, or with `pipes` only its
 * errors.
 */
export function daemon(
  command: string,
  args: string[],
  logFile: string,
  options: { cwd?: string; env?: NodeJS.ProcessEnv; pipes?: boolean } = {},
): ChildProcess {
  const log = openSync(logFile, 'a')
  try {
    return spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
      cwd: options.cwd ?? '/',
      env: options.env ?? process.env,
      stdio: options.pipes ? ['pipe', 'pipe', log] : ['ignore', log, log],
    })
  } finally {
    closeSync(log)
  }
}

/** Waits until `ready` returns true. `what` is for the error message. */
export async function waitFor(
  what: string,
  ready: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
  stepMs = 25,
): Promise<void> {
  const end = Date.now() + timeoutMs
  for (;;) {
    if (await ready()) return
    if (Date.now() > end) throw new Error(`timed out after ${timeoutMs / 1000} s: ${what}`)
    await sleep(stepMs)
  }
}

/** A socket exists shortly before it accepts connections. */
export async function acceptsConnections(socket: string): Promise<boolean> {
  const connection = connect(socket)
  return await once(connection, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => connection.destroy())
}
