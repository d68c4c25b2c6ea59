import type { Env } from './lists.ts'

/** The variable that the command line sets for the steps that it runs on the machine of a user. */
export const commandLineVariable = 'MULTIARCH_BUILD_COMMAND_LINE'

/** Whether the command line runs this step, and not a CI platform. */
export function runsForCommandLine(env: Env = process.env): boolean {
  return env[commandLineVariable] === 'true'
}
