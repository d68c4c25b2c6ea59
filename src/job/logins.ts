import { logWait } from '../lib/time.ts'
import { errorMessage } from '../lib/errors.ts'
import type { Fetch } from '../lib/http.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import { loadJobDockerConfig } from '../registry/credentials/docker-config.ts'
import { dropTokenIfJobHasLogin } from '../registry/credentials/platform-token.ts'
import type { RegistryHosts } from '../registry/hosts.ts'
import type { Repository } from '../registry/reference.ts'
import type { Job } from './job.ts'
import { createRegistryAccess } from './registries.ts'
import type { Login } from '../registry/auth.ts'

interface LoginOptions {
  /** The logins of the step's inputs. */
  readonly logins: readonly Login[]
  readonly images: readonly Repository[]
  /** Those of them without which the step cannot go on; default: all. */
  readonly required?: readonly Repository[]
  /** Repositories that are only read. */
  readonly sources?: readonly Repository[]
  readonly push: boolean
  readonly hosts: RegistryHosts
}

interface ResolvedLogins {
  /** The step's logins that are used: with passwords from AWS, and without the token if the job has a login. */
  readonly logins: readonly Login[]
  /** With these and with the job's own logins. */
  readonly registries: RegistryAccess
  /** The job's own Docker configuration as parsed JSON. */
  readonly dockerConfig: unknown
}

/** Logs in: decides which logins are used, and exchanges AWS keys. */
export async function resolveLogins(job: Job, options: LoginOptions): Promise<ResolvedLogins> {
  const { logins, images, required = images, sources = [], push, hosts } = options
  const { env, log } = job
  const dockerConfig = loadJobDockerConfig(env, log.warn)
  const registries = createRegistryAccess([], dockerConfig, hosts)
  const isMirror = (host: string) =>
    images.some(({ registry }) => registry === host) && !required.some(({ registry }) => registry === host)
  const exchanged = await logWait('logins', exchangeKeys(job, logins, { isMirror, fetch: registries.fetch }), log.info)
  const kept = await dropTokenIfJobHasLogin(exchanged, { images, push, registries, log })
  const onlyRead = sources.filter((source) => !images.some(({ registry }) => registry === source.registry))
  const resolved = await dropTokenIfJobHasLogin(kept, { images: onlyRead, push: false, registries, log })
  // Those of AWS are new; others are masked already, unless they were quoted in YAML.
  const lines = resolved.flatMap(({ password }) => password.split(/[\r\n]+/)).map((line) => line.trim())
  job.mask(lines.filter((line) => line.length > 3))
  return { logins: resolved, registries: createRegistryAccess(resolved, dockerConfig, hosts), dockerConfig }
}

interface KeyOptions {
  /** Whether a registry has nothing but mirrors. */
  readonly isMirror: (registry: string) => boolean
  readonly fetch: Fetch
}

/** A mirror without a login is not updated, which is reported when the image is published. */
async function exchangeKeys(
  { env, log }: Job,
  logins: readonly Login[],
  { isMirror, fetch }: KeyOptions,
): Promise<readonly Login[]> {
  const access = { env, fetch }
  const exchange = async (some: readonly Login[]) => {
    if (!some.some(({ ecr = false, hubOidc = false }) => ecr || hubOidc)) return some
    const { exchangeHubTokens } = await import('../registry/credentials/docker-hub-oidc.ts')
    const { exchangeEcrKeys } = await import('../registry/credentials/ecr.ts')
    return await exchangeEcrKeys(await exchangeHubTokens(some, access), access)
  }
  const required = exchange(logins.filter(({ registry }) => !isMirror(registry)))
  const optional = logins
    .filter(({ registry }) => isMirror(registry))
    .map(async (login) => {
      return await exchange([login]).catch((error: unknown) => {
        log.warn(`No login at ${login.registry}, which has only mirrors: ${errorMessage(error)}`)
        return []
      })
    })
  return [...(await required), ...(await Promise.all(optional)).flat()]
}
