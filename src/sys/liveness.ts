import { openRuns, type AskRun } from '../packages/runs.ts'
import type { Event } from '../plan/event.ts'
import { openLiveness, type Liveness } from '../reap/liveness.ts'
import { scopeOf } from '../reap/names.ts'
import type { Fetch } from './fetch.ts'
import { runnerLog } from './log.ts'
import { openOctokit } from './octokit.ts'

/** Nobody waits for the forge longer than that on account of what others left. */
const longest = 10_000

/** The forge's account of runs of this repository, if the token may ask for it. */
export function openAskRun({ apiUrl, repository }: Event, token: string, fetch: Fetch): AskRun {
  if (token === '') return () => Promise.resolve('denied')
  let ask: AskRun | undefined
  return (run) => {
    ask ??= openRuns(openOctokit({ apiUrl, token, fetch, log: runnerLog.debug, until: Date.now() + longest }), repository)
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
