import type { Event } from '../forge/event.ts'
import { UserError, UserErrors } from '../lib/errors.ts'
import { InputError } from '../lib/issues.ts'
import type { TargetMeasurement, TargetResult } from '../report/measurements.ts'
import type { RunRecord } from '../report/run-record.ts'
import type { Attributes } from './otlp.ts'

/** The end of a run, in the words of OpenTelemetry's conventions for CI/CD. */
interface RunEnd {
  readonly result: TargetResult
  /** A code, never a message: that may contain anything. */
  readonly errorType?: string
}

/** What is measured. */
export interface MeasuredRun {
  readonly action: 'build' | 'merge' | 'copy'
  readonly record: RunRecord
  readonly event: Event
  /** The names of the workflow and of the job. */
  readonly pipeline: string
  readonly job: string
  /** Unique for this step. */
  readonly id: string
  readonly end: RunEnd
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** PURE: how a run has ended. `error` is undefined if it succeeded. */
export function describeEnd(error: unknown, isCancelled: boolean): RunEnd {
  if (isCancelled) return { result: 'cancellation', errorType: 'cancelled' }
  if (error === undefined) return { result: 'success' }
  if (error instanceof InputError) return { result: 'error', errorType: 'inputs' }
  const [first] = error instanceof UserErrors ? error.errors : [error]
  const code = first instanceof UserError ? first.code : 'internal'
  return { result: code === 'build' ? 'failure' : 'error', errorType: code }
}

/**
 * PURE: attributes of every span and metric (https://opentelemetry.io/docs/specs/semconv/cicd/): what a dashboard
 * groups by must be here, since Prometheus keeps the attributes of the resource apart.
 */
export function runAttributes({ action, event, pipeline, job }: MeasuredRun): Attributes {
  const { serverUrl, repository, ref, number } = event
  const [, kind = '', name = ref] = /^refs\/(heads|tags)\/(.+)$/.exec(ref) ?? []
  const type = { heads: 'branch', tags: 'tag' }[kind]
  return {
    'cicd.pipeline.name': pipeline || undefined,
    'cicd.pipeline.task.name': job || undefined,
    'multiarch_build.action': action,
    'vcs.repository.url.full': `${serverUrl}/${repository}`,
    'vcs.ref.head.name': name || undefined,
    'vcs.ref.head.type': type,
    'vcs.change.id': number,
  }
}

/** PURE: attributes of the spans and metrics of a target. */
export function targetAttributes({ target, result, entry }: TargetMeasurement): Attributes {
  return {
    'multiarch_build.platform': target.platform,
    'multiarch_build.variant': target.variant.name || undefined,
    'multiarch_build.emulated': entry.emulated,
    'multiarch_build.fallback': entry.fallback ?? undefined,
    'cicd.worker.name': entry.node,
    'cicd.pipeline.task.run.result': result,
  }
}
