import { existsSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Env } from '../lib/lists.ts'
import type { RunDir } from '../run/run-dir.ts'

/**
 * buildx runs Git in the context, for the commit in the provenance. A checkout can contain a directory that is a
 * repository itself, whose configuration names programs: to fetch a missing object, Git would run them on the runner.
 * So Git uses only the repository of a `.git` directory, which no commit can contain. Git accepts the setting only from
 * the user, so this configuration replaces the user's own, which it includes.
 *
 * https://git-scm.com/docs/git-config#Documentation/git-config.txt-safebareRepository
 *
 * @returns the variables for buildx, which passes these on to Git
 */
export function writeGitConfig(dir: RunDir, env: Env): Readonly<Record<string, string>> {
  const home = env['HOME'] ?? homedir()
  const own = [join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'git/config'), join(home, '.gitconfig')]
  const included = env['GIT_CONFIG_GLOBAL'] === undefined ? own : [env['GIT_CONFIG_GLOBAL']]
  const quoted = included.filter((path) => path !== '').map((path) => `\tpath = ${JSON.stringify(path)}\n`)
  if (!existsSync(dir.gitConfig))
    writeFileSync(dir.gitConfig, `[include]\n${quoted.join('')}[safe]\n\tbareRepository = explicit\n`, { mode: 0o600 })
  return { GIT_CONFIG_GLOBAL: dir.gitConfig }
}
