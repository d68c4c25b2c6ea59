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

/**
 * PURE: warns about every input that the action does not have. It is not an issue: a variable `INPUT_…` of the job or
 * of an enclosing composite action looks the same.
 */
export function checkNames(env: Env, known: readonly string[], warn: Diagnostics['warn']): void {
  for (const variable of Object.keys(env)) {
    const name = /^INPUT_(.+)$/.exec(variable)?.[1]?.toLowerCase()
    if (name !== undefined && !known.includes(name))
      warn(`\`${shorten(name)}\` is not an input of this action${hint(name, known)}`)
  }
}

function hint(name: string, known: readonly string[]): string {
  const alternative = Object.hasOwn(alternatives, name) ? alternatives[name] : undefined
  return alternative === undefined ? didYouMean(name, known) || '; the README lists all inputs.' : `: ${alternative}.`
}
