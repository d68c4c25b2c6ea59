import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { isExecutable } from '../lib/files.ts'
import type { Env } from '../lib/lists.ts'
import type { RunDir } from '../run/run-dir.ts'

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
 * user's own configuration, which the one here includes. If no script can run in the run directory, neither does Git.
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
  const isSafe = isExecutable(writeScript(dir, git))
  const path = isSafe ? { PATH: [dir.programs, env['PATH']].join(delimiter) } : withoutGit
  return { GIT_CONFIG_GLOBAL: dir.gitConfig, ...path }
}

/** With which buildx does not run Git (docker/buildx, build/git.go). */
const withoutGit = { BUILDX_GIT_INFO: 'false', BUILDX_GIT_LABELS: 'false' }

/** A warning if the provenance lacks the commit because no program can run in the run directory. */
export function gitWarnings(dir: RunDir, env: Env): readonly string[] {
  const isMissing = writeGitConfig(dir, env)['BUILDX_GIT_INFO'] === 'false' && env['BUILDX_GIT_INFO'] !== 'false'
  return isMissing ? [noexecWarning(dirname(dir.path))] : []
}

const noexecWarning = (parent: string) =>
  `Programs cannot run in ${parent}, which is probably mounted with \`noexec\`. So buildx does not run Git, and the ` +
  'provenance has no commit. Mount that directory with `exec`, or set `BUILDX_GIT_INFO: "false"` in the `env` of the ' +
  'job, which removes this warning.'

function findGit(env: Env): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, 'git'))
    .find(isExecutable)
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

/** @returns its path */
function writeScript(dir: RunDir, git: string): string {
  const path = join(dir.programs, 'git')
  if (existsSync(path)) return path
  const quoted = `'${git.replaceAll("'", `'\\''`)}'`
  mkdirSync(dir.programs, { recursive: true, mode: 0o700 })
  const command = [quoted, ...settings.map((setting) => `-c ${setting}`)].join(' ')
  writeFileSync(path, script(command), { mode: 0o700 })
  return path
}
