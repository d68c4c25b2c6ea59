/** What the forge says of a run. */
interface RunInfo {
  readonly completed: boolean
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly endedAt: number
}

export type RunAnswer =
  | RunInfo
  /** The forge has no such run: deleted, of another repository, or no run at all. */
  | 'unknown'
  /** The token may not ask. */
  | 'denied'

export interface RunRules {
  readonly now: number
  /** How long ago a run must have ended. */
  readonly olderThan: number
  /** Only this run's, whatever its age. */
  readonly runId?: string | undefined
  /** Every run with a smaller id has ended for certain. */
  readonly certainlyEnded?: bigint | undefined
}

export type Judged = { readonly dead: true } | { readonly dead: false; readonly reason: string }

const day = 24 * 3_600_000
/** A run lasts 35 days at most, and may be started again for 30. */
const longestLife = 65 * day
/** GitHub's ids passed this in 2020; the numbers of pull requests have not. */
const certainlyRunId = 1_000_000_000n

/** PURE: the run that a temporary tag names: `pr-<run_id>[-…]`, `build-<sha>-<run_id>[-…]`. */
export function runOfTag(tag: string): string | undefined {
  return /^pr-(\d+)(?:-|$)/.exec(tag)?.[1] ?? /^build-[0-9a-f]{7,64}-(\d+)(?:-|$)/.exec(tag)?.[1]
}

/** PURE: whether a number can be nothing but a run's id: `pr-17` mostly is the pull request 17, made by other tools. */
export function isRunId(run: string): boolean {
  return BigInt(run) >= certainlyRunId
}

/** PURE: what is made by a run may go only if that run has ended long enough ago. */
export function judgeRun(run: string, answer: RunAnswer, { now, olderThan, runId, certainlyEnded }: RunRules): Judged {
  if (runId !== undefined)
    return run === runId
      ? { dead: true }
      : { dead: false, reason: `run ${run} made it, and only run ${runId} was asked for.` }
  if (answer === 'denied')
    return {
      dead: false,
      reason: `the token may not ask about run ${run}. Give the job \`permissions: actions: read\`.`,
    }
  if (answer === 'unknown') {
    if (certainlyEnded !== undefined && isRunId(run) && BigInt(run) < certainlyEnded) return { dead: true }
    return { dead: false, reason: `no run ${run} is known here, so it may be another repository's, and alive.` }
  }
  if (!answer.completed) return { dead: false, reason: `run ${run} goes on.` }
  if (now - answer.endedAt < olderThan)
    return {
      dead: false,
      reason: `run ${run} ended only ${Math.max(0, Math.floor((now - answer.endedAt) / 3_600_000))} h ago.`,
    }
  return { dead: true }
}

/** PURE: the largest known id of which all smaller ones must have ended long enough ago: ids grow with time. */
export function certainlyEndedBefore(
  known: Iterable<readonly [string, RunAnswer]>,
  { now, olderThan }: Pick<RunRules, 'now' | 'olderThan'>,
): bigint | undefined {
  let largest: bigint | undefined
  for (const [run, answer] of known) {
    if (typeof answer === 'string' || now - answer.createdAt < longestLife + olderThan || !isRunId(run)) continue
    if (largest === undefined || BigInt(run) > largest) largest = BigInt(run)
  }
  return largest
}

/** PURE: whether a tag fits one of the patterns, in which `*` stands for anything. */
export function matches(tag: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    new RegExp(
      `^${pattern
        .split('*')
        .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
        .join('.*')}$`,
    ).test(tag),
  )
}
