/** What GitHub refused, in its own words. */
export class GithubError extends Error {
  readonly status: number
  constructor(status: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'GithubError'
    this.status = status
  }
}

/** The version, and not the package: that would mean that we may not see it. */
export function isGone({ status, message }: GithubError): boolean {
  return status === 404 && /version not found/i.test(message)
}

/** One call of GitHub's REST API, `GET /orgs/{owner}/…`; a refusal is a `GithubError`. */
export type GithubRequest = (
  route: string,
  parameters: Readonly<Record<string, unknown>>,
) => Promise<{ readonly data: unknown; readonly link: string }>
