import { isNotFound } from '../../lib/errors.ts'
import { NotDeletedError } from '../backend.ts'
import { GithubError, isVersionNotFound } from '../../forge/api-client.ts'

/** What GitHub refuses: the condition, and the reason with the remedy. The first row that matches counts. */
const reasons: readonly {
  readonly matches: (error: GithubError) => boolean
  readonly reason: (error: GithubError, name: string) => string
}[] = [
  {
    matches: ({ message }) => /last tagged version/i.test(message),
    reason: (_, name) => lastTagged(name),
  },
  {
    matches: ({ message }) => /more than 5000 downloads/i.test(message),
    reason: () =>
      'GitHub does not delete a public version with more than 5,000 downloads. Ask GitHub Support to delete it ' +
      '(https://support.github.com). To remove only the tag, push another image with this tag.',
  },
  {
    matches: ({ status, message }) => /rate limit/i.test(message) || status === 429,
    reason: () => 'GitHub’s rate limit was exceeded, with no time left to wait. A later cleanup deletes it.',
  },
  {
    matches: ({ status }) => status === 401,
    reason: ({ message }) => `GitHub rejected the token (${message}). Provide a valid token in \`github-token\`.`,
  },
  {
    matches: (error) => error.status === 403 || isNotFound(error),
    reason: ({ status, message }, name) =>
      `GitHub does not allow this token to read or delete the package ${name} (${status} ${message}). ` +
      'The job needs `permissions: packages: write`, and the package’s settings must give this repository ' +
      'the Admin role under “Manage Actions access”.',
  },
]

/** PURE: the reason why something was not deleted, with the remedy; an unknown error is returned unchanged. */
export function toSkipReason(error: unknown, name: string): unknown {
  if (!(error instanceof GithubError) || isVersionNotFound(error)) return error
  const row = reasons.find(({ matches }) => matches(error))
  return row ? new NotDeletedError(row.reason(error, name), error) : error
}

export const lastTaggedError = (name: string): NotDeletedError => new NotDeletedError(lastTagged(name))

const lastTagged = (name: string): string =>
  `it is the last tagged version of ${name}, which GitHub does not delete. ` +
  'A later cleanup deletes it after another tag was pushed; or delete the whole package manually.'
