import { openRuns, type AskRun } from '../forge/runs.ts'
import type { Event } from '../forge/event.ts'
import { openLiveness, type Liveness } from '../gc/run-status.ts'
import { scopeOf } from '../run/names.ts'
import type { Fetch } from '../registry/fetch.ts'
import { runnerLog } from '../lib/log.ts'
import { openOctokit } from '../forge/octokit.ts'

/** Nobody waits for the forge longer than that on account of what others left. */
const longest = 10_000

/** The forge's account of runs of this repository, if the token may ask for it. */
export function openAskRun({ apiUrl, repository }: Event, token: string, fetch: Fetch): AskRun {
  if (token === '') return () => Promise.resolve('denied')
  let ask: AskRun | undefined
  return (run) => {
    ask ??= openRuns(
      openOctokit({ apiUrl, token, fetch, log: runnerLog.debug, until: Date.now() + longest }),
      repository,
    )
    return ask(run)
  }
}

/** Which runs are over. */
export function openRunLiveness(event: Event, ask: AskRun): Liveness {
  const { apiUrl, runId, runAttempt } = event
  // Forgejo and Gitea start a single job again while others of its run go on.
  const attemptsEnd = !/\/api\/v1\/*$/.test(apiUrl)
  return openLiveness({ scope: scopeOf(event), runId, runAttempt, attemptsEnd }, ask)
}
