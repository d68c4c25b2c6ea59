import { createHash, randomBytes } from 'node:crypto'
import { detectPlatform } from '../forge/platform.ts'
import type { Event } from '../forge/event.ts'
import type { TelemetrySettings, TraceContext } from '../inputs/telemetry.ts'
import type { Env } from '../lib/lists.ts'
import { runAttributes, type MeasuredRun } from './attributes.ts'
export { describeEnd } from './attributes.ts'
import { exportSignal } from './export.ts'
import { createMetrics } from './metrics.ts'
import { encodeMetrics, encodeTraces, type Attributes } from './otlp.ts'
import { createSpans } from './spans.ts'

/** PURE: the span of this run: in the caller's trace, else in one that all jobs of the run of the workflow share. */
export function createRoot({ parent }: Pick<TelemetrySettings, 'parent'>, event: Event): TraceContext {
  return { traceId: parent?.traceId ?? sharedTraceId(event), spanId: randomId() }
}

/**
 * As the OpenTelemetry Collector computes it from GitHub's webhooks (receiver/githubreceiver). Elsewhere run ids are
 * small numbers, so the repository is part of it.
 */
function sharedTraceId(event: Event): string {
  const { runId, runAttempt, serverUrl, repository } = event
  const isShort = detectPlatform(event) === 'forgejo'
  const text = `${isShort ? `${serverUrl}/${repository}/` : ''}${runId}${runAttempt}t`
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function randomId(): string {
  return randomBytes(8).toString('hex')
}

interface SendRequest {
  readonly settings: TelemetrySettings
  readonly run: MeasuredRun
  readonly root: TraceContext
  readonly env: Env
}

/** Sends metrics and traces of a run at the same time. @returns warnings */
export async function sendTelemetry({ settings, run, root, env }: SendRequest): Promise<readonly string[]> {
  const { traces, metrics, parent, traceState } = settings
  const resource: Attributes = { 'service.instance.id': run.id, ...settings.resource, ...resourceOf(run) }
  const spans = () => createSpans(run, { root, parent: parent?.spanId, createId: randomId })
  const problems = await Promise.all([
    metrics && exportSignal(metrics, encodeMetrics(resource, createMetrics(run), run.now), env),
    traces && exportSignal(traces, encodeTraces(resource, { traceId: root.traceId, traceState, spans: spans() }), env),
  ])
  return problems.flatMap((problem, index) =>
    problem === undefined
      ? []
      : [`The ${index === 0 ? 'metrics' : 'traces'} of this run were not accepted: ${problem}.`],
  )
}

function resourceOf(run: MeasuredRun): Attributes {
  return { 'vcs.repository.url.full': runAttributes(run)['vcs.repository.url.full'] }
}
