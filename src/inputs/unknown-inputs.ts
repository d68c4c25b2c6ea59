import { passesParentInputs } from '../forge/platform.ts'
import type { Env } from '../lib/lists.ts'
import { didYouMean, shorten } from '../lib/issues.ts'
import type { Diagnostics } from './diagnostics.ts'

/** What other actions call differently, or need and this one does not. */
const alternatives: Readonly<Record<string, string>> = {
  // docker/setup-buildx-action
  config: 'use `buildkitd-config`',
  'config-inline': 'use `buildkitd-config-inline`',
  name: 'the builder’s name is unique on every node; read it from the output `name`',
  // docker/login-action
  scope: 'write it in an entry of `registry-auth`',
  // docker/metadata-action
  'bake-target': 'there is no bake file; the output `json` has its content',
  images: 'use `image`',
  'sep-annotations': 'outputs have one entry per line, and `json` has them as lists',
  'sep-labels': 'outputs have one entry per line, and `json` has them as lists',
  'sep-tags': 'outputs have one entry per line, and `json` has them as lists',
  // Common misspellings of ours
  dockerfile: 'use `file`',
  node: 'use `nodes`',
  platform: 'use `platforms`',
  tag: 'use `tags`',
}

interface NamesSource extends Pick<Diagnostics, 'report' | 'warn'> {
  readonly env: Env
}

/**
 * PURE: reports every input that the action does not have. It is only a warning where the variable probably is of
 * something else: an input of an enclosing composite action, or a variable of `env`, such as
 * `INPUT_ENVIRONMENT: ${{ inputs.environment }}` for scripts of the job. An action that deletes is strict there too,
 * because a misspelled `dry-run` or `exclude-tags` would delete images.
 */
export function checkNames({ env, report, warn }: NamesSource, known: readonly string[], isDeleting = false): void {
  const inherits = passesParentInputs(env)
  for (const [name, value] of inputsIn(env).filter(([name]) => !known.includes(name))) {
    const problem = `is not an input of this action${hint(name, known)}`
    const [shown, advice] = [shorten(name), remedy(name, inherits)]
    // Without a value, no input would change anything.
    if (value.trim() === '' || (inherits && !isDeleting)) warn(`\`${shown}\` ${problem}`)
    else if (isDeleting || isMisspelled(name, known)) report({ input: shown, expected: `${problem} ${advice}` })
    else warn(`\`${shown}\` ${problem} ${advice}`)
  }
}

/** Names and values of what looks like inputs, which runners write in capital letters. */
function inputsIn(env: Env): (readonly [name: string, value: string])[] {
  return Object.entries(env).flatMap(([variable, value = '']) => {
    const name = /^INPUT_(\P{Ll}+)$/u.exec(variable)?.[1]
    return name === undefined ? [] : [[name.toLowerCase(), value]]
  })
}

/** Whether it was meant to be an input: it resembles one, or no shell could have such a variable. */
function isMisspelled(name: string, known: readonly string[]): boolean {
  return /\W/.test(name) || Object.hasOwn(alternatives, name) || didYouMean(name, known) !== ''
}

/** For a variable that only looks like an input of the step. */
function remedy(name: string, inherits: boolean): string {
  const variable = shorten(`INPUT_${name.toUpperCase()}`)
  return inherits
    ? `If it is an input of an enclosing composite action, write \`${variable}: ''\` in \`env\` of this step`
    : `If the step does not set it, the job has a variable \`${variable}\`: rename the variable`
}

function hint(name: string, known: readonly string[]): string {
  const alternative = Object.hasOwn(alternatives, name) ? alternatives[name] : undefined
  return alternative === undefined ? didYouMean(name, known) || '; the README lists all inputs.' : `: ${alternative}.`
}
