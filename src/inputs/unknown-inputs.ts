import type { Env } from '../lib/lists.ts'
import { didYouMean, type IssueSink } from '../lib/issues.ts'

/** What other actions call otherwise, or need and this one does not. */
const elsewhere: Readonly<Record<string, string>> = {
  // docker/setup-buildx-action
  config: 'it is called `buildkitd-config` here',
  'config-inline': 'it is called `buildkitd-config-inline` here',
  name: 'the step makes one that is unique on every node; the output `name` tells it',
  // docker/login-action
  logout: 'every login is forgotten when the job ends',
  scope: 'write it into an entry of `registry-auth`',
  // docker/metadata-action
  'bake-target': 'there is no bake file; the output `json` has what it would hold',
  images: 'it is called `image` here',
  'sep-annotations': 'outputs have one entry a line, and `json` has them as lists',
  'sep-labels': 'outputs have one entry a line, and `json` has them as lists',
  'sep-tags': 'outputs have one entry a line, and `json` has them as lists',
  // What people write for ours.
  dockerfile: 'it is called `file` here',
  node: 'it is called `nodes` here',
  platform: 'it is called `platforms` here',
  tag: 'it is called `tags` here',
}

/**
 * PURE: tells every input that the action does not have: runners warn of it at most, and what was meant by it would be
 * missing. On act and its descendants a composite action's own inputs may shine through; there `note` hears of them.
 */
export function checkNames(env: Env, known: readonly string[], report: IssueSink, note: (text: string) => void): void {
  const inner =
    Boolean(env['GITHUB_ACTION_PATH']) && [env['ACT'], env['FORGEJO_ACTIONS'], env['GITEA_ACTIONS']].includes('true')
  for (const variable of Object.keys(env)) {
    const name = /^INPUT_(.+)$/.exec(variable)?.[1]?.toLowerCase()
    if (name === undefined || known.includes(name)) continue
    const expected = `is no input of this action${hint(name, known)}`
    if (inner) note(`${name} ${expected}`)
    else report({ input: name, expected })
  }
}

function hint(name: string, known: readonly string[]): string {
  const instead = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined
  return instead === undefined ? didYouMean(name, known) || '; the README lists them all' : `: ${instead}`
}
