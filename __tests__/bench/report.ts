import { copyKinds, type CopyKind, type MeasuredCopy } from './copy.ts'
import type { MeasuredMerge } from './merge.ts'
import type { Measured } from './measure.ts'
import type { MeasuredTest } from './tests.ts'
import { kindNames } from './trace.ts'

export type Network = 'LAN' | '50 ms'
export type Kind = 'cold' | 'second'
export type Method = 'action' | 'manual'

/** Rounds of one scenario; both methods of a round ran one directly after the other. */
export interface Scenario {
  readonly wire: Network
  readonly kind: Kind
  readonly rounds: readonly Readonly<Record<Method, Measured>>[]
  /** Steps that a cache could have served, on each platform. */
  readonly cacheable: number
}

const goals: Readonly<Record<string, number>> = { 'second LAN': 0.4, 'second 50 ms': 0.4 }

/** PURE: the part of the time of the manual commands that a release may take; undefined if there is no goal. */
export function goalOf(scenario: Scenario): number | undefined {
  return goals[titleOf(scenario)]
}

const ways = ['action', 'manual'] as const

/** PURE: everything measured, as Markdown. */
export function renderReport(scenarios: readonly Scenario[]): string {
  const parts = [
    table(
      [
        'release',
        'wire',
        'action',
        'manual',
        'action / manual, pair by pair',
        'goal',
        'SSH connections',
        'steps from cache, amd64 · arm64',
      ],
      scenarios.map(overview),
    ),
    'Phases of the action, one after the other (medians, s):',
    phaseTable(scenarios, 'action'),
    'Phases of the manual commands:',
    phaseTable(scenarios, 'manual'),
    'Work of BuildKit on all nodes; the kinds overlap (medians, s):',
    table(
      ['', ...scenarios.flatMap((scenario) => ways.map((way) => `${titleOf(scenario)}, ${way}`))],
      kindNames.map((kind) => [
        kind,
        ...scenarios.flatMap((scenario) => ways.map((way) => seconds(middle(scenario, way, ({ work }) => work[kind])))),
      ]),
    ),
    ...scenarios.map(remarks),
  ]
  return `${parts.join('\n\n')}\n`
}

export const copyGoals: Readonly<Record<CopyKind, number>> = { 'between registries': 1, 'within one registry': 0.2 }
/** MB. */
const memoryGoal = 100

/** PURE: copies of an image with a layer of 200 MB, as Markdown. */
export function renderCopies(measured: Readonly<Record<CopyKind, readonly MeasuredCopy[]>>): string {
  const rows = copyKinds.map((kind) => {
    const rounds = measured[kind]
    const memory = Math.max(...rounds.map((round) => round.memory))
    return [
      `copy of 200 MB ${kind}`,
      ...compare(rounds, copyGoals[kind]),
      `${memory.toFixed(0)} MB (≤ ${memoryGoal}: ${memory <= memoryGoal ? 'met' : 'missed'})`,
    ]
  })
  return `${table(['copy', ...compared, 'memory'], rows)}\n`
}

export const mergeGoal = 0.5

/** PURE: merges of a split build, as Markdown. */
export function renderMerges(measured: readonly MeasuredMerge[]): string {
  const post = spread(
    measured.map((round) => round.post / 1000),
    2,
    ' s',
  )
  const row = ['merge of 4 variants × 3 platforms', ...compare(measured, mergeGoal), post]
  return `\n${table(['merge', ...compared, 'post (deletes the parts)'], [row])}\n`
}

export const testGoal = 1.1

/** PURE: second releases with a test that does nothing and without, as Markdown. */
export function renderTests(measured: readonly MeasuredTest[]): string {
  const ratios = measured.map(({ tested, untested }) => tested.took / untested.took)
  const works = measured.map(({ testedWork, untestedWork }) => testedWork / untestedWork)
  const took = (way: 'tested' | 'untested') =>
    spread(
      measured.map((round) => round[way].took / 1000),
      1,
      ' s',
    )
  const goal = `≤ ${testGoal.toFixed(2)}: ${median(ratios) <= testGoal ? 'met' : 'missed'}`
  const row = ['test: true', took('tested'), took('untested'), spread(ratios, 2), goal, spread(works, 2)]
  return [
    '',
    table(
      ['second release', 'with', 'without', 'with / without, pair by pair', 'goal', 'processor time, pair by pair'],
      [row],
    ),
    '',
    renderPhases(
      measured.map(({ tested }) => tested),
      measured.map(({ untested }) => untested),
    ),
    '',
  ].join('\n')
}

