import type { Fetch, RawFetch } from '../lib/http.ts'
import type { Credentials } from './auth.ts'
import { createRegistryClient, type RegistryClient } from './client.ts'
import type { MissingHelper } from './credentials/login.ts'
import type { OnWait } from './session.ts'
import type { Repository } from './reference.ts'

/** How this job reaches registries. */
export interface RegistryAccess {
  readonly credentials: (repository: Repository) => Promise<Credentials | undefined>
  readonly fetch: Fetch
  /** The transport of a client, which also uses the registry's own authority for its token server and storage. */
  readonly rawFor?: (registry: string) => RawFetch
  /** Why the job's login at a registry cannot be read, if its credential helper is not installed. */
  readonly missingHelper?: (registry: string) => MissingHelper | undefined
  /** Whether plain http is configured for a host. */
  readonly isPlain?: (host: string) => boolean
  /** Called with every failure that is followed by another attempt. */
  readonly log: (text: string) => void
  /** Called with what a long wait is for, and its milliseconds so far. */
  readonly onWait?: OnWait
}

/** Returns the client for a repository; repositories of one registry with the same login share a client. */
export type ClientFactory = (repository: Repository) => Promise<RegistryClient>

/**
 * Clients with the logins of this job; the signal ends their requests.
 *
 * @param options `willPush: false` for repositories that are only read: their tokens need no right to push
 */
export function createClientFactory(
  access: RegistryAccess,
  signal?: AbortSignal,
  { willPush } = { willPush: true },
): ClientFactory {
  const { fetch, rawFor, log, onWait, isPlain } = access
  const clients = new Map<string, RegistryClient>()
  return async (repository) => {
    const { registry } = repository
    const credentials = await access.credentials(repository)
    const key = JSON.stringify([registry, credentials])
    const client =
      clients.get(key) ??
      createRegistryClient({
        registry,
        fetch,
        ...(rawFor && { raw: rawFor(registry) }),
        log,
        willPush,
        ...(onWait && { onWait }),
        ...(isPlain && { isPlain }),
        ...(credentials && { credentials }),
        ...(signal && { signal }),
      })
    clients.set(key, client)
    return client
  }
}
