import type { CleanupInputs } from '../inputs/cleanup-inputs.ts'
import { loadJobDockerConfig } from '../registry/credentials/docker-config.ts'
import { dropTokenIfJobHasLogin } from '../registry/credentials/platform-token.ts'
import type { CleanupPorts } from '../stories/cleanup.ts'
import type { Job } from './job.ts'
import { createRegistryAccess } from './registries.ts'

/** GitHub ends a job after six hours; a later cleanup continues with what is left. */
const longest = 5 * 3_600_000

/** Connects the cleanup story with this job. */
export async function prepareCleanup(job: Job, inputs: CleanupInputs): Promise<CleanupPorts> {
  const { event, log } = job
  const { images, packagesApi } = inputs
  inputs.warnings.forEach((warning) => log.warn(warning))
  const dockerConfig = loadJobDockerConfig(job.env, log.warn)
  const hosts = inputs.registries
  const registries = createRegistryAccess([], dockerConfig, hosts)
  const logins = await dropTokenIfJobHasLogin(inputs.logins, { images, push: false, registries, log })
  const access = createRegistryAccess(logins, dockerConfig, hosts)
  return {
    packages: job.packages(access, packagesApi),
    fetchRunStatus: job.fetchRunStatus(access.fetch, longest),
    event,
    until: Date.now() + longest,
    log,
  }
}
