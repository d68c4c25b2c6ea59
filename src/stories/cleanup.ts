import { cleanUpRepository } from '../cleanup/registry-cleanup.ts'
import { createResult, type CleanupResult } from '../cleanup/report.ts'
import type { Event } from '../forge/event.ts'
import { createRunStatusCache, type FetchRunStatus } from '../forge/run-status.ts'
import type { CleanupInputs } from '../inputs/cleanup-inputs.ts'
import { errorMessage, isInternalError, UserError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import type { PackageAccess } from '../packages/backend.ts'
import { unlessNotFound, type PackageRepository } from '../packages/repository.ts'
import { openPackageRepository } from '../packages/select.ts'
import { createClientFactory } from '../registry/client-factory.ts'
import { formatRepository, type Repository } from '../registry/reference.ts'
import { pullRequestId } from '../run/names.ts'

type Inputs = Pick<
  CleanupInputs,
  | 'images'
  | 'tags'
  | 'excludeTags'
  | 'olderThan'
  | 'runId'
  | 'prNumber'
  | 'keepNTagged'
  | 'untagged'
  | 'unmarked'
  | 'dryRun'
>

/** What the cleanup action needs from the job. */
export interface CleanupPorts {
  readonly packages: PackageAccess
  readonly fetchRunStatus: FetchRunStatus
  readonly event: Pick<Event, 'runId' | 'runAttempt' | 'serverUrl' | 'repository'>
  /** When to stop, in milliseconds since the epoch. */
  readonly until: number
  readonly log: Pick<Log, 'info' | 'warn'>
}

export interface CleanupRun {
  readonly results: readonly CleanupResult[]
  /** Why the action fails: internal errors, and repositories that do not exist. */
  readonly errors: readonly Error[]
}

/** The cleanup action: deletes leftovers of finished runs in each repository, one after the other. */
export async function cleanUpRegistries(inputs: Inputs, ports: CleanupPorts): Promise<CleanupRun> {
  const results: CleanupResult[] = []
  for (const repository of inputs.images) {
    const result = await cleanUpOne(repository, inputs, ports)
    logResult(result, ports.log)
    results.push(result)
  }
  for (const { name, audit } of results) {
    const broken = audit?.broken.map(({ tag }) => tag) ?? []
    if (broken.length > 0) ports.log.warn(`${name}: incomplete tags: ${broken.join(', ')}. ${incomplete}`)
  }
  return { results, errors: results.flatMap(({ errors }) => errors) }
}

/** An error in one repository does not stop the cleanup of the others. */
async function cleanUpOne(repository: Repository, inputs: Inputs, ports: CleanupPorts): Promise<CleanupResult> {
  const { packages, event, until, fetchRunStatus } = ports
  const { runId, prNumber, keepNTagged: keep } = inputs
  const pullRequest = prNumber === undefined ? undefined : pullRequestId(event, prNumber)
  const olderThan = pullRequest === undefined ? inputs.olderThan : 0
  const retention = keep === undefined ? undefined : { keep, olderThan }
  const request = { ...inputs, pullRequest, retention }
  const runs = createRunStatusCache(fetchRunStatus, () => ({ now: Date.now(), olderThan, runId }))
  try {
    const client = await createClientFactory(packages.registries)(repository)
    const mark = `${event.runId}-${event.runAttempt}-sweep`
    const opened = await openPackageRepository(packages, { repository, client, until, mark })
    if (await isStored(opened)) return await cleanUpRepository(opened, request, runs)
    // The first build of a pull request may have failed: then nothing was pushed.
    if (runId === undefined && pullRequest === undefined) throw missingRepository(opened.name)
    ports.log.warn(`The repository ${opened.name} does not exist, so there is nothing to delete. ${mayBeMisspelled}`)
    return createResult(opened.name, inputs.dryRun)
  } catch (error) {
    return {
      ...createResult(formatRepository(repository), inputs.dryRun),
      errors: error instanceof UserError || isInternalError(error) ? [error] : [],
      kept: [{ subject: '', reason: errorMessage(error) }],
    }
  }
}

async function isStored({ backend, registry, repository }: PackageRepository): Promise<boolean> {
  if ((await unlessNotFound(registry.listTags(repository))) !== undefined) return true
  // Some registries answer 404 for a repository without tags.
  if (backend.capabilities.listsUntagged) for await (const page of backend.list()) if (page.length > 0) return true
  return false
}

/** A misspelled `image` must not look like a repository without leftovers. */
function missingRepository(name: string): UserError {
  return new UserError({ code: 'inputs', message: `image: the repository ${name} does not exist`, hint: unknownHint })
}

const incomplete =
  'They refer to manifests that do not exist, which the report lists. Push these tags again, or delete them.'
const unknownHint =
  'Check its spelling. Some registries remove a repository together with its last image: then remove it from `image`.'
const mayBeMisspelled = 'If a build has pushed an image to it, check the spelling of `image`.'

function logResult({ name, deleted, kept, dryRun }: CleanupResult, log: CleanupPorts['log']): void {
  const done = dryRun ? 'Would delete' : 'Deleted'
  deleted.forEach(({ subject, reason }) => log.info(`${done} ${name}: ${subject}: ${reason}`))
  kept.forEach(({ subject, reason }) => log.info(`Kept ${[name, subject, reason].filter(Boolean).join(': ')}`))
  if (deleted.length + kept.length === 0) log.info(`${name}: nothing to delete`)
  const stopped = kept.filter(({ subject }) => subject === '')
  if (stopped.length > 0) log.warn(`${name}: ${stopped.map(({ reason }) => reason).join(' ')}`)
}
