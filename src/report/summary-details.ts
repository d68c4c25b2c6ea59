import type { Interval } from '../buildx/measure.ts'
import { firstLine, formatDuration, formatRow } from '../lib/format.ts'
import { shorten } from '../lib/issues.ts'
import { targetLabel, type Target } from '../plan/target.ts'
import type { TargetMeasurement } from './measurements.ts'

/** More targets would make a picture that cannot be read, and reach Mermaid's limits. */
const mostPictured = 20
const mostSteps = 5
/** Milliseconds: shorter steps are not worth a row. */
const shortestStep = 1000
/** Milliseconds. */
const shortRun = 15_000
/** Characters of a plain bar. */
const barWidth = 40

/** PURE: when the phases of each target took place; nothing without times. */
export function renderTimeline(targets: readonly TargetMeasurement[]): string[] {
  const timed = targets.filter(({ whole }) => whole)
  if (timed.length === 0) return []
  const picture = timed.length > mostPictured ? renderBars(timed) : renderGantt(timed)
  return [['#### Timeline', '', ...picture].join('\n')]
}

/** Phases that do not overlap much; the others are parts of them. */
const pictured = ['boot', 'build', 'export', 'cacheExport'] as const

function renderGantt(targets: readonly TargetMeasurement[]): string[] {
  const { start, end } = unite(targets.flatMap(intervalsOf))
  // Mermaid writes a time at every fifth of a second of a short run, one over the other.
  const ticks = end - start < shortRun ? ['tickInterval 1second'] : []
  const sections = targets.flatMap((target) => [
    `section ${targetLabel(target.target).replace(/[^\w/. -]/g, '_')}`,
    ...pictured.flatMap((phase) => {
      const interval = target.phases[phase]
      if (!interval) return []
      const lasted = Math.max(1, Math.round(interval.end - interval.start))
      return [`${phase === 'cacheExport' ? 'cache' : phase} :${formatClock(interval.start - start)}, ${lasted}ms`]
    }),
  ])
  const settings = ['gantt', 'dateFormat HH:mm:ss.SSS', 'axisFormat %H:%M:%S', ...ticks]
  return ['```mermaid', ...settings, ...sections, '```']
}

/** One line per target. */
function renderBars(targets: readonly TargetMeasurement[]): string[] {
  const all = unite(targets.flatMap(intervalsOf))
  const width = Math.max(...targets.map(({ target }) => targetLabel(target).length))
  const column = (at: number) => Math.floor(((at - all.start) / Math.max(1, all.end - all.start)) * (barWidth - 1))
  const lines = targets.map((target) => {
    const { start, end } = unite(intervalsOf(target))
    const bar = ' '.repeat(column(start)) + '█'.repeat(column(end) - column(start) + 1)
    return `${targetLabel(target.target).padEnd(width)} ${bar.padEnd(barWidth)} ${formatDuration(target.took)}`
  })
  return ['```text', ...lines, '```']
}

function intervalsOf({ whole, phases }: TargetMeasurement): Interval[] {
  return [whole, phases.boot].flatMap((interval) => interval ?? [])
}

function unite(intervals: readonly Interval[]): Interval {
  const start = Math.min(...intervals.map((each) => each.start))
  return { start, end: Math.max(...intervals.map((each) => each.end)) }
}

/** `00:01:02.500`: no date, so that the axis does not depend on the reader's time zone. */
function formatClock(ms: number): string {
  return new Date(Math.max(0, Math.round(ms))).toISOString().slice(11, 23)
}

/** PURE: the steps that took the most time; nothing if all were short. */
export function renderSlowestSteps(targets: readonly TargetMeasurement[]): string[] {
  const steps = targets.flatMap(({ target, stepTimes }) =>
    stepTimes.filter(({ cached, took }) => !cached && took >= shortestStep).map((step) => ({ target, step })),
  )
  const slowest = steps.sort((a, b) => b.step.took - a.step.took).slice(0, mostSteps)
  if (slowest.length === 0) return []
  const rows = slowest.map(({ target, step }) =>
    formatRow([formatCode(step.name), targetLabel(target), formatDuration(step.took)]),
  )
  return [['#### Slowest steps', '', '| step | target | time |', '|---|---|---:|', ...rows].join('\n')]
}

/** PURE: the first step of each target that no cache served, with the likely reason; nothing if all were cached. */
export function renderMisses(targets: readonly TargetMeasurement[]): string[] {
  const missed = targets.flatMap(({ target, stepTimes, cachesFound, entry: { steps } }) => {
    const first = stepTimes.find(({ name, cached }) => !cached && !isBase(name))
    if (!first || steps.cached === steps.total) return []
    const reason = steps.cached > 0 ? reasonOf(first.name) : reasonOfFirst(first.name, target, cachesFound)
    return [`- ${targetLabel(target)}: ${formatCode(first.name)}: ${reason}.`]
  })
  if (missed.length === 0) return []
  const note = readsSeveralCaches(targets) ? ['', severalCaches] : []
  return [['#### First step that was not cached', '', ...missed, ...note].join('\n')]
}

const severalCaches =
  'If nothing has changed, BuildKit missed these steps because the build read several caches: see ' +
  '[Caching](https://github.com/org/multiarch-build/blob/v1/docs/caching.md#several-caches-with-the-same-steps).'

/** Whether the build of a target read more than one cache. */
function readsSeveralCaches(targets: readonly TargetMeasurement[]): boolean {
  return targets.some(({ cachesFound = [] }) => new Set(cachesFound).size > 1)
}

const emptyCache = 'no step was cached: the cache does not exist yet or could not be read'
const otherCache = 'no step was cached: the cache does not exist yet, could not be read, or has another base image'
/** Likely reasons; the first that matches. */
const reasons: readonly (readonly [instruction: RegExp, reason: string])[] = [
  [/^\[[^\]]*\] (?:COPY|ADD) /, 'a file that it copies has changed'],
  [/^\[[^\]]*\] RUN /, 'the command, a build argument or a variable before it has changed'],
]

function reasonOf(name: string): string {
  return reasons.find(([instruction]) => instruction.test(name))?.[1] ?? 'the instruction has changed'
}

/** Of a target without a cached step: what its first step depends on may have changed, and what it is based on too. */
function reasonOfFirst(
  name: string,
  { cache }: Pick<Target, 'cache'>,
  cachesFound: TargetMeasurement['cachesFound'],
): string {
  if (cachesFound === undefined) return cache?.from.length === 0 ? emptyCache : otherCache
  return cachesFound.length > 0 ? `${reasonOf(name)}, or the base image is another one` : emptyCache
}

function isBase(name: string): boolean {
  return /^\[[^\]]*\] FROM /.test(name)
}

/** One line of inline code that its own backticks do not end. */
function formatCode(text: string): string {
  const line = shorten(firstLine(text))
  const ticks = '`'.repeat(Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length)) + 1)
  return ticks.length > 1 ? `${ticks} ${line} ${ticks}` : `\`${line}\``
}
