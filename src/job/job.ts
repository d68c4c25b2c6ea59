import { allowManyListeners } from '../lib/concurrency.ts'
import * as core from '@actions/core'
import { createGithubRequest, createPlatformRequest } from '../forge/api-client.ts'
import { createEventDetails, detailsTimeout, type EventDetails } from '../forge/event-details.ts'
import { readEvent } from '../forge/event.ts'
import { detectPlatform } from '../forge/platform.ts'
import { createRunStatusFetcher, type FetchRunStatus } from '../forge/run-status.ts'
import { wordingOf } from '../forge/wording.ts'
import { createRunChecker, type RunChecker } from '../gc/run-status.ts'
import { secretVariablesOf } from '../inputs/secret-variables.ts'
import { UserError } from '../lib/errors.ts'
import { withholdVariables } from '../lib/exec.ts'
import { setPrivateUmask } from '../lib/files.ts'
import { createFetch, type Fetch } from '../lib/http.ts'
import { exit } from '../lib/log.ts'
import { runnerLog } from './runner-log.ts'
import { sleep } from '../lib/time.ts'
import type { PackageAccess } from '../packages/backend.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import { repositoryScope } from '../run/names.ts'
import { reportFailure, type SummaryOptions } from './report.ts'

/** The longest time that garbage collection waits for the CI platform's API, in milliseconds. */
const runStatusTimeout = 10_000

/** The job whose step runs in this process, and how that step reaches registries and the CI platform. */
export class Job {
  readonly env = process.env
  readonly log = runnerLog
  readonly event = readEvent(process.env, runnerLog.warn)
  readonly #token = core.getInput('github-token')
  readonly #masked = new Set<string>()
  readonly summary: SummaryOptions = { secrets: this.#masked, isWanted: true }
  #cancel: AbortController | undefined

  constructor() {
    setPrivateUmask()
    allowManyListeners()
    withholdVariables(secretVariablesOf(process.env))
  }

  /** Aborts when the step is cancelled. A step that does not use it ends at once. */
  get signal(): AbortSignal {
    if (!this.#cancel) {
      const cancel = new AbortController()
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => cancel.abort())
      this.#cancel = cancel
    }
    return this.#cancel.signal
  }

  /** Hides texts from the log. */
  mask(secrets: Iterable<string>): void {
    for (const secret of secrets) {
      if (!this.#masked.has(secret)) core.setSecret(secret)
      this.#masked.add(secret)
    }
  }

  /** @param choice the input `packages-api` */
  packages(registries: RegistryAccess, choice: string): PackageAccess {
    const { fetch } = registries
    return {
      choice,
      platform: this.event,
      token: this.#token,
      ownerKind: this.event.ownerKind,
      registries,
      githubClient: (apiUrl, token, until) => createGithubRequest({ ...this.#apiOptions(fetch, until), apiUrl, token }),
      clock: { now: Date.now, sleep },
    }
  }

  /** Fetches the status of runs of this repository, if the token may read it. */
  fetchRunStatus(fetch: Fetch, timeout = runStatusTimeout): FetchRunStatus {
    if (this.#token === '') return () => Promise.resolve('no-token')
    let fetcher: FetchRunStatus | undefined
    return (run) => {
      fetcher ??= createRunStatusFetcher(
        createPlatformRequest(this.#apiOptions(fetch, Date.now() + timeout)),
        this.event.repository,
      )
      return fetcher(run)
    }
  }

  /** Describes this run's repository and commits as the API does, if the job has a token. */
  eventDetails(): EventDetails | undefined {
    if (this.#token === '' || this.event.repository === '') return undefined
    const options = this.#apiOptions(createFetch(this.env), Date.now() + detailsTimeout)
    const signal = AbortSignal.timeout(detailsTimeout)
    return createEventDetails(createPlatformRequest(options), this.event, { signal, log: this.log.debug })
  }

  /** Which runs are finished. */
  runs(fetch: Fetch): RunChecker {
    const { runId, runAttempt } = this.event
    // Forgejo and Gitea can restart a single job while others of its run continue.
    const attemptsEnd = detectPlatform(this.event) !== 'forgejo'
    const self = { scope: repositoryScope(this.event), runId, runAttempt, attemptsEnd }
    return createRunChecker(self, this.fetchRunStatus(fetch))
  }

  /** Runs the step and ends this process, even if connections are open that later steps use. */
  async run(step: () => Promise<void>): Promise<never> {
    await step().catch((error: unknown) =>
      reportFailure(this.#cancel?.signal.aborted ? cancelled(error) : error, this.summary),
    )
    return await exit()
  }

  #apiOptions(fetch: Fetch, until: number) {
    const { debug: log, info: onWait } = this.log
    return { apiUrl: this.event.apiUrl, token: this.#token, fetch, until, log, onWait }
  }
}

/** Whatever fails after a cancellation fails because of it. */
function cancelled(cause: unknown): UserError {
  if (cause instanceof UserError && cause.code === 'cancelled') return cause
  return new UserError({
    code: 'cancelled',
    message: wordingOf('cancelled'),
    hint: wordingOf('cancelledHint'),
    details: cause instanceof UserError ? [cause.message, ...cause.details] : [],
    cause,
  })
}
