import { runsForCommandLine } from '../lib/command-line.ts'
import { formatDuration } from '../lib/format.ts'
import { targetLabel } from '../plan/target.ts'
import type { TargetMeasurement } from './measurements.ts'
import type { PreviousRun } from './run-record.ts'
import type { RunReport } from './run-report.ts'

/** Milliseconds: a smaller difference says nothing. */
const smallestDifference = 1000

const places: Readonly<Record<string, (name: string) => string>> = {
  heads: (name) => `on \`${name}\``,
  tags: (name) => `of \`${name}\``,
  pull: (name) => `of #${name.split('/')[0] ?? ''}`,
}

/**
 * PURE: `40.0 s faster than run 1234 on main (6 of 10 steps from cache)`; empty if the previous run is not known or had
 * other targets.
 */
export function compareRuns(report: Pick<RunReport, 'variants' | 'previous' | 'took'>, isMarkdown: boolean): string {
  const { variants, previous, took } = report
  const labels = variants.flatMap(({ platforms }) => platforms).map(({ target }) => targetLabel(target))
  if (labels.length !== previous?.targets.size || !labels.every((label) => previous.targets.has(label))) return ''
  const name = formatRun(previous)
  const steps = [...previous.targets.values()].map((target) => target.steps)
  const sum = (key: 'total' | 'cached') => steps.reduce((total, each) => total + each[key], 0)
  const cached = sum('total') === 0 ? '' : ` (${sum('cached')} of ${sum('total')} steps from cache)`
  return `${formatDifference(took - previous.seconds * 1000)} ${isMarkdown ? name.markdown : name.text}${cached}`
}

/** `run 1234 on main` */
function formatRun({ runId, ref, url }: PreviousRun): { readonly text: string; readonly markdown: string } {
  if (runsForCommandLine()) return { text: 'the previous build', markdown: 'the previous build' }
  const name = `run ${runId}`
  const [, kind = '', rest = ''] = /^refs\/(heads|tags|pull)\/(.+)$/.exec(ref) ?? []
  const place = places[kind]?.(rest) ?? ''
  const linked = url === undefined ? name : `[${name}](${url})`
  return { text: `${name} ${place.replaceAll('`', '')}`.trim(), markdown: `${linked} ${place}`.trim() }
}

function formatDifference(ms: number): string {
  if (Math.abs(ms) < smallestDifference) return 'as fast as'
  return `${formatDuration(Math.abs(ms))} ${ms < 0 ? 'faster' : 'slower'} than`
}

/** PURE: `12.3 s, 2 of 5 cached`: the same target in the previous run; `–` if that is not known. */
export function formatPrevious({ entry: { previous } }: TargetMeasurement): string {
  if (!previous) return '–'
  const { seconds, steps } = previous
  return `${formatDuration(seconds * 1000)}, ${steps.cached} of ${steps.total} cached`
}
