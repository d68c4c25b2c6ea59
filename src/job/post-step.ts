import { rmSync } from 'node:fs'
import { saveFile } from '../buildx/install/binary-cache.ts'
import { collectRunnerGarbage } from '../gc/runner.ts'
import { errorMessage } from '../lib/errors.ts'
import { connects } from '../lib/time.ts'
import { driverOf } from '../nodes/drivers/table.ts'
import type { NodeOutcome } from '../nodes/open.ts'
import { addKeys, startAgent } from '../nodes/ssh/agent.ts'
import type { PackageAccess } from '../packages/backend.ts'
import { loadRegistryHosts, type RegistryHosts } from '../registry/hosts.ts'
import { hasJournal, openJournal } from '../run/journal.ts'
import { repositoryScope } from '../run/names.ts'
import { RunDir } from '../run/run-dir.ts'
import type { UndoPorts, UndoRequest } from '../stories/undo-ports.ts'
import type { Job } from './job.ts'
import { resolveLogins } from './logins.ts'
import { createRegistryAccess } from './registries.ts'
import { loadDownload, type MainState } from './state.ts'

/** Most post steps need no inputs and no nodes. */
const loadInputs = () => import('../inputs/post-inputs.ts')

interface PostStep {
  readonly request: UndoRequest
  readonly ports: UndoPorts
}

/** Connects the undo story with this job. It authenticates only if something is left to undo. */
export async function preparePost(job: Job, state: MainState): Promise<PostStep> {
  const { event, log, signal } = job
  const { dir, main, cleanup, began, images } = state
  const hosts = await loadHosts(job, dir)
  const { fetch } = createRegistryAccess([], {}, hosts)
  const run = { scope: repositoryScope(event), runId: event.runId }
  return {
    request: { dir, main, tags: cleanup, began, event, images },
    ports: {
      openPackages: () => openPackages(job, state, hosts),
      openNodes: (access) => openNodesAgain(job, access),
      authenticate: () => restoreAgent(job, dir),
      collectRunnerGarbage: () => collectRunnerGarbage(dir, run, job.runs(fetch)),
      log,
      signal,
    },
  }
}

/** As main saved them; from the inputs if the run directory is lost. */
async function loadHosts({ env, event, log }: Job, dir: RunDir): Promise<RegistryHosts> {
  if (hasJournal(dir)) return loadRegistryHosts(dir.registries)
  try {
    const { readPostRegistries } = await loadInputs()
    return await readPostRegistries(env, event)
  } catch (error) {
    log.warn(`registries: ${errorMessage(error)}`)
    return {}
  }
}

async function openPackages(
  job: Job,
  { images, packagesApi }: MainState,
  hosts: RegistryHosts,
): Promise<PackageAccess> {
  const { readPostLogins } = await loadInputs()
  const logins = await readPostLogins(job.env, job.event, images)
  const { registries } = await resolveLogins(job, { logins, images, push: true, hosts })
  return job.packages(registries, packagesApi)
}

/** The nodes of the inputs, and the local engine, which `fallback` may have used. */
async function openNodesAgain({ env, event }: Job, dir: RunDir): Promise<readonly NodeOutcome[]> {
  const [{ readPostNodes }, { openLocal, openNodes }] = await Promise.all([loadInputs(), import('../nodes/open.ts')])
  const { localFallback, ...inputs } = await readPostNodes(env, event)
  const nodes = inputs.nodes.filter((spec) => driverOf(spec).collector)
  const request = { ...inputs, nodes, dir, agent: env['SSH_AUTH_SOCK'], workspace: event.workspace }
  const [outcomes, local] = await Promise.all([openNodes(request, openJournal(dir)), openLocal(localFallback)])
  return typeof local === 'string' ? outcomes : [...outcomes, { spec: localFallback, node: local }]
}

/**
 * Starts the agent again. If main or an earlier post step was killed, its agent may still run, without keys: it has
 * forgotten them, or has not got them yet.
 */
async function restoreAgent({ env }: Job, { agentSocket }: RunDir): Promise<void> {
  const { readPostKeys } = await loadInputs()
  const keys = readPostKeys(env)
  if (keys.length === 0) return
  if (await connects(agentSocket)) {
    await addKeys(agentSocket, keys)
    return
  }
  rmSync(agentSocket, { force: true })
  await startAgent(agentSocket, keys)
}

/** Stores the buildx that main downloaded in the job's cache service. */
export async function storeDownload({ env, log, signal }: Job): Promise<void> {
  const file = loadDownload()
  if (file && !signal.aborted) await saveFile(file, RunDir.choose(env['RUNNER_TEMP']).path, log)
}
