import { isForgejoRunner } from '../forge/platform.ts'
import type { Env } from '../lib/lists.ts'
import { didYouMean } from '../lib/issues.ts'
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

/**
 * PURE: reports every input that the action does not have: runners only warn, and its effect would be missing. On act
 * and its descendants the inputs of an enclosing composite action are visible; there it is only a warning.
 */
export function checkNames(env: Env, known: readonly string[], { report, warn }: Pick<Diagnostics, 'report' | 'warn'>) {
  const isNested = Boolean(env['GITHUB_ACTION_PATH']) && (env['ACT'] === 'true' || isForgejoRunner(env))
  for (const variable of Object.keys(env)) {
    const name = /^INPUT_(.+)$/.exec(variable)?.[1]?.toLowerCase()
    if (name === undefined || known.includes(name)) continue
    const expected = `is not an input of this action${hint(name, known)}`
    if (isNested) warn(`\`${name}\` ${expected}`)
    else report({ input: name, expected })
  }
}

function hint(name: string, known: readonly string[]): string {
  const alternative = Object.hasOwn(alternatives, name) ? alternatives[name] : undefined
  return alternative === undefined ? didYouMean(name, known) || '; the README lists all inputs' : `: ${alternative}`
}
