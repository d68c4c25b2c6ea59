import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Env } from '../lib/lists.ts'
import type { RunDir } from '../run/run-dir.ts'
import { isExecutable } from './find.ts'

/**
 * buildx runs Git in the context, for the commit in the provenance. The context can contain a repository whose
 * configuration names programs: to fetch a missing object, Git would run them on the runner.
 *
 * - A checkout can contain a directory that is a repository itself. So Git uses only the repository of a `.git`
 *   directory, which no commit can contain:
 *   https://git-scm.com/docs/git-config#Documentation/git-config.txt-safebareRepository
 * - An earlier step can have unpacked a `.git` directory, or a file `.git` that names another one. So Git fetches
 *   nothing, and runs neither hooks nor a file system monitor.
 *
 * buildx passes Git only a few variables: PATH, on which a script runs Git with these settings, and the name of the
 * user's own configuration, which is for a temporary directory in which no program can run. It includes the user's own.
 *
 * @returns the variables for buildx
 */
export function writeGitConfig(dir: RunDir, env: Env): Readonly<Record<string, string>> {
  const home = env['HOME'] ?? homedir()
  const own = [join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'git/config'), join(home, '.gitconfig')]
  const included = env['GIT_CONFIG_GLOBAL'] === undefined ? own : [env['GIT_CONFIG_GLOBAL']]
  const quoted = included.filter((path) => path !== '').map((path) => `\tpath = ${JSON.stringify(path)}\n`)
  if (!existsSync(dir.gitConfig))
    writeFileSync(dir.gitConfig, `[include]\n${quoted.join('')}[safe]\n\tbareRepository = explicit\n`, { mode: 0o600 })
  const git = findGit(env)
  if (git === undefined) return { GIT_CONFIG_GLOBAL: dir.gitConfig }
  writeScript(dir, git)
  return { GIT_CONFIG_GLOBAL: dir.gitConfig, PATH: [dir.programs, env['PATH']].join(delimiter) }
}

function findGit(env: Env): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, 'git'))
    .find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true && isExecutable(path))
}

const settings = ['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'safe.bareRepository=explicit']

function writeScript(dir: RunDir, git: string): void {
  const path = join(dir.programs, 'git')
  if (existsSync(path)) return
  const command = `exec '${git.replaceAll("'", `'\\''`)}' ${settings.map((setting) => `-c ${setting}`).join(' ')} "$@"`
  mkdirSync(dir.programs, { recursive: true, mode: 0o700 })
  writeFileSync(path, `#!/bin/sh\nexport GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1\n${command}\n`, { mode: 0o700 })
}
