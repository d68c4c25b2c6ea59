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
 * PURE: reports every input that the action does not have. Where an input of an enclosing composite action looks the
 * same, it is only a warning; an action that deletes is strict there too, because a misspelled `dry-run` or
 * `exclude-tags` would delete images.
 */
export function checkNames({ env, report, warn }: NamesSource, known: readonly string[], isDeleting = false): void {
  const inherits = passesParentInputs(env)
  for (const [variable, value = ''] of Object.entries(env)) {
    const name = /^INPUT_(.+)$/.exec(variable)?.[1]?.toLowerCase()
    if (name === undefined || known.includes(name)) continue
    const problem = `is not an input of this action${hint(name, known)}`
    // Without a value, no input would change anything.
    if (value.trim() === '' || (inherits && !isDeleting)) warn(`\`${shorten(name)}\` ${problem}`)
    else report({ input: shorten(name), expected: `${problem} ${remedy(name, inherits)}` })
  }
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
