import { isNotFound } from '../lib/errors.ts'
import { asRecord, asText } from '../lib/json.ts'
import { GithubError, type GithubRequest } from './api-client.ts'

interface RunInfo {
  readonly completed: boolean
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly endedAt: number
}

/** What the CI platform answers about a run. */
export type RunState =
  | RunInfo
  /** There is no such run: it was deleted, belongs to another repository, or never existed. */
  | 'unknown'
  /** The token may not read it. */
  | 'denied'
  /** The CI platform does not accept the token: it has expired, or belongs to another server. */
  | 'rejected'
  | 'no-token'

export type FetchRunStatus = (run: string) => Promise<RunState>

interface RunRetention {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** How long ago a run must have ended, in milliseconds. */
  readonly olderThan: number
  /** Only what this run created, of any age. */
  readonly runId?: string | undefined
  /** Every run with a smaller id has certainly ended. */
  readonly certainlyEnded?: bigint | undefined
}

/** Whether what a run created may be deleted, and if not, why. */
type RunVerdict = { readonly expired: true } | { readonly expired: false; readonly reason: string }

const day = 24 * 3_600_000
/** A run lasts up to 35 days, and can be restarted for another 30. */
const longestLife = 65 * day
/** GitHub's run ids passed this number in 2020; the numbers of pull requests have not. */
const smallestRunId = 1_000_000_000n

/** Fetches the status of runs of a repository such as `acme/shop`. @throws if the CI platform gives no answer */
export function createRunStatusFetcher(request: GithubRequest, repository: string): FetchRunStatus {
  const [owner = '', repo = ''] = repository.split('/')
  return async (run) => {
    try {
      return parseRun((await request('GET /repos/{owner}/{repo}/actions/runs/{id}', { owner, repo, id: run })).data)
    } catch (error) {
      if (isNotFound(error)) return 'unknown'
      if (isDenied(error)) return error.status === 401 ? 'rejected' : 'denied'
      throw error
    }
  }
}

function isDenied(error: unknown): error is GithubError {
  if (!(error instanceof GithubError)) return false
  return (error.status === 401 || error.status === 403) && !/rate limit/i.test(error.message)
}

/** GitHub and Gitea report `completed`; Forgejo reports how the run has ended instead. */
const endedStatus = ['completed', 'success', 'failure', 'cancelled', 'skipped']

/** The names of GitHub, of Gitea, and of Forgejo. */
const creationFields = ['created_at', 'started_at', 'created']
const endFields = ['updated_at', 'completed_at', 'updated']

function parseRun(data: unknown): RunState {
  const run = asRecord(data)
  const timeOf = (fields: readonly string[]) =>
    Date.parse(fields.map((field) => asText(run[field])).find((text) => text !== '') ?? '')
  const [createdAt, endedAt] = [timeOf(creationFields), timeOf(endFields)]
  // Without a valid end, the run counts as running.
  const completed = endedStatus.includes(asText(run['status'])) && !Number.isNaN(endedAt)
  return {
    completed,
    endedAt: completed ? endedAt : Infinity,
    createdAt: Number.isNaN(createdAt) ? Infinity : createdAt,
  }
}

/** From the creation of a run to the end of its last attempt, in milliseconds since the epoch. */
export interface RunLifetime {
  readonly createdAt: number
  readonly endedAt: number
}

/** The status of runs, fetched once each. */
export interface RunStatusCache {
  /** Undefined if the CI platform does not know the run, or does not report it. */
  lifetime(run: string): Promise<RunLifetime | undefined>
  classify(run: string): RunVerdict
  load(runs: Iterable<string>): Promise<void>
  /** Fetches the status again: the run may have been restarted. */
  refresh(run: string): Promise<RunVerdict>
}