/** PURE: the phases of runs with a feature and of runs without, as Markdown. */
export function renderPhases(tested: readonly Measured[], untested: readonly Measured[]): string {
  const phase = (runs: readonly Measured[], name: string) =>
    seconds(median(runs.map(({ phases }) => phases[name] ?? NaN)))
  const names = Object.keys(tested[0]?.phases ?? {})
  const rows = names.map((name) => [name, phase(tested, name), phase(untested, name)])
  return table(['phase (medians, s)', 'with', 'without'], rows)
}

const compared = ['action', 'imagetools', 'action / imagetools, pair by pair', 'goal', 'processor time, pair by pair']

function compare(rounds: readonly Omit<MeasuredMerge, 'post'>[], goal: number): string[] {
  const ratios = rounds.map(({ action, imagetools }) => action / imagetools)
  const works = rounds.map(({ actionWork, imagetoolsWork }) => actionWork / imagetoolsWork)
  const took = (way: 'action' | 'imagetools') => rounds.map((round) => round[way] / 1000)
  return [
    spread(took('action'), 2, ' s'),
    spread(took('imagetools'), 2, ' s'),
    spread(ratios, 2),
    `≤ ${goal.toFixed(2)}: ${median(ratios) <= goal ? 'met' : 'missed'}`,
    spread(works, 2),
  ]
}

function overview(scenario: Scenario): string[] {
  const { kind, wire, rounds, cacheable } = scenario
  const ratios = rounds.map((round) => round.action.took / round.manual.took)
  const goal = goalOf(scenario)
  const both = (read: (measured: Measured) => string) =>
    ways.map((way) => [...new Set(rounds.map((round) => read(round[way])))].join(' or ')).join(' / ')
  return [
    kind,
    wire,
    ...ways.map((way) =>
      spread(
        rounds.map((round) => round[way].took / 1000),
        1,
        ' s',
      ),
    ),
    spread(ratios, 2),
    goal === undefined ? '' : `≤ ${goal.toFixed(2)}: ${median(ratios) <= goal ? 'met' : 'missed'}`,
    `${both(({ connections }) => String(connections))} (goal: 2)`,
    kind === 'cold'
      ? ''
      : `${both(({ cached }) => `${cached['linux/amd64'] ?? 0} · ${cached['linux/arm64'] ?? 0}`)} (of ${cacheable})`,
  ]
}

function phaseTable(scenarios: readonly Scenario[], way: Method): string {
  const names = Object.keys(scenarios[0]?.rounds[0]?.[way].phases ?? {})
  const rows = names.map((name) => [
    name,
    ...scenarios.map((scenario) => seconds(middle(scenario, way, ({ phases }) => phases[name] ?? NaN))),
  ])
  return table(
    ['', ...scenarios.map(titleOf)],
    [...rows, ['all', ...scenarios.map((scenario) => seconds(middle(scenario, way, ({ took }) => took)))]],
  )
}

function remarks(scenario: Scenario): string {
  const { rounds, wire } = scenario
  const start = rounds.map(
    ({ action: { phases } }) =>
      ((phases['first line to nodes ready'] ?? NaN) + (phases['nodes ready to buildx'] ?? NaN)) / 1000,
  )
  const goal = wire === 'LAN' ? ` (goal ≤ 0.5 s: ${median(start) <= 0.5 ? 'met' : 'missed'})` : ''
  const memory = Math.max(...rounds.map(({ action }) => action.memory ?? 0))
  const startup = `first line to the start of buildx ${spread(start, 2, ' s')}${goal}`
  return `${titleOf(scenario)}: ${startup}; memory of main at most ${memory.toFixed(0)} MB.`
}

function titleOf({ kind, wire }: Scenario): string {
  return `${kind} ${wire}`
}

function middle({ rounds }: Scenario, way: Method, read: (measured: Measured) => number): number {
  return median(rounds.map((round) => read(round[way])))
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length / 2
  return Number.isInteger(half)
    ? ((sorted[half - 1] ?? NaN) + (sorted[half] ?? NaN)) / 2
    : (sorted[Math.floor(half)] ?? NaN)
}

/** `6.4 s (6.1–6.9)` */
export function spread(values: readonly number[], digits: number, unit = ''): string {
  const range =
    values.length < 2 ? '' : ` (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`
  return `${median(values).toFixed(digits)}${unit}${range}`
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2)
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
}
