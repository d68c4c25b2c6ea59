import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errorMessage } from '../lib/errors.ts'
import type { Env } from '../lib/lists.ts'
import { inputVariables, withoutPlatform } from './environment.ts'
import { describeLeftover, removeLeftover, takeLeftovers, type Leftover } from './leftovers.ts'
import { secretVariable, type Command } from './options.ts'
import { plainOutput, watchOutput } from './output.ts'
import { Screen, canShowView } from './screen.ts'
import { readSshSettings } from './ssh.ts'
import { readPairs, runStep, signals } from './step.ts'

interface StepsRequest {
  readonly entry: Command['entry']
  /** The directory of this command. */
  readonly dir: string
  /** As a runner would set it. */
  readonly env: Env
}

/** Undoes what killed commands left, and runs the step of a command with its post step. @returns the exit code */
export async function runSteps({ entry, dir, env }: StepsRequest): Promise<number> {
  const common = { masks: new Set<string>(), closed: watchOutput() }
  const isCancelled = await undoLeftovers(dir, env, common)
  if (isCancelled) return 1
  const view = entry === 'main' && canShowView(process.stdout, env) ? new Screen(process.stdout, env) : undefined
  const request = { ...common, dir, program: bundle(entry), env, output: view ?? plainOutput }
  const code = await runStep(request).finally(() => view?.close())
  if (entry === 'main') await runPost(dir, env, common)
  return code
}

function bundle(name: string): string {
  return join(dirname(dirname(fileURLToPath(import.meta.url))), name, 'index.js')
}

interface Common {
  readonly masks: Set<string>
  readonly closed: AbortSignal
}

async function runPost(dir: string, env: Env, common: Common): Promise<void> {
  const pairs = Object.entries(readPairs(readFileSync(join(dir, 'STATE'), 'utf8')))
  const state = Object.fromEntries(pairs.map(([name, value]) => [`STATE_${name}`, value]))
  const program = bundle('post')
  await runStep({ ...common, dir, program, env: { ...env, ...state }, output: plainOutput, isPost: true })
}

/** As the post steps of the killed commands would have done. Never throws. @returns whether the user cancelled it */
async function undoLeftovers(own: string, env: Env, common: Common): Promise<boolean> {
  const cancellation = new AbortController()
  const cancel = () => cancellation.abort()
  for (const signal of signals) process.on(signal, cancel)
  try {
    for (const leftover of await takeLeftovers(own))
      if (!cancellation.signal.aborted) await undoLeftover(leftover, env, common)
  } catch (error) {
    plainOutput.print(`warning: What killed commands left was not removed: ${errorMessage(error)}`)
  }
  for (const signal of signals) process.off(signal, cancel)
  return cancellation.signal.aborted
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