export function createRunStatusCache(
  fetchStatus: FetchRunStatus,
  retention: () => Omit<RunRetention, 'certainlyEnded'>,
): RunStatusCache {
  const states = new Map<string, RunState>()
  const isStatusNeeded = () => retention().runId === undefined
  const classify = (run: string): RunVerdict => {
    const state = states.get(run) ?? 'unknown'
    const current = retention()
    // Only an unknown run has to be compared with all others.
    const certainlyEnded = state === 'unknown' ? findFinishedBefore(states, current) : undefined
    return classifyRun(run, state, { ...current, certainlyEnded })
  }
  return {
    lifetime: async (run) => {
      const state = states.get(run) ?? (await fetchStatus(run))
      states.set(run, state)
      return typeof state === 'string' ? undefined : state
    },
    classify,
    load: async (runs) => {
      if (!isStatusNeeded()) return
      for (const run of runs) if (!states.has(run)) states.set(run, await fetchStatus(run))
    },
    refresh: async (run) => {
      if (isStatusNeeded()) states.set(run, await fetchStatus(run))
      return classify(run)
    },
  }
}

/** PURE: the run id in a temporary tag: `pr-<run_id>[-…]`, `build-<sha>-<run_id>[-…]`. */
export function parseRunId(tag: string): string | undefined {
  return /^pr-(\d+)(?:-|$)/.exec(tag)?.[1] ?? /^build-[0-9a-f]{7,64}-(\d+)(?:-|$)/.exec(tag)?.[1]
}

/** PURE: whether a number can only be a run id: `pr-17` usually is pull request 17, pushed by other tools. */
export function isCertainlyRunId(run: string): boolean {
  return BigInt(run) >= smallestRunId
}

/** PURE: what a run created may be deleted only if the run ended long enough ago. */
function classifyRun(run: string, state: RunState, retention: RunRetention): RunVerdict {
  const reason = retentionReason(run, state, retention)
  return reason === undefined ? { expired: true } : { expired: false, reason }
}

const unreadableReasons = {
  denied: (run: string) =>
    `the token has no permission to read run ${run}. Give the job \`permissions: actions: read\`.`,
  rejected: (run: string) =>
    `the CI platform does not accept the token, so whether run ${run} has finished is unknown. Check \`github-token\`.`,
  'no-token': (run: string) =>
    `\`github-token\` is empty, so whether run ${run} has finished is unknown. Set it to a token that may read runs.`,
} as const

function isUnreadable(state: RunState): state is keyof typeof unreadableReasons {
  return typeof state === 'string' && state !== 'unknown'
}

function retentionReason(
  run: string,
  state: RunState,
  { now, olderThan, runId, certainlyEnded }: RunRetention,
): string | undefined {
  if (runId !== undefined) return run === runId ? undefined : `it belongs to run ${run}, not to run ${runId}.`
  if (isUnreadable(state)) return unreadableReasons[state](run)
  if (state === 'unknown') {
    if (certainlyEnded !== undefined && isCertainlyRunId(run) && BigInt(run) < certainlyEnded) return undefined
    return `run ${run} not found; it may belong to another repository and still be running.`
  }
  if (!state.completed) return `run ${run} is still running.`
  const age = now - state.endedAt
  return age < olderThan
    ? `run ${run} ended only ${Math.max(0, Math.floor(age / 3_600_000))} h ago, which is less than \`older-than\`.`
    : undefined
}

/** PURE: an id such that all runs with smaller ids ended long enough ago, since ids grow with time. */
function findFinishedBefore(
  states: Iterable<readonly [string, RunState]>,
  { now, olderThan }: Pick<RunRetention, 'now' | 'olderThan'>,
): bigint | undefined {
  let largest: bigint | undefined
  for (const [run, state] of states) {
    if (typeof state === 'string' || now - state.createdAt < longestLife + olderThan || !isCertainlyRunId(run)) continue
    if (largest === undefined || BigInt(run) > largest) largest = BigInt(run)
  }
  return largest
}

/** PURE: whether a tag matches one of the patterns, in which `*` stands for any text. */
export function matchesPattern(tag: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const compiled = compiledPatterns.get(pattern) ?? compilePattern(pattern)
    compiledPatterns.set(pattern, compiled)
    return compiled.test(tag)
  })
}

/** Few patterns are compared with all tags of a repository. */
const compiledPatterns = new Map<string, RegExp>()

function compilePattern(pattern: string): RegExp {
  const escape = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${pattern.split('*').map(escape).join('.*')}$`)
}
