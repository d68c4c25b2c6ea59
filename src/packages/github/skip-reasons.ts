import { Kept } from '../backend.ts'
import { GithubError, isGone } from '../../forge/github-errors.ts'

/** PURE: why something was left, and what would help; anything unknown is passed on. */
export function keptByGithub(error: unknown, name: string): unknown {
  if (!(error instanceof GithubError) || isGone(error)) return error
  const { status, message } = error
  if (/last tagged version/i.test(message)) return keptAsLast(name, error)
  if (/more than 5000 downloads/i.test(message)) {
    return new Kept(
      `GitHub does not delete a public version with more than 5,000 downloads. Only GitHub’s support can: https://support.github.com; or take its tag off by pushing another image under it.`,
      error,
    )
  }
  if (/rate limit/i.test(message) || status === 429)
    return new Kept('GitHub asks for fewer requests, and there was no time to wait. A later sweep deletes it.', error)
  if (status === 401)
    return new Kept(`GitHub does not accept the token (${message}). Give \`github-token\` one that is valid.`, error)
  if (status === 403 || status === 404) {
    return new Kept(
      `GitHub does not let this token see or delete the package ${name} (${status} ${message}). The job needs \`permissions: packages: write\`, and the package’s settings must give this repository the Admin role under “Manage Actions access”.`,
      error,
    )
  }
  return error
}

export function keptAsLast(name: string, cause?: unknown): Kept {
  return new Kept(
    `it is the last tagged version of ${name}, which GitHub does not delete. It goes with a later sweep, once another tag was pushed; or delete the whole package by hand.`,
    cause,
  )
}
