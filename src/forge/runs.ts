import { asRecord, asText } from '../lib/json.ts'
import { GithubError, type GithubRequest } from './github-errors.ts'
import { certainlyEndedBefore, judgeRun, type Judged, type RunAnswer, type RunRules } from './run-of.ts'

export type AskRun = (run: string) => Promise<RunAnswer>

/** Asks the forge for runs of `acme/shop`. @throws where it cannot tell at all */
export function openRuns(request: GithubRequest, repository: string): AskRun {
  const [owner = '', repo = ''] = repository.split('/')
  return async (run) => {
    try {
      return readRun((await request('GET /repos/{owner}/{repo}/actions/runs/{id}', { owner, repo, id: run })).data)
    } catch (error) {
      if (error instanceof GithubError && error.status === 404) return 'unknown'
      if (
        error instanceof GithubError &&
        (error.status === 401 || error.status === 403) &&
        !/rate limit/i.test(error.message)
      )
        return 'denied'
      throw error
    }
  }
}

function readRun(data: unknown): RunAnswer {
  const { status, created_at: created, updated_at: updated, completed_at: completed } = asRecord(data)
  const createdAt = Date.parse(asText(created) || asText(asRecord(data)['started_at']))
  const endedAt = Date.parse(asText(updated) || asText(completed))
  // What cannot be read as ended has not ended.
  const ended = status === 'completed' && !Number.isNaN(endedAt)
  return {
    completed: ended,
    endedAt: ended ? endedAt : Infinity,
    createdAt: Number.isNaN(createdAt) ? Infinity : createdAt,
  }
}

/** Which runs are over, asked once each. */
export interface RunBook {
  judge(run: string): Judged
  learn(runs: Iterable<string>): Promise<void>
  /** Asks once more: somebody may have started it again. */
  again(run: string): Promise<Judged>
}

export function openRunBook(ask: AskRun, rules: () => Omit<RunRules, 'certainlyEnded'>): RunBook {
  const known = new Map<string, RunAnswer>()
  const needless = () => rules().runId !== undefined
  const judge = (run: string): Judged => {
    const answer = known.get(run) ?? 'unknown'
    return judgeRun(run, answer, { ...rules(), certainlyEnded: certainlyEndedBefore(known, rules()) })
  }
  return {
    judge,
    learn: async (runs) => {
      if (needless()) return
      for (const run of runs) if (!known.has(run)) known.set(run, await ask(run))
    },
    again: async (run) => {
      if (!needless()) known.set(run, await ask(run))
      return judge(run)
    },
  }
}
