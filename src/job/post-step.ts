import { saveFile } from '../buildx/install/binary-cache.ts'
import { collectRunnerGarbage } from '../gc/runner.ts'
import { loadDockerConfig } from '../registry/credentials/docker-config.ts'
import { loadScopedLogins } from '../registry/credentials/scoped.ts'
import { loadRegistryHosts } from '../registry/hosts.ts'
import { repositoryScope } from '../run/names.ts'
import { RunDir } from '../run/run-dir.ts'
import type { UndoPorts, UndoRequest } from '../stories/undo.ts'
import type { Job } from './job.ts'
import { createRegistryAccess } from './registries.ts'
import { loadDownload, type MainState } from './state.ts'

interface PostStep {
  readonly request: UndoRequest
  readonly ports: UndoPorts
}

/** Connects the undo story with this job, and with the logins that main used. */
export function preparePost(job: Job, { dir, main, cleanup, packagesApi, began }: MainState): PostStep {
  const { event, log, signal } = job
  const logins = loadScopedLogins(dir.scopedLogins)
  const hosts = loadRegistryHosts(dir.registries)
  const registries = createRegistryAccess(logins, loadDockerConfig(dir.dockerConfig, log.warn), hosts)
  const runs = job.runs(registries.fetch)
  return {
    request: { dir, main, tags: cleanup, began, event },
    ports: {
      packages: job.packages(registries, packagesApi),
      collectRunnerGarbage: () =>
        collectRunnerGarbage(dir, { scope: repositoryScope(event), runId: event.runId }, runs),
      log,
      signal,
    },
  }
}

/** Stores the buildx that main downloaded in the job's cache service. */
export async function storeDownload({ env, log, signal }: Job): Promise<void> {
  const file = loadDownload()
  if (file && !signal.aborted) await saveFile(file, RunDir.choose(env['RUNNER_TEMP']).path, log)
}
