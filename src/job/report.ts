import * as core from '@actions/core'
import { formatError, UserError, UserErrors } from '../lib/errors.ts'
import { InputError } from '../lib/issues.ts'
import { forReader } from './reader.ts'
import { runnerLog } from './runner-log.ts'
import type { CopyResult } from '../report/copy.ts'
import { formatInputIssues } from '../report/input-issues.ts'
import { BuildErrors } from '../report/run-report.ts'
import type { CleanupRun } from '../stories/cleanup.ts'
import type { DryRunResult } from '../stories/problems.ts'
import type { MergeResult } from '../stories/merge.ts'

/** How the job summary is written. */
export interface SummaryOptions {
  /** Replaced in it: it may contain names and output of build steps, which not every runner masks there. */
  readonly secrets: ReadonlySet<string>
  /** The input `summary`. */
  isWanted: boolean
}

const reports = {
  merge: () => [import('../report/merge-report.ts'), import('../report/outputs.ts'), import('../report/summary.ts')],
  copy: () => [import('../report/copy.ts'), import('../report/summary.ts')],
} as const

/** Loads what reports need, while a step waits for its first answers. A failure shows when it is used. */
export function preloadReport(step: keyof typeof reports): void {
  for (const module of reports[step]()) module.catch(() => undefined)
}

/** Outputs, log lines and summary of a merge. */
export async function reportMerge(result: MergeResult, took: number): Promise<void> {
  const { createMergeReport, renderMergeLines, renderMergeSummary } = await import('../report/merge-report.ts')
  const { renderImageOutputs } = await import('../report/outputs.ts')
  const report = createMergeReport(result, took)
  setOutputs(renderImageOutputs(report.variants))
  renderMergeLines(report).forEach((line) => runnerLog.line(line))
  await writeSummary(renderMergeSummary(report))
}

/** The plan, in log and summary. @throws UserErrors if the plan would fail */
export async function reportDryRun({ report, problems }: DryRunResult): Promise<void> {
  const { renderDryRun, renderDryRunSummary } = await import('../report/dry-run.ts')
  renderDryRun(report).forEach((line) => runnerLog.line(forReader(line)))
  await writeSummary(renderDryRunSummary(report))
  if (problems.length > 0) throw new UserErrors(problems)
}

/** Outputs, log lines and summary of a copy. */
export async function reportCopy(result: CopyResult, took: number): Promise<void> {
  const { renderCopyLines, renderCopyOutputs, renderCopySummary } = await import('../report/copy.ts')
  setOutputs(renderCopyOutputs(result))
  renderCopyLines(result, took).forEach((line) => runnerLog.line(line))
  await writeSummary(renderCopySummary(result, took))
}

/** Outputs and summary. @throws the first internal error, or else the other errors */
export async function reportCleanup({ results, errors }: CleanupRun): Promise<void> {
  const { renderCleanup } = await import('../cleanup/report.ts')
  const outputs = renderCleanup(results)
  setOutputs(outputs)
  await writeSummary(outputs.report)
  const bug = errors.find((error) => !(error instanceof UserError))
  if (bug) throw bug
  const failures = errors.filter((error) => error instanceof UserError)
  if (failures.length > 0) throw new UserErrors(failures)
}

/** Makes the step fail: a `UserError` with its hint, any other error with its stack. */
export async function reportFailure(error: unknown, summary: SummaryOptions): Promise<void> {
  const { headline, body } = formatError(error)
  if (error instanceof InputError) {
    error.warnings.forEach((warning) => runnerLog.warn(warning))
    core.setFailed(forReader(formatInputIssues(error.issues)))
  } else {
    runnerLog.line(forReader(body))
    core.setFailed(forReader(headline))
  }
  await writeSummary(await failureSummary(error), summary)
}

async function failureSummary(error: unknown): Promise<string> {
  const { renderErrorSummary, renderFailedSummary } = await import('../report/summary.ts')
  if (error instanceof BuildErrors) return renderFailedSummary(error.record, performance.now())
  const { headline, body } = formatError(error)
  if (!(error instanceof InputError)) return renderErrorSummary(headline, body)
  const [count = '', ...issues] = formatInputIssues(error.issues).split('\n')
  return renderErrorSummary(count, issues.join('\n'))
}

export function setOutputs(outputs: Readonly<Record<string, string>>): void {
  Object.entries(outputs).forEach(([name, value]) => core.setOutput(name, value))
}

export function exportVariables(variables: Readonly<Record<string, string>>): void {
  Object.entries(variables).forEach(([name, value]) => core.exportVariable(name, value))
}

/** Reports without text of build steps. */
const plainSummary: SummaryOptions = { secrets: new Set(), isWanted: true }

/** The work is done when this is called: a summary that cannot be written does not fail the step. */
export async function writeSummary(
  markdown: string,
  { secrets, isWanted }: SummaryOptions = plainSummary,
): Promise<void> {
  if (!process.env['GITHUB_STEP_SUMMARY'] || !isWanted) return
  const { limitSummary, maskSecrets } = await import('../report/summary.ts')
  await core.summary
    .addRaw(limitSummary(maskSecrets(markdown, secrets)))
    .write()
    .catch((error: unknown) => core.warning(`The summary could not be written: ${String(error)}`))
}
