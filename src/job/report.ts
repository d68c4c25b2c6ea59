import * as core from '@actions/core'
import { renderCleanup, type CleanupResult } from '../cleanup/report.ts'
import { formatError, UserErrors } from '../lib/errors.ts'
import { InputError } from '../lib/issues.ts'
import { runnerLog } from './runner-log.ts'
import { renderDryRun, renderDryRunSummary } from '../report/dry-run.ts'
import { formatInputIssues } from '../report/input-issues.ts'
import { renderLogLines } from '../report/log-lines.ts'
import { renderOutputs, renderVariables } from '../report/outputs.ts'
import { BuildErrors, createRunReport, type RunResult } from '../report/run-report.ts'
import { renderErrorSummary, renderFailedSummary, renderSummary } from '../report/summary.ts'
import type { DryRunResult } from '../stories/dry-run.ts'

/** Outputs, log lines and summary of a build. */
export async function reportBuild(result: RunResult, took: number): Promise<void> {
  const report = createRunReport(result, took)
  setOutputs(renderOutputs(report))
  // docker/metadata-action sets these variables always; here they are opt-in.
  if (process.env['DOCKER_METADATA_SET_OUTPUT_ENV'] === 'true') exportVariables(renderVariables(report))
  renderLogLines(report).forEach((line) => runnerLog.line(line))
  await writeSummary(renderSummary(report))
}

/** The plan, in log and summary. @throws UserErrors if the plan would fail */
export async function reportDryRun({ report, problems }: DryRunResult): Promise<void> {
  renderDryRun(report).forEach((line) => runnerLog.line(line))
  await writeSummary(renderDryRunSummary(report))
  if (problems.length > 0) throw new UserErrors(problems)
}

export async function reportCleanup(results: readonly CleanupResult[]): Promise<void> {
  const outputs = renderCleanup(results)
  setOutputs(outputs)
  await writeSummary(outputs.report)
}

/** Makes the step fail: a `UserError` with its hint, any other error with its stack. */
export async function reportFailure(error: unknown): Promise<void> {
  if (error instanceof InputError) {
    const [headline = '', ...issues] = formatInputIssues(error.issues).split('\n')
    core.setFailed([headline, ...issues].join('\n'))
    await writeSummary(renderErrorSummary(headline, issues.join('\n')))
    return
  }
  const { headline, body } = formatError(error)
  runnerLog.line(body)
  core.setFailed(headline)
  const isBuild = error instanceof BuildErrors
  await writeSummary(isBuild ? renderFailedSummary(error.run, performance.now()) : renderErrorSummary(headline, body))
}

export function exportVariables(variables: Readonly<Record<string, string>>): void {
  Object.entries(variables).forEach(([name, value]) => core.exportVariable(name, value))
}

function setOutputs(outputs: Readonly<Record<string, string>>): void {
  Object.entries(outputs).forEach(([name, value]) => core.setOutput(name, value))
}

/** The work is done when this is called: a summary that cannot be written does not fail the step. */
async function writeSummary(markdown: string): Promise<void> {
  if (!process.env['GITHUB_STEP_SUMMARY']) return
  await core.summary
    .addRaw(markdown)
    .write()
    .catch((error: unknown) => core.warning(`The summary could not be written: ${String(error)}`))
}
