import type { Event } from '../forge/event.ts'
import { variableOf } from '../inputs/source.ts'
import { parseTelemetry, type TelemetrySettings } from '../inputs/telemetry.ts'
import type { RunRecord } from '../report/run-record.ts'
import type { Job } from './job.ts'

/** Whether anything is sent at all. */
function isOn({ traces, metrics }: TelemetrySettings): boolean {
  return traces !== undefined || metrics !== undefined
}

/** Creates the span of the run, if it is traced: what the run starts belongs to it. */
export async function startTrace(settings: TelemetrySettings, record: RunRecord, event: Event): Promise<void> {
  if (!settings.traces) return
  const { createRoot } = await import('../telemetry/send.ts')
  const { traceId, spanId } = createRoot(settings, event)
  record.traceparent = `00-${traceId}-${spanId}-01`
}

/** A run of an action that is measured. */
interface MeasuredAction {
  readonly action: 'build' | 'merge' | 'copy'
  readonly record: RunRecord
}

/** Does the work of an action and sends its telemetry, also if it fails or is cancelled. */
export async function withTelemetry(job: Job, measured: MeasuredAction, work: () => Promise<void>): Promise<void> {
  let failure: unknown
  try {
    await work()
  } catch (error) {
    failure = error ?? new Error('unknown')
    throw error
  } finally {
    await send(job, measured, failure).catch((error: unknown) => job.log.debug(`No telemetry: ${String(error)}`))
  }
}

async function send(job: Job, { action, record }: MeasuredAction, failure: unknown): Promise<void> {
  const { env, event, log, signal } = job
  const ignore = () => undefined
  const text = (name: string) => (env[variableOf(name)] ?? '').trim()
  // Invalid inputs are reported already, and such a run has no parsed ones.
  const settings = parseTelemetry({ env, text, report: ignore, warn: ignore })
  if (record.isDry || !isOn(settings)) return
  const { createRoot, describeEnd, sendTelemetry } = await import('../telemetry/send.ts')
  const [, traceId, spanId] = (record.traceparent ?? '').split('-')
  const root = traceId !== undefined && spanId !== undefined ? { traceId, spanId } : createRoot(settings, event)
  const run = {
    action,
    record,
    event,
    pipeline: env['GITHUB_WORKFLOW'] ?? '',
    job: env['GITHUB_JOB'] ?? '',
    id: `${event.runId}-${event.runAttempt}-${root.spanId}`,
    end: describeEnd(failure, signal.aborted),
    now: Date.now(),
  }
  const warnings = await sendTelemetry({ settings, run, root, env })
  warnings.forEach((warning) => log.warn(warning))
}
