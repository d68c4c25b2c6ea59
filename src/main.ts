import * as core from '@actions/core'
import { existsSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { examine, type Examination } from './stories/dry-run.ts'
import { readInputs, secretsOf, type Inputs } from './inputs/inputs.ts'
import { openJournal } from './run/journal.ts'
import { InputError } from './lib/issues.ts'
import type { Event } from './forge/event.ts'
import { tellRegistries } from './inputs/registries.ts'
import { scopeOf } from './run/names.ts'
import { renderExamination, renderExaminationSummary } from './report/dry-run.ts'
import { formatError, UserError, UserErrors } from './lib/errors.ts'
import { describeMistakes } from './report/input-issues.ts'
import { renderOutputs, renderVariables, reportRun } from './report/outputs.ts'
import { renderLines, renderSummary } from './report/summary.ts'
import { resolveLogins } from './registry/credentials/ecr.ts'
import { preferJobLogins } from './registry/credentials/prefer.ts'
import { run } from './stories/build.ts'
import { withCommitDate } from './forge/commit.ts'
import { openRegistries, readJobDockerConfig } from './job/registries.ts'
import { readEvent } from './forge/read-event.ts'
import { openAskRun, openRunLiveness } from './job/run-status.ts'
import { exit, runnerLog } from './lib/log.ts'
import { describeOwner, writeOwner } from './run/owner.ts'
import { openPackagesWorld } from './job/packages.ts'
import { checkAlias, lookForBuildx, provideBuildx } from './buildx/install/provide.ts'
import { RunDir } from './run/run-dir.ts'
import { loadHosts } from './registry/hosts.ts'
import { setPrivateUmask } from './lib/umask.ts'
import './lib/listeners.ts'

setPrivateUmask()

// What a step prints passes through and is garbage at once; on a large machine V8 would let it pile up.
setFlagsFromString('--optimize-for-size')

async function main(began: number, signal: AbortSignal): Promise<void> {
  const { env } = process
  const masked = secretsOf(env)
  masked.forEach((secret) => core.setSecret(secret))
  const event = await withCommitDate(readEvent(env))
  const inputs = await readInputs(env, event, existsSync)
  const dir = RunDir.choose(env['RUNNER_TEMP'])
  const owner = await describeOwner({ scope: scopeOf(event), ...event })
  core.saveState('main', owner.main)
  core.saveState('cleanup', inputs.cleanup)
  core.saveState('began', String(Date.now()))
  core.saveState('packages-api', inputs.packagesApi)
  core.saveState('dir', dir.path)
  dir.create()
  writeOwner(dir, owner)
  await build({ inputs, masked, event, dir, began, signal })
}

interface BuildRequest {
  readonly inputs: Inputs
  /** What the log hides already. */
  readonly masked: readonly string[]
  readonly event: Event
  readonly dir: RunDir
  readonly began: number
  readonly signal: AbortSignal
}

async function build({ inputs, masked, event, dir, began, signal }: BuildRequest): Promise<void> {
  const dockerConfig = readJobDockerConfig()
  const hosts = loadHosts(dir.registries, inputs.registries)
  const images = inputs.variants.flatMap((variant) => variant.images)
  const jobs = openRegistries([], dockerConfig, hosts)
  const resolved = await resolveLogins(inputs.logins, process.env, jobs.fetch)
  const logins = await preferJobLogins(resolved, { images, push: inputs.push, registries: jobs, log: runnerLog })
  // Those of AWS are new; the others are masked already, unless their YAML hid them from that.
  logins
    .flatMap(({ password }) => password.split(/[\r\n]+/))
    .map((line) => line.trim())
    .filter((line) => line.length > 3 && !masked.includes(line))
    .forEach((line) => core.setSecret(line))
  const registries = openRegistries(logins, dockerConfig, hosts)
  const askRun = openAskRun(event, inputs.token, registries.fetch)
  const request = {
    inputs: { ...inputs, logins, registries: hosts, ...tellRegistries(inputs, hosts) },
    event,
    dir,
    signal,
    dockerConfig,
    journal: openJournal(dir),
    log: runnerLog,
    agent: process.env['SSH_AUTH_SOCK'],
    registries,
    liveness: openRunLiveness(event, askRun),
    provideBuildx: async (signal: AbortSignal) => {
      if (inputs.install) await checkAlias()
      const { buildx, save } = await provideBuildx(inputs.buildx, {
        fetch: registries.fetch,
        signal,
        dir,
        log: runnerLog,
        token: event.serverUrl === 'https://github.com' ? inputs.token : '',
        toolCache: process.env['RUNNER_TOOL_CACHE'] ?? '',
        useCache: inputs.cacheBinary,
      })
      if (save) core.saveState('buildx', JSON.stringify(save))
      return buildx
    },
  }
  if (inputs.dryRun) {
    await tellExamination(
      await examine(request, {
        askRun,
        packages: openPackagesWorld(event, registries, inputs.packagesApi),
        findBuildx: () => lookForBuildx(inputs),
      }),
    )
    return
  }
  const result = await run(request)
  Object.entries(renderOutputs(result)).forEach(([name, value]) => core.setOutput(name, value))
  if (inputs.use)
    Object.entries({ BUILDX_BUILDER: result.builder, BUILDX_CONFIG: result.buildxConfig }).forEach(([name, value]) =>
      core.exportVariable(name, value),
    )
  // As docker/metadata-action has it, but only where it is asked for.
  if (process.env['DOCKER_METADATA_SET_OUTPUT_ENV'] === 'true')
    Object.entries(renderVariables(result)).forEach(([name, value]) => core.exportVariable(name, value))
  const report = reportRun(result, performance.now() - began)
  renderLines(report).forEach((line) => runnerLog.line(line))
  await writeSummary(renderSummary(report))
}

/** The plan, in log and summary; then, if it would not work, the reasons. */
async function tellExamination({ report, problems }: Examination): Promise<void> {
  renderExamination(report).forEach((line) => runnerLog.line(line))
  await writeSummary(renderExaminationSummary(report))
  if (problems.length > 0) throw new UserErrors(problems)
}

/** What was to be done is done by then: a summary that cannot be written must not make it a failure. */
async function writeSummary(markdown: string): Promise<void> {
  if (process.env['GITHUB_STEP_SUMMARY'])
    await core.summary
      .addRaw(markdown)
      .write()
      .catch((error: unknown) => core.warning(`The summary was not written: ${String(error)}`))
}

function fail(error: unknown, cancelled: boolean): void {
  if (error instanceof InputError) {
    core.setFailed(describeMistakes(error.issues))
    return
  }
  // Whatever broke because of it: the reason is that somebody cancelled.
  const known = cancelled
    ? new UserError({
        code: 'cancelled',
        message: 'Cancelled',
        hint: 'The post step removes what this run made.',
        details: error instanceof UserError ? [error.message, ...error.details] : [],
        cause: error,
      })
    : error
  const { headline, body } = formatError(known)
  runnerLog.line(body)
  core.setFailed(headline)
}

const cancel = new AbortController()
process.once('SIGINT', () => cancel.abort())
process.once('SIGTERM', () => cancel.abort())
await main(performance.now(), cancel.signal).catch((error: unknown) => fail(error, cancel.signal.aborted))
// The connections that later steps need go on without us; nothing else is worth waiting for.
await exit()
