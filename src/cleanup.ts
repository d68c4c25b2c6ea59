import * as core from '@actions/core'
import { openPackages, type PackagesWorld } from './packages/open.ts'
import { openRunBook, openRuns, type RunBook } from './forge/runs.ts'
import { readSweepInputs, type SweepInputs } from './inputs/cleanup-inputs.ts'
import { renderSweep } from './cleanup/report.ts'
import { beginResult, type Result } from './cleanup/result.ts'
import { sweep } from './cleanup/sweep.ts'
import type { Event } from './forge/event.ts'
import { cleanupInputs } from './inputs/input-names.ts'
import { InputError, type InputIssue } from './lib/issues.ts'
import { checkNames } from './inputs/unknown-inputs.ts'
import { openClients } from './registry/clients.ts'
import { readLogins } from './inputs/logins/default-login.ts'
import { preferJobLogins } from './registry/credentials/prefer.ts'
import { formatRepository, type Repository } from './registry/reference.ts'
import { describeMistakes } from './report/input-issues.ts'
import { openRegistries, readJobDockerConfig } from './job/registries.ts'
import { readEvent } from './forge/read-event.ts'
import { exit, runnerLog } from './lib/log.ts'
import { openPackagesWorld } from './job/packages.ts'
import { writePrivately } from './lib/umask.ts'
import { errorMessage } from './lib/errors.ts'
import './lib/listeners.ts'

writePrivately()

/** Jobs of GitHub end after six hours; what is left by then is for the next sweep. */
const longest = 5 * 3_600_000

async function main(): Promise<void> {
  const event = readEvent(process.env)
  const mistakes: InputIssue[] = []
  checkNames(
    process.env,
    cleanupInputs,
    (mistake) => mistakes.push(mistake),
    (text) => core.warning(text),
  )
  const inputs = readSweepInputs(
    (name) => core.getInput(name),
    event,
    (mistake) => mistakes.push(mistake),
  )
  const credentials = {
    username: core.getInput('username'),
    password: core.getInput('password'),
    token: core.getInput('github-token'),
  }
  for (const secret of [credentials.password, credentials.token])
    secret
      .split('\n')
      .filter((line) => line.trim() !== '')
      .forEach((line) => core.setSecret(line))
  const logins = readLogins(credentials, inputs.images, event, (mistake) => mistakes.push(mistake))
  if (mistakes.length > 0) throw new InputError(mistakes)
  const dockerConfig = readJobDockerConfig()
  const packages = openPackagesWorld(
    event,
    openRegistries(
      await preferJobLogins(logins, {
        images: inputs.images,
        push: false,
        registries: openRegistries([], dockerConfig),
        log: runnerLog,
      }),
      dockerConfig,
    ),
    inputs.packagesApi,
  )
  const until = Date.now() + longest
  const runs = openRuns(packages.openGithub(event.apiUrl, until), event.repository)
  const rules = () => ({ now: Date.now(), olderThan: inputs.olderThan, runId: inputs.runId })
  const results: Result[] = []
  for (const repository of inputs.images)
    results.push(await sweepOne({ repository, inputs, event, packages, until, runs: openRunBook(runs, rules) }))
  await tell(results)
}

interface One {
  readonly repository: Repository
  readonly inputs: SweepInputs
  readonly event: Event
  readonly packages: PackagesWorld
  readonly until: number
  readonly runs: RunBook
}

/** One that cannot even be opened is no reason to leave out the others. */
async function sweepOne({ repository, inputs, event, packages, until, runs }: One): Promise<Result> {
  try {
    const client = await openClients(packages.registries)(repository)
    const place = await openPackages(packages, {
      repository,
      client,
      until,
      mark: `${event.runId}-${event.runAttempt}-sweep`,
    })
    return await sweep(place, inputs, runs)
  } catch (error) {
    return {
      ...beginResult(formatRepository(repository), inputs.dryRun),
      kept: [{ subject: '', reason: errorMessage(error) }],
    }
  }
}

async function tell(results: readonly Result[]): Promise<void> {
  const outputs = renderSweep(results)
  Object.entries(outputs).forEach(([name, value]) => core.setOutput(name, value))
  for (const { name, deleted, kept, dryRun } of results) {
    deleted.forEach(({ subject, reason }) =>
      core.info(`${dryRun ? 'Would delete' : 'Deleted'} ${name}: ${subject}: ${reason}`),
    )
    kept.forEach(({ subject, reason }) => core.info(`Kept ${name}: ${subject}: ${reason}`))
    const stopped = kept.filter(({ subject }) => subject === '')
    if (stopped.length > 0) core.warning(`${name}: ${stopped.map(({ reason }) => reason).join(' ')}`)
  }
  for (const { name, audit } of results)
    if (audit && audit.broken.length > 0)
      core.warning(
        `${name}: not whole: ${audit.broken.map(({ tag }) => tag).join(', ')}. The report tells what is missing.`,
      )
  if (process.env['GITHUB_STEP_SUMMARY']) await core.summary.addRaw(outputs.report).write()
}

await main().catch((error: unknown) => {
  if (error instanceof InputError) core.setFailed(describeMistakes(error.issues))
  else runnerLog.warn(`Nothing more was swept: ${errorMessage(error)}`)
})
await exit()
