import type { Credentials, Login } from '../registry/auth.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import { createHelperRunner, credentialsFor, missingHelpers } from '../registry/credentials/login.ts'
import { formatRepository } from '../registry/reference.ts'
import { createFetch, type RawFetch } from '../lib/http.ts'
import { createRawFetch } from '../lib/raw-fetch.ts'
import { runnerLog } from './runner-log.ts'
import type { RegistryHosts } from '../registry/hosts.ts'

/** Milliseconds after which a registry that does not respond is a warning. */
const longWait = 60_000

/**
 * How this job reaches registries: through its proxy, with the step's own logins first, then those the job already has.
 */
export function createRegistryAccess(
  logins: readonly Login[],
  dockerConfig: unknown,
  hosts: RegistryHosts = {},
): RegistryAccess {
  const transports = new Map<string, RawFetch>()
  return {
    missingHelper: (registry) => missingHelpers(dockerConfig, [registry], process.env)[0],
    isPlain: (host) => hosts[host]?.http === true,
    credentials: createCredentials(logins, dockerConfig),
    fetch: createFetch(process.env, hosts),
    // All clients of a registry share its connections.
    rawFor: (registry) => {
      const raw = transports.get(registry) ?? createRawFetch(process.env, hosts, registry)
      transports.set(registry, raw)
      return raw
    },
    log: runnerLog.debug,
    onWait: (text, waited) => (waited === longWait ? runnerLog.warn(text) : runnerLog.info(text)),
  }
}

const runHelper = createHelperRunner(runnerLog)

function createCredentials(logins: readonly Login[], dockerConfig: unknown): RegistryAccess['credentials'] {
  const cache = new Map<string, Promise<Credentials | undefined>>()
  return (repository) => {
    const name = formatRepository(repository)
    const credentials = cache.get(name) ?? credentialsFor(repository, logins, dockerConfig, runHelper)
    cache.set(name, credentials)
    return credentials
  }
}
