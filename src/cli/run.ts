import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { secretInputs, secretVariable } from '../inputs/secret-options.ts'
import { errorMessage } from '../lib/errors.ts'
import { removeDir, writePrivate } from '../lib/files.ts'
import { asRecord, asText } from '../lib/json.ts'
import type { Env } from '../lib/lists.ts'
import { readConfigFile } from './config-file.ts'
import { inputVariables, readCheckout, stepEnvironment, type Checkout } from './environment.ts'
import { undoArgument } from './guard.ts'
import { completionScript, helpText } from './help.ts'
import { recordCommand } from './leftovers.ts'
import { UsageError, commands, parseArguments, type Invocation, type Values } from './options.ts'
import { printNotice } from './output.ts'
import { Signals } from './signals.ts'
import { readSshSettings } from './ssh.ts'
import { runSteps, undoKilled } from './steps.ts'
import { checkDefaults, checkStep, readWorkflow } from './workflow.ts'

const usageCode = 2

/** Runs a command. @returns the exit code */
export async function runCommandLine(args: readonly string[], env: Env, cwd: string): Promise<number> {
  const [first = '', dir = ''] = args
  if (first === undoArgument) {
    await undoKilled(dir, env)
    return 0
  }
  try {
    const invocation = parseArguments(args)
    return printText(invocation, args[1]) ?? (await runCommand(invocation, env, cwd))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const problems = errorMessage(error).split('\n').join('\n  ')
    const advice = Object.hasOwn(commands, first)
      ? `Run \`multiarch-build ${first} --help\` for its options.`
      : 'Run `multiarch-build --help` for a list of commands.'
    printNotice(`multiarch-build: ${problems}\n${advice}`)
    return usageCode
  }
}

/** Help and completion; undefined for a command that does something. */
function printText({ command, own }: Invocation, argument = ''): number | undefined {
  const isCommand = Object.hasOwn(commands, command)
  if (isCommand && own['help'] === undefined) return undefined
  const texts: Readonly<Record<string, () => string | undefined>> = {
    completion: () => (['--help', '-h'].includes(argument) ? helpText() : completionScript(argument)),
    version: readVersion,
  }
  const text = Object.hasOwn(texts, command) ? texts[command]?.() : helpText(isCommand ? command : undefined)
  if (text === undefined) throw new UsageError('write `completion bash`, `completion zsh` or `completion fish`')
  console.log(text)
  return 0
}

/** Of the package, whose file lies above `dist/cli/`. */
function readVersion(): string {
  const path = join(dirname(fileURLToPath(import.meta.url)), '../../package.json')
  return asText(asRecord(JSON.parse(readFileSync(path, 'utf8')))['version'])
}

async function runCommand(invocation: Invocation, env: Env, cwd: string): Promise<number> {
  const { command, own } = invocation
  const { entry, fixed } = definitionOf(command)
  const checkout = await readCheckout(cwd)
  const values = { ...(await collectValues(invocation, checkout, env, cwd)), ...fixed }
  checkTags(command, values)
  const signals = new Signals()
  const dir = mkdtempSync(join(tmpdir(), 'mab-'))
  try {
    const isCheck = command === 'nodes'
    if (isCheck) writePrivate(join(dir, 'Dockerfile'), 'FROM scratch\n')
    const base = stepEnvironment(env, dir, {
      checkout,
      cwd: isCheck ? dir : cwd,
      trusted: own['trusted'] === 'true',
      forRemote: entry === 'cleanup',
    })
    await recordCommand({ dir, env: base, nodes: values['nodes'] ?? '' })
    return await runSteps({ entry, dir, env: { ...base, ...inputVariables(values) }, signals })
  } finally {
    removeDir(dir)
    signals.close()
  }
}

function definitionOf(command: string) {
  const definition = commands[command]
  if (!definition) throw new Error(`no command ${command}`)
  return definition
}

/** Flags win over the workflow, and that over the file. */
async function collectValues(
  { command, values, own }: Invocation,
  checkout: Checkout,
  env: Env,
  cwd: string,
): Promise<Values> {
  const { inputs, entry } = definitionOf(command)
  const file = await readConfigFile(own['config'], cwd, entry)
  const given = { ...readSecrets(env), ...values }
  const workflow =
    own['workflow'] === undefined ? {} : await readStep(own['workflow'], entry, { checkout, env, cwd, given, file })
  const all = {
    ...(entry === 'main' && { context: '.', cache: 'registry' }),
    ...file,
    ...workflow,
    ...given,
  }
  const known: Record<string, string> = Object.fromEntries(
    Object.entries(all).filter(([name]) => inputs.includes(name)),
  )
  return entry === 'main' ? { ...known, ...(await readSshSettings(known, env)) } : known
}

function readSecrets(env: Env): Values {
  return Object.fromEntries(
    secretInputs.flatMap((name) => {
      const value = env[secretVariable(name)] ?? ''
      return value === '' ? [] : [[name, value]]
    }),
  )
}

async function readStep(
  source: string,
  entry: string,
  { checkout, env, cwd, given, file }: { checkout: Checkout; env: Env; cwd: string; given: Values; file: Values },
): Promise<Values> {
  const { branch, sha, url } = checkout
  const repository = url === '' ? undefined : new URL(url).pathname.slice(1)
  const facts = { repository, sha: sha === '' ? undefined : sha, ref: `refs/heads/${branch}`, ref_name: branch }
  const read = await readWorkflow(source, entry === 'main' ? '' : `/${entry}`, { cwd, env, facts })
  checkStep(read, entry, given)
  checkDefaults(read.skipped, file, given)
  for (const [name, expressions] of Object.entries(read.skipped))
    if (given[name] === undefined)
      printNotice(`note: the input \`${name}\` is left out: ${explainSkipped(expressions)}`)
  return read.values
}

/** PURE: what an input with these expressions needs here. */
function explainSkipped(expressions: string): string {
  const names = [...expressions.matchAll(/\b(?:secrets|vars|env)\.(\w+)/g)].map(([, name = '']) => name)
  if (names.length > 0) return `to use it, set ${names.join(' and ')} in the environment`
  const [, fact] = /^\$\{\{\s*github\.(repository|sha)\s*\}\}$/.exec(expressions) ?? []
  if (fact === undefined) return `only the CI platform can evaluate ${expressions}`
  return fact === 'sha'
    ? `the working directory has no Git commit for ${expressions}`
    : `the working directory has no Git remote \`origin\` with a web address for ${expressions}`
}

/** On a laptop there is no event that could name the tags. */
function checkTags(command: string, values: Values): void {
  const pushes = ['', 'true'].includes(values['push'] ?? '')
  // The others need no tag, or have one of their own.
  const isNamed = ['tags', 'load', 'outputs', 'call', 'partial'].some((name) => (values[name] ?? '') !== '')
  if ((command === 'build' || command === 'plan') && pushes && !isNamed)
    throw new UsageError('`--tags` is needed, such as `--tags test`, or `--push false`')
}
