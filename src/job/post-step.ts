import { rmSync } from 'node:fs'
import { saveFile } from '../buildx/install/binary-cache.ts'
import { collectRunnerGarbage } from '../gc/runner.ts'
import { readPostKeys, readPostLogins } from '../inputs/post-inputs.ts'
import { connects } from '../lib/time.ts'
import { startAgent } from '../nodes/ssh/agent.ts'
import type { PackageAccess } from '../packages/backend.ts'
import { loadRegistryHosts } from '../registry/hosts.ts'
import { repositoryScope } from '../run/names.ts'
import { RunDir } from '../run/run-dir.ts'
import type { UndoPorts, UndoRequest } from '../stories/undo.ts'
import type { Job } from './job.ts'
import { resolveLogins } from './logins.ts'
import { createRegistryAccess } from './registries.ts'
import { loadDownload, type MainState } from './state.ts'

interface PostStep {
  readonly request: UndoRequest
  readonly ports: UndoPorts
}

/** Connects the undo story with this job. It authenticates only if something is left to undo. */
export function preparePost(job: Job, state: MainState): PostStep {
  const { event, log, signal } = job
  const { dir, main, cleanup, began } = state
  const { fetch } = createRegistryAccess([], {}, loadRegistryHosts(dir.registries))
  const run = { scope: repositoryScope(event), runId: event.runId }
  return {
    request: { dir, main, tags: cleanup, began, event },
    ports: {
      openPackages: () => openPackages(job, state),
      authenticate: () => restoreAgent(job, dir),
      collectRunnerGarbage: () => collectRunnerGarbage(dir, run, job.runs(fetch)),
      log,
      signal,
    },
  }
}

async function openPackages(job: Job, { dir, images, packagesApi }: MainState): Promise<PackageAccess> {
  const logins = await readPostLogins(job.env, job.event, images)
  const hosts = loadRegistryHosts(dir.registries)
  const { registries } = await resolveLogins(job, { logins, images, push: true, hosts })
  return job.packages(registries, packagesApi)
}

/** Starts the agent again, unless main was killed before it ended its agent. */
async function restoreAgent({ env }: Job, { agentSocket }: RunDir): Promise<void> {
  const keys = readPostKeys(env)
  if (keys.length === 0 || (await connects(agentSocket))) return
  rmSync(agentSocket, { force: true })
  await startAgent(agentSocket, keys)
}

/** Stores the buildx that main downloaded in the job's cache service. */
export async function storeDownload({ env, log, signal }: Job): Promise<void> {
  const file = loadDownload()
  if (file && !signal.aborted) await saveFile(file, RunDir.choose(env['RUNNER_TEMP']).path, log)
}
