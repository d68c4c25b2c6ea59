import type { Trust } from './trust.ts'

/** Who runs us, for what: the forge's account of this run, read once by `sys/event.ts`. */
export interface Event {
  /** `https://github.com`, a GHES, Forgejo or Gitea server; no trailing slash. */
  readonly serverUrl: string
  readonly apiUrl: string
  /** `owner/name` */
  readonly repository: string
  readonly runId: string
  readonly runAttempt: number
  /** `push`, `pull_request`, `schedule`, … */
  readonly name: string
  /** `refs/heads/main`, `refs/tags/v1`, `refs/pull/7/merge`; empty where the forge gives none. */
  readonly ref: string
  readonly sha: string
  readonly actor: string
  readonly defaultBranch?: string
  /** Undefined where the payload does not say. */
  readonly isPrivate?: boolean
  /** Whose code this run builds. */
  readonly trust: Trust
  /** The directory with the checkout, absolute. */
  readonly workspace: string
  /** When the step began. */
  readonly now: Date
  /** When the commit of `sha` was made; undefined where nobody says. */
  readonly commitDate?: Date
  /** Of a pull request. */
  readonly number?: string
  /** The last commit of a pull request's own branch; `sha` may be its merge with the base. */
  readonly headSha?: string
  /** The branch a pull request goes to, or a pushed tag comes from, as the payload has it. */
  readonly baseRef?: string
  readonly about: About
}

/** What the forge says of the repository; empty where it says nothing. */
export interface About {
  readonly title: string
  readonly description: string
  /** Of its page. */
  readonly url: string
  /** In the words of https://spdx.org/licenses */
  readonly license: string
}
