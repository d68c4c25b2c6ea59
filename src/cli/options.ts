import { cleanupInputs, copyInputs, mainInputs } from '../inputs/input-names.ts'
import { secretInputs, secretVariable } from '../inputs/secret-options.ts'
import { didYouMean } from '../lib/issues.ts'

/** A command line that cannot be understood: exit code 2. */
export class UsageError extends Error {}

/** Text values of inputs by their names. */
export type Values = Readonly<Record<string, string>>

export interface Command {
  /** The bundle in dist/ that it runs. */
  readonly entry: 'main' | 'copy' | 'cleanup'
  readonly inputs: readonly string[]
  readonly summary: string
  readonly usage: string
  /** A whole command for a shell, on one or several lines. */
  readonly example: readonly string[]
  /** The inputs that its arguments without a name set; the last one takes all further arguments. */
  readonly positional: readonly string[]
  /** Inputs that the command sets itself. */
  readonly fixed: Values
}

const nodeInputs = mainInputs.slice(0, mainInputs.indexOf('image'))

export const commands: Readonly<Record<string, Command>> = {
  build: {
    entry: 'main',
    inputs: mainInputs,
    summary: 'build an image on all nodes and push it',
    usage: 'build --image NAME --tags TAG [--nodes NODE]… [CONTEXT]',
    example: [
      "multiarch-build build --nodes 'linux/amd64 = local' --nodes 'linux/arm64 = ssh://ci@arm.example.com' \\",
      '  --image ghcr.io/acme/app --tags test',
    ],
    positional: ['context'],
    fixed: {},
  },
  plan: {
    entry: 'main',
    inputs: mainInputs,
    summary: 'check inputs, nodes and logins, and print what build would do',
    usage: 'plan --image NAME --tags TAG [--nodes NODE]… [CONTEXT]',
    example: [
      "multiarch-build plan --nodes 'linux/arm64 = ssh://ci@arm.example.com' --image ghcr.io/acme/app --tags test",
    ],
    positional: ['context'],
    fixed: { 'dry-run': 'true' },
  },
  copy: {
    entry: 'copy',
    inputs: copyInputs,
    summary: 'copy an image between registries',
    usage: 'copy FROM TO…',
    example: ['multiarch-build copy ghcr.io/acme/app:test ghcr.io/acme/app:stable'],
    positional: ['from', 'to'],
    fixed: {},
  },
  cleanup: {
    entry: 'cleanup',
    inputs: cleanupInputs,
    summary: 'delete ephemeral images',
    usage: 'cleanup IMAGE…',
    example: ['multiarch-build cleanup ghcr.io/acme/app --older-than 3d --dry-run'],
    positional: ['image'],
    fixed: {},
  },
  nodes: {
    entry: 'main',
    inputs: nodeInputs,
    summary: 'check nodes: connection, engine, BuildKit, disk and clock',
    usage: 'nodes [NODE…]',
    example: ["multiarch-build nodes 'linux/amd64 = local' 'linux/arm64 = ssh://ci@arm.example.com'"],
    positional: ['nodes'],
    fixed: { 'dry-run': 'nodes', push: 'false' },
  },
}

/** Inputs that are `true` without a value, as in `--load`. */
export const switches: readonly string[] = [
  ...['cache-binary', 'dry-run', 'fail-fast', 'fork-secrets', 'install', 'keep-builder', 'keep-state', 'load'],
  ...['no-cache', 'partial', 'pull', 'push', 'referrers', 'untagged', 'use'],
]

/** Options that are no inputs: whether they take a value. */
const ownOptions: Readonly<Record<string, boolean>> = { config: true, workflow: true, trusted: false, help: false }

export interface Invocation {
  readonly command: string
  /** Of inputs. */
  readonly values: Values
  /** `config`, `workflow`, `trusted`, `help`. */
  readonly own: Values
}

/** Options instead of a command. */
const texts: Readonly<Record<string, string>> = { '--help': 'help', '-h': 'help', '--version': 'version' }

