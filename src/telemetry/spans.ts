import type { TraceContext } from '../inputs/telemetry.ts'
import { targetLabel } from '../plan/target.ts'
import { measureTargets, type TargetMeasurement } from '../report/measurements.ts'
import { runAttributes, targetAttributes, type MeasuredRun } from './attributes.ts'
import type { Attributes, Span } from './otlp.ts'

interface SpanRequest {
  /** The span of the run. */
  readonly root: TraceContext
  /** The caller's. */
  readonly parent: string | undefined
  readonly createId: () => string
}

const failures = new Set(['failure', 'error'])

/** PURE: one span for the run, for each of its phases and targets, and for each phase of a target. */
export function createSpans(run: MeasuredRun, request: SpanRequest): readonly Span[] {
  const { record, end, now, event, id, job, action } = run
  const { root, parent, createId } = request
  const url = event.repository === '' ? undefined : `${event.serverUrl}/${event.repository}/actions/runs/${event.runId}`
  const common: Attributes = {
    ...runAttributes(run),
    'cicd.pipeline.run.id': event.runId,
    'cicd.pipeline.run.url.full': url,
    'cicd.pipeline.task.run.url.full': url,
    'cicd.pipeline.task.type': action === 'copy' ? 'deploy' : 'build',
    'vcs.ref.head.revision': event.sha || undefined,
  }
  const ended = { 'cicd.pipeline.task.run.result': end.result, 'error.type': end.errorType }
  const whole: Span = {
    id: root.spanId,
    parent,
    name: action === 'build' ? 'multiarch-build' : `multiarch-build ${action}`,
    start: record.began,
    end: now,
    attributes: { ...common, 'cicd.pipeline.task.name': job || action, 'cicd.pipeline.task.run.id': id, ...ended },
    failed: failures.has(end.result),
  }
  const phases = record.phases.map(({ phase, start, end }) =>
    childSpan({ name: phase, start, end }, root.spanId, createId),
  )
  const targets = measureTargets(record).flatMap((target) => targetSpans(target, { run, common, request }))
  return [whole, ...phases, ...targets]
}

interface TargetContext {
  readonly run: MeasuredRun
  readonly common: Attributes
  readonly request: SpanRequest
}

/** None for a target of which nothing started. */
function targetSpans(target: TargetMeasurement, { run, common, request }: TargetContext): Span[] {
  const { whole, phases, entry, result } = target
  if (!whole) return []
  const { root, createId } = request
  const span: Span = {
    id: createId(),
    parent: root.spanId,
    name: targetLabel(target.target),
    start: Math.min(whole.start, phases.boot?.start ?? Infinity),
    end: whole.end,
    attributes: {
      ...common,
      ...targetAttributes(target),
      'cicd.pipeline.task.name': targetLabel(target.target),
      'cicd.pipeline.task.run.id': `${run.id}/${target.target.id}`,
      'multiarch_build.attempts': entry.attempts,
      'multiarch_build.steps': entry.steps.total,
      'multiarch_build.steps.cached': entry.steps.cached,
      'oci.manifest.digest': entry.digest || undefined,
    },
    failed: failures.has(result),
  }
  const parts = Object.entries(phases).map(([name, interval]) => childSpan({ name, ...interval }, span.id, createId))
  return [span, ...parts]
}

function childSpan(named: Pick<Span, 'name' | 'start' | 'end'>, parent: string, createId: () => string): Span {
  return { ...named, id: createId(), parent, attributes: { 'multiarch_build.phase': named.name }, failed: false }
}
