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
 *   nothing, and runs neither hooks nor filters, a file system monitor or a program that verifies signatures.
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

const settings = [
  'core.fsmonitor=false',
  'core.hooksPath=/dev/null',
  'log.showSignature=false',
  'safe.bareRepository=explicit',
]

// Without optional locks Git changes nothing in the repository.
const variables = 'GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 GIT_OPTIONAL_LOCKS=0'

/**
 * To find changed files, `git status` runs the filters that the attributes of a file name, also those of submodules:
 * every filter of the configuration is replaced by none. A name may contain any character but a line end, so it is not
 * an argument.
 */
const script = (command: string) => `#!/bin/sh
export ${variables}
case " $* " in *' status '*)
  count=0
  while IFS= read -r name; do
    test -n "$name" || continue
    export "GIT_CONFIG_KEY_$count=$name" "GIT_CONFIG_VALUE_$count="
    count=$((count + 1))
  done <<END
$(${command} config --name-only --get-regexp '^filter[.]')
END
  export GIT_CONFIG_COUNT=$count
  set -- "$@" --ignore-submodules=dirty
esac
exec ${command} "$@"
`

function writeScript(dir: RunDir, git: string): void {
  const path = join(dir.programs, 'git')
  if (existsSync(path)) return
  const quoted = `'${git.replaceAll("'", `'\\''`)}'`
  mkdirSync(dir.programs, { recursive: true, mode: 0o700 })
  const command = [quoted, ...settings.map((setting) => `-c ${setting}`)].join(' ')
  writeFileSync(path, script(command), { mode: 0o700 })
}