/** PURE: reads a command line. @throws UsageError */
export function parseArguments(args: readonly string[]): Invocation {
  const [command = 'help', ...rest] = [texts[args[0] ?? ''] ?? args].flat()
  const definition = Object.hasOwn(commands, command) ? commands[command] : undefined
  if (!definition) {
    if (['help', 'completion', 'version'].includes(command)) return { command, values: {}, own: {} }
    throw new UsageError(`\`${command}\` is not a command${didYouMean(command, Object.keys(commands))}`)
  }
  return { command, ...parseOptions(rest, definition) }
}

/** @throws UsageError with every problem, one per line */
function parseOptions(args: readonly string[], definition: Command): Pick<Invocation, 'values' | 'own'> {
  const [values, own]: [Record<string, string>, Record<string, string>] = [{}, {}]
  const positional = [...definition.positional]
  const pending = [...args]
  const problems: string[] = []
  for (let arg = pending.shift(); arg !== undefined; arg = pending.shift()) {
    try {
      const { name, value } = arg.startsWith('-')
        ? parseOption(arg, pending, definition)
        : nextPositional(arg, positional)
      const into = Object.hasOwn(ownOptions, name) ? own : values
      into[name] = into[name] === undefined ? value : `${into[name]}\n${value}`
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      problems.push(error.message)
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  return { values, own }
}

/** What follows an unknown option is probably its value. */
function unknownOption(arg: string, name: string, known: readonly string[], rest: string[]): UsageError {
  if (!arg.includes('=') && rest[0]?.startsWith('-') === false) rest.shift()
  return new UsageError(`\`${arg}\` is not an option${didYouMean(name, known).replace('`', '`--')}`)
}

function parseOption(arg: string, rest: string[], { inputs }: Command): { name: string; value: string } {
  const [, name = '', value] = /^--([^=]+)(?:=(.*))?$/s.exec(arg === '-h' ? '--help' : arg) ?? []
  const isOwn = Object.hasOwn(ownOptions, name)
  if (!isOwn && !inputs.includes(name)) throw unknownOption(arg, name, [...inputs, ...Object.keys(ownOptions)], rest)
  if (secretInputs.includes(name))
    throw new UsageError(
      `\`--${name}\` would show a secret to other users of this machine: set ${secretVariable(name)}`,
    )
  if (ownOptions[name] === false) return { name, value: requireNone(name, value) }
  if (value !== undefined) return { name, value }
  const next = rest[0]
  if (isBareSwitch(name, next)) return { name, value: rejectTypo(name, rest, inputs.includes('context')) }
  if (next === undefined) throw new UsageError(`\`--${name}\` needs a value`)
  rest.shift()
  return { name, value: next }
}

function requireNone(name: string, value: string | undefined): string {
  if (value !== undefined) throw new UsageError(`\`--${name}\` takes no value: write it without \`=${value}\``)
  return 'true'
}

function isBareSwitch(name: string, next: string | undefined): boolean {
  return switches.includes(name) && next !== 'true' && next !== 'false'
}

/** `--push flase` would build the directory `flase`. @returns the value of a switch without one */
function rejectTypo(name: string, rest: string[], takesDirectory: boolean): string {
  const [next = ''] = rest
  if (!/^(yes|no|on|off|y|n|[01])$/i.test(next) && didYouMean(next.toLowerCase(), ['true', 'false']) === '')
    return 'true'
  rest.shift()
  const other = takesDirectory ? `; write a directory of this name as \`./${next}\`` : ''
  throw new UsageError(`\`--${name}\` takes \`true\` or \`false\`, and not \`${next}\`${other}`)
}

function nextPositional(value: string, names: string[]): { name: string; value: string } {
  const [name] = names
  if (name === undefined) throw new UsageError(`\`${value}\` is one argument too many`)
  if (names.length > 1 || name === 'context') names.shift()
  return { name, value }
}
