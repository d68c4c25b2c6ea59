import { renderLogLines } from '../report/log-lines.ts'
import { renderOutputs, renderVariables } from '../report/outputs.ts'
import type { RunRecord } from '../report/run-record.ts'
import { createRunReport, type RunResult } from '../report/run-report.ts'
import { renderSummary } from '../report/summary.ts'
import { exportVariables, setOutputs, writeSummary, type SummaryOptions } from './report.ts'
import { runnerLog } from './runner-log.ts'

interface BuildReport {
  readonly record: RunRecord
  readonly took: number
  readonly summary: SummaryOptions
}

/** Outputs, log lines and summary of a build. */
export async function reportBuild(result: RunResult, { record, took, summary }: BuildReport): Promise<void> {
  const report = createRunReport(result, record, took)
  setOutputs(renderOutputs(report))
  // docker/metadata-action sets these variables always; here they are opt-in.
  if (process.env['DOCKER_METADATA_SET_OUTPUT_ENV'] === 'true') exportVariables(renderVariables(report.variants))
  renderLogLines(report).forEach((line) => runnerLog.line(line))
  await writeSummary(renderSummary(report), summary)
}
