import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { secretVariable } from '../inputs/secret-options.ts'
import { errorMessage } from '../lib/errors.ts'
import type { Env } from '../lib/lists.ts'
import { inputVariables, withoutPlatform } from './environment.ts'
import { startGuard, undoArgument } from './guard.ts'
import { describeLeftover, removeLeftover, takeLeftovers, waitForEnd, type Leftover } from './leftovers.ts'
import type { Command } from './options.ts'
import { plainOutput, watchOutput } from './output.ts'
import { Screen, canShowView } from './screen.ts'
import { readSshSettings } from './ssh.ts'
import { Signals } from './signals.ts'
import { readPairs, runStep } from './step.ts'

interface StepsRequest {
  readonly entry: Command['entry']
  /** The directory of this command. */
  readonly dir: string
  /** As a runner would set it. */
  readonly env: Env
  readonly signals: Signals
}

/** Undoes what killed commands left, and runs the step of a command with its post step. @returns the exit code */
export async function runSteps(request: StepsRequest): Promise<number> {
  const { dir, env } = request
  const end = startGuard([process.execPath, bundle('cli'), undoArgument, dir], env)
  return await runGuarded(request).finally(end)
}

/** Undoes the command with this directory, which was killed. */
export async function undoKilled(dir: string, env: Env): Promise<void> {
  const signals = new Signals()
  await waitForEnd(dir)
  await undoLeftovers('', env, { masks: new Set<string>(), closed: watchOutput(), signals })
  signals.close()
}

async function runGuarded({ entry, dir, env, signals }: StepsRequest): Promise<number> {
  const common = { masks: new Set<string>(), closed: watchOutput(), signals }
  await undoLeftovers(dir, env, common)
  const cancelled = signals.exitCode()
  if (cancelled !== undefined) return cancelled
  const view = entry === 'main' && canShowView(process.stdout, env) ? new Screen(process.stdout, env) : undefined
  const request = { ...common, dir, program: bundle(entry), env, output: view ?? plainOutput }
  const code = await runStep(request).finally(() => view?.close())
  if (entry === 'main') await runPost(dir, env, common)
  // Also after a success: `build && deploy` must not go on.
  return signals.exitCode() ?? code
}

function bundle(name: string): string {
  return join(dirname(dirname(fileURLToPath(import.meta.url))), name, 'index.js')
}

interface Common {
  readonly masks: Set<string>
  readonly closed: AbortSignal
  readonly signals: Signals
}

async function runPost(dir: string, env: Env, common: Common): Promise<void> {
  const pairs = Object.entries(readPairs(readFileSync(join(dir, 'STATE'), 'utf8')))
  // A step without a state has created nothing, as after an invalid option.
  if (pairs.length === 0) return
  const state = Object.fromEntries(pairs.map(([name, value]) => [`STATE_${name}`, value]))
  const program = bundle('post')
  await runStep({ ...common, dir, program, env: { ...env, ...state }, output: plainOutput, isPost: true })
}

/** As the post steps of the killed commands would have done, until a signal ends this command. Never throws. */
async function undoLeftovers(own: string, env: Env, common: Common): Promise<void> {
  try {
    for (const leftover of await takeLeftovers(own))
      if (common.signals.exitCode() === undefined) await undoLeftover(leftover, env, common)
  } catch (error) {
    plainOutput.print(`warning: The leftovers of killed commands were not removed: ${errorMessage(error)}`)
  }
}

async function undoLeftover(leftover: Leftover, env: Env, common: Common): Promise<void> {
  plainOutput.print(describeLeftover(leftover))
  const { dir, nodes } = leftover
  // Its connections may have ended since; logins are those of the Docker CLI.
  const key = env[secretVariable('ssh-private-key')] ?? ''
  const values = { nodes, ...(key !== '' && { 'ssh-private-key': key }) }
  const inputs = inputVariables({ ...values, ...(await readSshSettings(values, env).catch(() => ({}))) })
  await runPost(dir, { ...withoutPlatform(env), ...leftover.env, ...inputs }, common)
  await removeLeftover(leftover)
}
