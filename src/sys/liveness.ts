import { openRuns, type AskRun } from '../packages/runs.ts'
import type { Event } from '../plan/event.ts'
import { openLiveness, type Liveness } from '../reap/liveness.ts'
import { scopeOf } from '../reap/names.ts'
import type { Fetch } from './fetch.ts'
import { runnerLog } from './log.ts'
import { openOctokit } from './octokit.ts'

/** Nobody waits for the forge longer than that on account of what others left. */
const longest = 10_000

/** Which runs are over, by the forge's account, if the token may ask for it. */
export function openRunLiveness(event: Event, token: string, fetch: Fetch): Liveness {
  const { apiUrl, repository, runId, runAttempt } = event
  // Forgejo and Gitea start a single job again while others of its run go on.
  const attemptsEnd = !/\/api\/v1\/*$/.test(apiUrl)
  let ask: AskRun | undefined
  const askForge: AskRun = (run) => {
    ask ??= openRuns(openOctokit({ apiUrl, token, fetch, log: runnerLog.debug, until: Date.now() + longest }), repository)
    return ask(run)
  }
  return openLiveness({ scope: scopeOf(event), runId, runAttempt, attemptsEnd }, token === '' ? () => Promise.resolve('denied') : askForge)
}
