import { beforeAll, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { completionScript } from '../../src/cli/help.ts'
import { tryRun } from '../farm/exec.ts'
import { ensureCheckers } from '../farm/optional-tools.ts'

// The scripts of `completion`, loaded by the shells as their users load them.
let root: string

beforeAll(async () => {
  root = await ensureCheckers()
}, 900_000)

/** How each shell lists what the Tab key would offer after a text. */
const askShell: Readonly<Record<string, (line: string) => readonly string[]>> = {
  bash: (line) => [
    'bash',
    '--norc',
    '-c',
    `source /tmp/script; COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _multiarch_build
     printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  // Its own completion then selects the words that begin with the text.
  zsh: (line) => [
    'zsh',
    '-f',
    '-c',
    `source /tmp/script; [[ $_comps[multiarch-build] = *_multiarch_build ]] || exit 1
     setopt ksh_arrays; COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _multiarch_build
     print -l -- "\${COMPREPLY[@]}"`,
  ],
  fish: (line) => ['fish', '--no-config', '-c', `source /tmp/script; complete -C '${line}'`],
}

async function complete(shell: string, line: string): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'completion-'))
  writeFileSync(join(dir, 'script'), completionScript(shell) ?? '')
  const script = [
    'for name in proc dev; do mount --rbind /$name "$1/$name"; done',
    'mount --bind "$2" "$1/tmp"',
    'root=$1; shift 2',
    'exec env -i PATH=/usr/sbin:/usr/bin HOME=/tmp LC_ALL=C.UTF-8 TERM=dumb chroot "$root" "$@"',
  ].join(' && ')
  const command = askShell[shell]?.(line) ?? []
  const { stdout, stderr } = await tryRun('unshare', ['--mount', 'sh', '-c', script, 'sh', root, dir, ...command])
  rmSync(dir, { recursive: true })
  return `${stdout}\n${stderr}`.split(/\s+/)
}

test.each(Object.keys(askShell))('%s completes commands and the options of a command', async (shell) => {
  expect(await complete(shell, 'multiarch-build co')).toEqual(expect.arrayContaining(['copy', 'completion']))
  const options = await complete(shell, 'multiarch-build copy --re')
  expect(options).toEqual(expect.arrayContaining(['--referrers', '--registries']))
  // An option of another command, and one that a command line may not have.
  expect(options).not.toContain('--keep-builder')
  expect(options).not.toContain('--registry-auth')
})
