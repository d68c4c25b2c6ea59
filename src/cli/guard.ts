import { spawn } from 'node:child_process'
import type { Env } from '../lib/lists.ts'
import { withoutPlatform } from './environment.ts'

/** The argument of this program that undoes a killed command. It is no option for users. */
export const undoArgument = '--undo-killed'

/**
 * A command that is killed cannot undo what it has done. A shell waits at a pipe that only the command holds open: a
 * line in it means that the command has ended by itself, its end without a line that it was killed. The shell needs
 * hardly any memory, and outlives `killall node`.
 */
const script = 'read -r line || exec "$@"'

/**
 * Undoes the command with this directory as soon as this process is killed.
 *
 * @param undo the program and its arguments
 * @returns a function for the end of the command, after which nothing is undone
 */
export function startGuard(undo: readonly string[], env: Env): () => void {
  const shell = spawn('/bin/sh', ['-c', script, 'sh', ...undo], {
    env: withoutPlatform(env),
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C, or the end of the terminal, are for the command only.
    detached: true,
  })
  // Without it, the next command undoes a killed one.
  for (const part of [shell, shell.stdin]) part.on('error', () => undefined)
  return () => void shell.stdin.end('\n')
}
