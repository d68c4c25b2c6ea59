import { cleanupInputs, copyInputs, mainInputs } from '../inputs/input-names.ts'
import { secretInputs, secretVariable } from '../inputs/secret-options.ts'
import { runsForCommandLine } from '../lib/command-line.ts'

const inputs = new Set([...mainInputs, ...copyInputs, ...cleanupInputs])

/** Words of CI, and what they are for a user of the command line. */
const words: readonly (readonly [ofCi: RegExp, ofCommandLine: string])[] = [
  [/\b([Tt])his runner\b/g, '$1his machine'],
  [/\bon the runner\b/g, 'on this machine'],
  [/\b([Rr])un the job again\b/g, '$1un the command again'],
  [/: run the job with debug logging \(ACTIONS_STEP_DEBUG\)/g, ''],
  [/\bin the job image\b/g, 'on this machine'],
  [/\bfrom this job\b/g, 'from this machine'],
  [/\bThis job has no permission\b/g, 'Your user has no permission'],
  [/\bby this job\b/g, 'by your user'],
  [/\b(The|the) user of this job\b/g, '$1 user of this command'],
  [/\bthe job's user\b/g, 'your user'],
  [/\b(?:the job's ssh-agent|the SSH agent of the job)\b/g, 'your ssh-agent'],
  [/\bthe job’s own Docker login, from an earlier step or from the runner\b/g, 'the one of your Docker CLI'],
  [/\bThe job has no login at this registry:.*/gs, 'You have no login at this registry: run `docker login`.'],
  [/\bMount the Unix socket of the engine into the job\b/g, 'Set DOCKER_HOST to the Unix socket of the engine'],
  [/\bin the step's `env`/g, 'in the environment'],
  [/[;:] secrets are empty if their name is misspelled, and in runs for forks\b/g, ''],
  [/\bSet `ssh-private-key: \$\{\{ secrets\.NAME \}\}`\. Secrets are empty .*/g, 'Set `ssh-private-key`.'],
  [/`SSH_AUTH_SOCK` of the job\b/g, '`SSH_AUTH_SOCK` of your shell'],
  [/\bthe job token \(/g, 'the token ('],
  [
    /\bset `permissions: packages: write` for the job, and give this repository the Write role\b/g,
    'give the token the scope `write:packages`, and its user the Write role',
  ],
  [
    /\bThe job needs `permissions: packages: write`, and .*/g,
    'The token needs the scope `delete:packages`, and its user the Admin role for the package.',
  ],
  [/\bGive the job `permissions: actions: read`/g, 'Use a token that may read runs'],
  [/\bWithout `permissions: actions: read`/g, 'Without a token that may read runs'],
  [
    /\bThe step sets no secret with the id `([\w.-]+)`.*/gs,
    'No secret with the id `$1` has a value: set it in `secrets`.',
  ],
  [/\brelative to the workspace\b/g, 'relative to the working directory'],
  [/\bneeds the OIDC token of the job: .*/g, 'needs the OIDC token of a CI job: write `sign: key`'],
  [/: write `\$\{\{ github\.event\.number \}\}`/g, ': write `17`, for example'],
]

/** PURE: a message for a user of the command line. It names options, and variables of secrets, instead of inputs. */
export function forCommandLine(text: string): string {
  const [headline = '', ...lines] = text.split('\n').map(renderLine)
  if (!/^\d+ invalid inputs?$/.test(headline)) return [headline, ...lines].join('\n')
  const issues = lines.map((line) => line.replace(/^([a-z-]+)(?=: )/, (name) => optionOf(name) ?? name))
  return [headline.replace('input', 'option'), ...issues].join('\n')
}

/** A message of this step, for its reader. */
export function forReader(text: string): string {
  return runsForCommandLine() ? forCommandLine(text) : text
}

/** A line that quotes the output of a program stays as it is. */
function renderLine(line: string): string {
  if (/^\s*\|/.test(line)) return line
  return nameOptions(words.reduce((all, [ofCi, ofCommandLine]) => all.replace(ofCi, ofCommandLine), line))
}

/** A name after `write` is a value, and `ssh` is usually the program. */
function nameOptions(line: string): string {
  const names = /(\bwrite )?`([a-z-]+)(?:: ([^`]+))?`/g
  return line.replace(names, (whole, write: string | undefined, name: string, value?: string) => {
    const option = optionOf(name)
    if (option === undefined || (value === undefined && (write !== undefined || name === 'ssh'))) return whole
    return `${write ?? ''}\`${option}${value === undefined ? '' : ` ${value}`}\``
  })
}

function optionOf(input: string): string | undefined {
  if (!inputs.has(input)) return undefined
  return secretInputs.includes(input) ? secretVariable(input) : `--${input}`
}
