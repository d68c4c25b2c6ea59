import { secretInputs, secretVariable } from '../inputs/secret-options.ts'
import { commands, switches, type Command } from './options.ts'

const program = 'multiarch-build'
const reference = 'https://github.com/org/multiarch-build/blob/main/docs/reference.md'

/** The text of `--help`, of all commands or of one. */
export function helpText(command?: string): string {
  const definition = command === undefined ? undefined : commands[command]
  if (!definition)
    return [
      'Build multi-arch images natively on several nodes, as the action does in CI.',
      '',
      ...Object.entries(commands).map(([name, { summary }]) => `  ${program} ${name.padEnd(8)} ${summary}`),
      `  ${program} completion bash|zsh|fish`,
      `  ${program} --version`,
      '',
      `\`${program} COMMAND --help\` lists the options of a command. Their meaning is that of the inputs:`,
      reference,
    ].join('\n')
  const secrets = definition.inputs.filter((name) => secretInputs.includes(name))
  const names = optionsOf(definition)
  return [
    `${program} ${definition.usage}`,
    `  ${definition.summary}`,
    '',
    'Example:',
    ...definition.example.map((line) => `  ${line}`),
    '',
    'Options:',
    '  --config FILE          defaults for all options (default: multiarch-build.yml, if it exists)',
    '  --workflow FILE[:JOB]  take the inputs from a step of a workflow, secrets and variables from the environment',
    ...(definition.entry === 'main'
      ? ['  --trusted              read and write the caches of the default branch']
      : []),
    ...wrap(names.map((name) => `--${name}`)),
    '',
    'Secrets are read from the environment:',
    ...wrap(secrets.map(secretVariable)),
    '',
    'For a list, repeat the option: each use adds one line. Without a value, --dry-run and the like mean `true`.',
    'The command uses your SSH configuration, agent and known hosts, and the contexts and logins of your Docker CLI.',
    `The meaning of the options is that of the inputs: ${reference}`,
    '',
    'Exit codes: 0 for success, 1 for a failure, 2 for an invalid command line, 130 after Ctrl-C',
  ].join('\n')
}

/** The inputs that a command line may contain. */
function optionsOf({ inputs, fixed }: Command): string[] {
  return inputs.filter((name) => !Object.hasOwn(fixed, name) && !secretInputs.includes(name))
}

function wrap(words: readonly string[], width = 110): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length + 1 > width) lines.push(`  ${word}`)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}

/** A script that completes commands and options; undefined for an unknown shell. */
export function completionScript(shell: string): string | undefined {
  const names = [...Object.keys(commands), 'completion'].join(' ')
  const options = Object.entries(commands).map(
    ([name, command]) =>
      [
        name,
        [...optionsOf(command), 'config', 'workflow', 'trusted', 'help'].map((option) => `--${option}`).join(' '),
      ] as const,
  )
  const bash = [
    '_multiarch_build() {',
    '  local words',
    '  case ${COMP_WORDS[1]} in',
    ...options.map(([name, list]) => `    ${name}) words='${list}' ;;`),
    `    *) words='${names}' ;;`,
    '  esac',
    `  [ "$COMP_CWORD" -gt 1 ] || words='${names}'`,
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    `complete -o default -F _multiarch_build ${program}`,
  ]
  const fish = [
    `complete -c ${program} -f -n __fish_use_subcommand -a '${names}'`,
    ...options.flatMap(([name, list]) =>
      list.split(' ').map((option) => {
        const value = switches.includes(option.slice(2)) ? '' : ' -r'
        return `complete -c ${program} -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}${value}`
      }),
    ),
  ]
  const scripts: Readonly<Record<string, readonly string[]>> = {
    bash,
    zsh: ['autoload -Uz compinit bashcompinit && compinit -i && bashcompinit', ...bash],
    fish,
  }
  return Object.hasOwn(scripts, shell) ? scripts[shell]?.join('\n') : undefined
}
