import { median, spread, table } from './report.ts'

/** The same work by the action and by other means, in rounds. */
export interface Comparison {
  readonly title: string
  /** What the action is compared with. */
  readonly other: string
  /** `s`: the numbers are milliseconds; `B`: bytes. */
  readonly unit: 's' | 'B'
  readonly rounds: readonly { readonly action: number; readonly other: number }[]
  readonly goal?: { readonly kind: 'ratio' | 'action' | 'difference'; readonly most: number }
}

/** What a benchmark gives: its details as Markdown, and rows for the table of all benchmarks. */
export interface Benchmark {
  readonly details: string
  readonly comparisons: readonly Comparison[]
}

type Turns<Name extends string, Result> = Readonly<Record<Name, (round: number) => Promise<Result>>>

/**
 * Runs every method in each round, one directly after the other, and starts each round with another one: whatever else
 * the machine does slows all of them down alike.
 */
export async function alternate<Name extends string, Result>(
  rounds: number,
  turns: Turns<Name, Result>,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(turns) as Name[]
  const results = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as Record<Name, Result[]>
  for (let round = 1; round <= rounds; round++) {
    const shift = (round - 1) % names.length
    for (const name of [...names.slice(shift), ...names.slice(0, shift)]) results[name].push(await turns[name](round))
  }
  return results
}

/** PURE: what each of two methods cost, round by round. */
export function pairRounds(action: readonly number[], other: readonly number[]): Comparison['rounds'] {
  return action.map((value, index) => ({ action: value, other: other[index] ?? NaN }))
}

/** PURE: one row per comparison, as Markdown. */
export function renderComparisons(comparisons: readonly Comparison[]): string {
  const head = ['what', 'action', 'baseline', 'value of the baseline', 'action / baseline, pair by pair', 'goal']
  return `${table(head, comparisons.map(renderComparison))}\n`
}

function renderComparison({ title, other, unit, rounds, goal }: Comparison): string[] {
  const show = (values: readonly number[]) =>
    unit === 's'
      ? spread(
          values.map((value) => value / 1000),
          2,
          ' s',
        )
      : spread(
          values.map((value) => value / 1000),
          1,
          ' kB',
        )
  const ratios = rounds.map((round) => round.action / round.other)
  return [
    title,
    show(rounds.map((round) => round.action)),
    other,
    show(rounds.map((round) => round.other)),
    spread(ratios, 2),
    goal ? renderGoal(goal, rounds) : '',
  ]
}

function renderGoal({ kind, most }: NonNullable<Comparison['goal']>, rounds: Comparison['rounds']): string {
  const values = {
    ratio: rounds.map(({ action, other }) => action / other),
    action: rounds.map(({ action }) => action),
    difference: rounds.map(({ action, other }) => action - other),
  }
  const reached = median(values[kind])
  const texts = {
    ratio: `≤ ${most.toFixed(2)}`,
    action: `≤ ${most / 1000} kB`,
    difference: `difference ≤ ${most} ms, is ${reached.toFixed(0)} ms`,
  }
  return `${texts[kind]}: ${reached <= most ? 'met' : 'missed'}`
}
