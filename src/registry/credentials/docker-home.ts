import { homedir } from 'node:os'
import { join } from 'node:path'

/** The directory of the job's own docker configuration; an empty variable counts as none, as for Docker's tools. */
export function dockerHome(): string {
  const { DOCKER_CONFIG: given = '' } = process.env
  return given === '' ? join(home(), '.docker') : given
}

/** HOME, or `/` for a user whom no passwd knows, as some container platforms make them. */
export function home(): string {
  try {
    return homedir()
  } catch {
    return '/'
  }
}
