import { cleanUpRepository } from '../cleanup/registry-cleanup.ts'
import { createResult, type CleanupResult } from '../cleanup/report.ts'
import type { Event } from '../forge/event.ts'
import { createRunStatusCache, type FetchRunStatus } from '../forge/run-status.ts'
import type { CleanupInputs } from '../inputs/cleanup-inputs.ts'
import { errorMessage } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import type { PackageAccess } from '../packages/backend.ts'
import { openPackageRepository } from '../packages/select.ts'
import { createClientFactory } from '../registry/client-factory.ts'
import { formatRepository, type Repository } from '../registry/reference.ts'

type Inputs = Pick<CleanupInputs, 'images' | 'tags' | 'olderThan' | 'runId' | 'untagged' | 'unmarked' | 'dryRun'>

/** What the cleanup action needs from the job. */
export interface CleanupPorts {
  readonly packages: PackageAccess
  readonly fetchRunStatus: FetchRunStatus
  readonly event: Pick<Event, 'runId' | 'runAttempt'>
  /** When to stop, in milliseconds since the epoch. */
  readonly until: number
  readonly log: Pick<Log, 'info' | 'warn'>
}

/** Only a bug in this action throws these; what a registry or an API refuses has error classes of its own. */
const internalErrors = new Set(['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError'])

/**
 * The cleanup action: deletes leftovers of finished runs in each repository, one after the other.
 *
 * @throws the first internal error, after all repositories
 */
export async function cleanUpRegistries(inputs: Inputs, ports: CleanupPorts): Promise<readonly CleanupResult[]> {
  const results: CleanupResult[] = []
  const bugs: Error[] = []
  for (const repository of inputs.images) {
    const result = await cleanUpOne(repository, inputs, ports, bugs)
    logResult(result, ports.log)
    results.push(result)
  }
  for (const { name, audit } of results) {
    const broken = audit?.broken.map(({ tag }) => tag) ?? []
    if (broken.length > 0)
      ports.log.warn(`${name}: incomplete tags: ${broken.join(', ')}. The report lists what is missing.`)
  }
  if (bugs[0]) throw bugs[0]
  return results
}

/** An error in one repository does not stop the cleanup of the others. Internal errors are added to `bugs`. */
async function cleanUpOne(
  repository: Repository,
  inputs: Inputs,
  ports: CleanupPorts,
  bugs: Error[],
): Promise<CleanupResult> {
  const { packages, event, until, fetchRunStatus } = ports
  const { olderThan, runId } = inputs
  const retention = () => ({ now: Date.now(), olderThan, runId })
  try {
    const client = await createClientFactory(packages.registries)(repository)
    const mark = `${event.runId}-${event.runAttempt}-sweep`
    const opened = await openPackageRepository(packages, { repository, client, until, mark })
    return await cleanUpRepository(opened, inputs, createRunStatusCache(fetchRunStatus, retention))
  } catch (error) {
    if (error instanceof Error && internalErrors.has(error.name)) bugs.push(error)
    return {
      ...createResult(formatRepository(repository), inputs.dryRun),
      kept: [{ subject: '', reason: errorMessage(error) }],
    }
  }
}

function logResult({ name, deleted, kept, dryRun }: CleanupResult, log: CleanupPorts['log']): void {
  const done = dryRun ? 'Would delete' : 'Deleted'
  deleted.forEach(({ subject, reason }) => log.info(`${done} ${name}: ${subject}: ${reason}`))
  kept.forEach(({ subject, reason }) => log.info(`Kept ${name}: ${subject}: ${reason}`))
  const stopped = kept.filter(({ subject }) => subject === '')
  if (stopped.length > 0) log.warn(`${name}: ${stopped.map(({ reason }) => reason).join(' ')}`)
}
